"""Files that are complete or absent, moves that look at what they moved, and what killed writers leave."""

import errno
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pcsweep.config.faults import naming
from pcsweep.machine.folders import make_folder
from pcsweep.machine.processes import ended, this_process

_TEMPORARY = re.compile(r"\..+\.(?P<writer>[0-9a-f]+(-\d+-\d+)?)\.[0-9a-f]{8}\.tmp|\.look\..+")
_UNTOUCHED = 43200.0  # seconds after which a temporary file has no writer any more, wherever that was
# What file systems say that do not write folders to disk by themselves, or to this user.
_NO_FOLDERS = frozenset(
    (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM, errno.ENOSYS, errno.EBADF, errno.EISDIR)
)


@contextmanager
def replacing(path: Path, within: Path | None = None, synced: bool = True) -> Iterator[Path]:
    """Gives a temporary path; what was written there takes the place of `path` at the end, in one step and on disk.

    An error inside leaves `path` as it was, and nothing of the temporary file.

    Args:
        path: of the file.
        within: the folder of the temporary file, on the same file system; that of `path` if it is not given.
        synced: whether it is on disk then; else a machine that fails leaves a file of which anything may be missing.
    """
    make_folder(path.parent)
    temporary = (within or path.parent) / f".{path.name}.{this_process().tag}.{secrets.token_hex(4)}.tmp"
    try:
        with naming(path, temporary):
            yield temporary
            if synced:
                _sync(temporary, os.O_RDWR)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if synced:
        sync_folder(path.parent)


@contextmanager
def as_the_umask_says(path: Path) -> Iterator[None]:
    """Around what writes a file for its owner alone, whatever the user's umask is: the file gets the mode of any other."""
    path.touch()
    mode = path.stat().st_mode
    yield
    path.chmod(mode)


def sync_folder(folder: Path) -> None:
    """Writes a folder's names to disk, where its file system does that."""
    try:
        _sync(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _NO_FOLDERS:
            raise


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def moved_if(path: Path, target: Path, meant: Callable[[Path], bool]) -> bool:
    """Moves a file to a name that nobody else has, and looks at what it moved.

    Another command may have moved the file first, and another one put a new file in its place: that one goes back, unless a
    newer one is there again.

    Args:
        path: of the file.
        target: on the same file system.
        meant: whether the file, at its new place, is the one that was to be moved.

    Returns:
        Whether it was.
    """
    try:
        os.rename(path, target)
    except FileNotFoundError:
        return False
    done = False
    try:
        done = meant(target)
    finally:
        if not done:
            _put_back(target, path)
    return done


def _put_back(target: Path, path: Path) -> None:
    """Moves a file back without overwriting."""
    try:
        os.link(target, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.rename(target, path)
        return
    target.unlink()


def clock(folder: Path) -> float:
    """The time now by the clock of the folder's file system, in seconds since 1970.

    Raises:
        OSError: the folder cannot be written.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


def clear(folder: Path) -> None:
    """Removes the temporary files that killed writers have left in a folder.

    That is those whose writer was a process of this machine that is no more, and those that nobody has touched for half a day, by
    the file system's clock. All others may still be written, by another machine perhaps.
    """
    with suppress(OSError):  # no such folder, or not ours
        found = [(path, matched) for path in folder.iterdir() if (matched := _TEMPORARY.fullmatch(path.name))]
        now = clock(folder) if found else 0.0
        for path, matched in found:
            with suppress(OSError):
                if ended(matched["writer"] or "") or now - path.stat().st_mtime > _UNTOUCHED:
                    path.unlink()
