"""Notes: small JSON files in a study's folders, any of which may be empty, cut off, foreign, or no file at all."""

import errno
import logging
import os
import stat
from collections.abc import Hashable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")

# What the file system says of a name under which no file is, or none that may be read: links in a circle, a socket.
_NO_FILE = frozenset((errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.ENAMETOOLONG))
_MOST = 1 << 28  # bytes of a note
_log = logging.getLogger(__name__)


class Unreadable(ValueError):
    """A note that says nothing; the message is why."""


def paths(folder: Path) -> list[Path]:
    """The notes in a folder; none where there is no such folder.

    Raises:
        OSError: the folder cannot be listed.
    """
    try:
        return sorted(folder / name for name in os.listdir(folder) if name.endswith(".json") and not name.startswith("."))
    except FileNotFoundError:
        return []


def read(path: Path, kind: type[T]) -> tuple[T, os.stat_result]:
    """What a note says, and what is known of its file.

    Args:
        path: of the note.
        kind: the dataclass that it is to have the fields of.

    Raises:
        FileNotFoundError: it has just been removed.
        Unreadable: it is none, or may not be read.
        OSError: it cannot be read now.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("it is no file")
            text = file.read(_MOST + 1)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise Unreadable(error.strerror) from error
        raise
    if len(text) > _MOST:
        raise Unreadable("it is too long")
    try:
        return _schema(cast(Hashable, kind)).validate_json(text, strict=True), status
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Unreadable(f"{place}: {first['msg']}" if place else first["msg"]) from None


@cache
def _schema(kind: Any) -> Any:
    return TypeAdapter(kind)


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting for a writer, as a pipe would."""
    return os.open(path, flags | os.O_NONBLOCK)


def readable(folder: Path, kind: type[T]) -> Iterator[tuple[Path, T]]:
    """The notes in a folder that say something; each other one is named once.

    Raises:
        OSError: the folder or a note cannot be read now.
    """
    for path in paths(folder):
        try:
            yield path, read(path, kind)[0]
        except FileNotFoundError:
            continue
        except Unreadable as error:
            name_once(path, str(error))


@cache
def name_once(path: Path, problem: str, kind: str = "note") -> None:
    """Says which note, or plan, is passed over, and why, the first time."""
    _log.warning("%s is passed over, for it is no readable %s (%s)", path, kind, problem)
