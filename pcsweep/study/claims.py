"""Claims: which command computes which grid points of a study now, so that commands that are given at once share the work.

In the study's folder `claims/`, each command has a note that names its process and all points that it means to compute, and each
point that is being computed has a file named by its identity, made in one step by the first command that asks (a link to its
note). A command renews its files while it lives. What a dead command has left is taken over: one of this machine is dead when its
process is no more, another one when its files have not been renewed for a while by the file system's clock.
"""

import json
import logging
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pcsweep.machine.files import clock
from pcsweep.machine.folders import make_folder
from pcsweep.machine.processes import Process, this_process
from pcsweep.study import notes

FOLDER = "claims"
_NOTE, _TURN = ".command", ".turn"  # how names end: of what a command means to compute, and of who removes a dead one's file
_RENEWED, _SILENT = 15.0, 120.0  # seconds between two renewals, and after which there will be none
_LOOK = 0.5  # seconds between two looks at what others compute
_ATTEMPTS = 5  # while others remove the folder or a dead command's claim at the same moment

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Note:
    """What is in every file of the folder: the command's process, and the points that it means to compute."""

    process: Process
    identities: list[str]


class Claims:
    """Those of this command in one study; a context manager, which gives all of them back at its end."""

    def __init__(self, study: Path, identities: Sequence[str]) -> None:
        """Of the points that this command means to compute in the study's folder."""
        self._folder = study / FOLDER
        self._note = self._folder / f"{this_process().tag}.{secrets.token_hex(4)}{_NOTE}"
        self._text = json.dumps(asdict(_Note(this_process(), list(identities))))
        self._held: set[Path] = set()
        self._over = threading.Event()
        self._renewing = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> "Claims":
        remove_abandoned(self._folder.parent)
        with suppress(OSError):  # no room, say: points are computed without claims then
            self._write_note()
        self._renewing.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for path in list(self._held):
            self.release(path.name)
        with suppress(OSError):
            self._note.unlink(missing_ok=True)
        remove_abandoned(self._folder.parent)

    def take(self, identity: str) -> bool:
        """Whether this command may compute the point: nobody else does, as far as claims can be made here."""
        path = self._folder / identity
        for _ in range(_ATTEMPTS):
            try:
                self._create(path)
            except FileExistsError:
                if _is_foreign(path):
                    return True
                if path in self._held or not _is_abandoned(path):
                    return False
                _remove(path)
            except FileNotFoundError:  # the folder, or the note in it
                with suppress(OSError):
                    self._write_note()
            except OSError as error:
                _log.debug("No claim of %s: %s", identity, error)
                return True
            else:
                self._held.add(path)
                return True
        return False

    def release(self, identity: str) -> None:
        """Gives a point back, unless another command has taken it over."""
        path = self._folder / identity
        if path in self._held:
            self._held.discard(path)
            with suppress(OSError):
                if _process(path) == this_process():
                    path.unlink()

    def _create(self, path: Path) -> None:
        try:
            os.link(self._note, path)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # a file system without links
            with open(path, "x") as file:
                file.write(self._text)

    def _write_note(self) -> None:
        make_folder(self._folder)
        self._note.write_text(self._text)

    def _renew(self) -> None:
        while not self._over.wait(_RENEWED):
            for path in (self._note, *list(self._held)):
                with suppress(OSError):
                    os.utime(path)


@contextmanager
def claimed(study: Path, identity: str, done: Callable[[], bool]) -> Iterator[bool]:
    """Waits until no other command computes a point; gives whether it is still to be computed, which nobody else does meanwhile.

    Args:
        study: the folder.
        identity: of the point.
        done: whether the point has been computed.
    """
    with Claims(study, [identity]) as claims:
        said = False
        while not (taken := claims.take(identity)) and not done():
            if not said:
                _log.info("Another command computes this point (%s); waiting for it.", _who(study / FOLDER / identity))
                said = True
            pause()
        yield taken and not done()


def pause() -> None:
    """Waits a little before the next look at what others compute."""
    time.sleep(_LOOK)


def lives(study: Path, tag: str) -> bool:
    """Whether the command whose process has that short name has claims in a study, and has renewed them lately."""
    own = [path for path in _files(study / FOLDER) if path.name.startswith(f"{tag}.") and path.name.endswith(_NOTE)]
    return any(not _is_abandoned(path) for path in own)


def computing(study: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Who computes points of a study now, and who means to: words by the points' identities. Nothing is changed."""
    now: dict[str, str] = {}
    next_: dict[str, str] = {}
    for path in _files(study / FOLDER):
        if path.name.endswith(_TURN) or _is_abandoned(path, time.time()):
            continue
        who = _who(path)
        if path.name.endswith(_NOTE):
            note = _note(path)
            next_ |= dict.fromkeys(note.identities, who) if note else {}
        else:
            now[path.name] = who
    return now, {identity: who for identity, who in next_.items() if identity not in now}


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _who(path: Path) -> str:
    """Such as `pid 7 on node1`."""
    process = _process(path)
    return f"pid {process.number} on {process.host}" if process else "another command"


def _note(path: Path) -> _Note | None:
    """What a file says; None where it says nothing, or is gone."""
    try:
        return notes.read(path, _Note)[0]
    except (OSError, notes.Unreadable):
        return None


def _process(path: Path) -> Process | None:
    """Whose file it is; None where it does not say, or is gone."""
    note = _note(path)
    return note.process if note else None


def _is_foreign(path: Path) -> bool:
    """Whether something lies in the place of a claim that no command has made: a folder, a pipe, a device, a link to nowhere."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _is_abandoned(path: Path, now: float | None = None) -> bool:
    """Whether the command that made a file is dead; `now` by the file system's clock, which is asked if it is not given."""
    process = _process(path)
    over = process.ended if process else None
    if over is not None:
        return over
    try:
        return abs((clock(path.parent) if now is None else now) - path.stat().st_mtime) > _SILENT
    except OSError:
        return False


def _remove(path: Path) -> None:
    """Removes the file of a dead command; one command at a time may, and looks again then, so that none removes a new claim."""
    turn = path.with_name(f"{path.name}{_TURN}")
    with suppress(OSError):
        try:
            with open(turn, "x") as file:
                json.dump(asdict(_Note(this_process(), [])), file)
        except FileExistsError:
            if _is_abandoned(turn):
                _remove(turn)
            return
        try:
            if _is_abandoned(path):
                path.unlink()
        finally:
            turn.unlink()


def remove_abandoned(study: Path) -> None:
    """Removes what dead commands have left in a study, and the folder when nothing is in it."""
    folder = study / FOLDER
    for path in _files(folder):
        if not _is_foreign(path) and _is_abandoned(path):
            _remove(path)
    with suppress(OSError):
        folder.rmdir()
