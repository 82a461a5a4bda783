"""What was found out of files is kept for the next process, which asks it anew only of files that have changed.

It is kept in one JSON file in the dataset's folder or, where that cannot be written, in the user's cache folder. Deleting that
file is safe at any time: everything is found out again. It is replaced as a whole, without a lock; of two processes that write at
once one may lose what it found, which costs time alone. A file that is torn, was changed by hand, is of another kind, or could
have been written by somebody who could not have written the images, is passed over.

A file counts as unchanged while its size, its inode and its times of change are. What was found of a file that had changed a
moment before is not kept: within the granularity of the file system's clock it might change again and keep its times.
"""

import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pcsweep.machine.files import clock, replacing
from pcsweep.machine.folders import user_cache

NAME = ".pcsweep_hashes.json"
_FORMAT = 1  # of the file, and of what is asked; another one is passed over
_SETTLED, _SETTLED_BY_ANOTHER_CLOCK = 2.0, 60.0  # seconds since its last change after which a file is taken to be at rest
_MOST = 1 << 30  # bytes of the file

Stamp = tuple[int, int, int, int]
Answers = dict[str, str]  # by what was asked
_log = logging.getLogger(__name__)


class Kept:
    """Answers to what was asked of the files below a folder, for any number of threads.

    Args:
        folder: of the dataset.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._new: dict[str, tuple[Stamp, Answers]] = {}

    def answer(self, path: Path, asked: str, find: Callable[[], str]) -> str:
        """What is kept of an unchanged file, or else what `find` finds.

        Args:
            path: of the file.
            asked: names what is asked, with all that decides the answer beside the file's content.
            find: gives the answer, reading the file; what it raises is not kept.
        """
        name = os.fspath(path.absolute()).removeprefix(f"{self._folder}/")
        before = _stamp(path)
        for known in (self._new.get(name), self._there.get(name)):
            if known and known[0] == before and asked in known[1]:
                return known[1][asked]
        found = find()
        if before and before == _stamp(path) and self._is_settled(before):
            stamp, answers = self._new.get(name, (before, {}))
            self._new[name] = (before, {**(answers if stamp == before else {}), asked: found})
        return found

    def keep(self) -> None:
        """Writes what is new, beside what others have written meanwhile; nothing where there is nothing new."""
        if not self._new:
            return
        for place in self._places:
            try:
                _write(place, self._folder, {**_read(place, self._folder), **self._joined()})
            except OSError as error:
                _log.debug("Hashes are not kept in %s: %s", place, error)
            else:
                return

    def _joined(self) -> dict[str, tuple[Stamp, Answers]]:
        """The new answers, with older ones on the same files."""
        return {
            name: (stamp, {**(there[1] if (there := self._there.get(name, (stamp, {})))[0] == stamp else {}), **answers})
            for name, (stamp, answers) in self._new.items()
        }

    @cached_property
    def _there(self) -> Mapping[str, tuple[Stamp, Answers]]:
        """What was kept before, the dataset's own last."""
        found: dict[str, tuple[Stamp, Answers]] = {}
        for place in reversed(self._places):
            found |= _read(place, self._folder)
        return found

    @cached_property
    def _places(self) -> tuple[Path, ...]:
        """Where the file may be, the first that can be written first."""
        own = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:32]
        return (self._folder / NAME, user_cache() / "hashes" / f"{own}.json")

    def _is_settled(self, stamp: Stamp) -> bool:
        ahead, rest = self._clock
        return (time.time() + ahead) * 1e9 - max(stamp[1:3]) > rest * 1e9

    @cached_property
    def _clock(self) -> tuple[float, float]:
        """By how many seconds the file system's clock is ahead of this machine's, and how long a file must have been at rest."""
        try:
            return clock(self._folder) - time.time(), _SETTLED
        except OSError:  # the folder cannot be written
            return 0.0, _SETTLED_BY_ANOTHER_CLOCK


def _stamp(path: Path) -> Stamp | None:
    """What changes with a file; None where it cannot be looked at, of which reading says why."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _read(place: Path, folder: Path) -> dict[str, tuple[Stamp, Answers]]:
    """What a file says of the files in the folder; nothing where it is none that can be trusted."""
    try:
        with open(place, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK)) as file:
            status = os.fstat(file.fileno())
            trusted = {0, os.geteuid(), os.stat(folder).st_uid}
            if not stat.S_ISREG(status.st_mode) or status.st_uid not in trusted or status.st_mode & stat.S_IWOTH:
                return {}
            checksum, _, text = file.read(_MOST).partition(b"\n")
        if checksum.decode() != _checksum(text, place, folder):
            return {}
        found: dict[str, Any] = json.loads(text)
        return {name: (tuple(stamp), answers) for name, (stamp, answers) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _write(place: Path, folder: Path, found: Mapping[str, tuple[Stamp, Answers]]) -> None:
    text = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    with replacing(place) as temporary:
        temporary.write_bytes(f"{_checksum(text, place, folder)}\n".encode() + text)


def _checksum(text: bytes, place: Path, folder: Path) -> str:
    """Of what a file holds and is for; a dataset may be moved with the file in it."""
    of = "" if place.parent == folder else str(folder)
    return hashlib.sha256(f"{_FORMAT} {of}\n".encode() + text).hexdigest()
