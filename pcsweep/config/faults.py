"""What a file system refuses, told in one line with the path and the reason."""

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pcsweep.config.errors import BadSetting

# What users can mend, and no fault of a program says.
_MENDED = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)
    + (errno.EIO, errno.ESTALE, errno.EFBIG, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)
)
_WITHOUT_A_PATH = frozenset((errno.ENOSPC, errno.EDQUOT))  # of writing to a file that was opened before
_WRITTEN = ("shards", "planned", "failures", "claims")


def told(error: BaseException) -> str | None:
    """What a file system has refused, where, and why; None where the error is another one."""
    if not isinstance(error, OSError) or error.errno not in _MENDED:
        return None
    why = error.strerror or os.strerror(error.errno)
    if error.filename is None:
        written = _being_written(error) or "a file could not be written"
        return f"{written}: {why}." if error.errno in _WITHOUT_A_PATH else None
    between = f" to {os.fsdecode(error.filename2)}" if error.filename2 else ""
    return f"{os.fsdecode(error.filename)}{between}: {why}."


def _being_written(error: BaseException) -> str | None:
    """The file that the innermost function has open."""
    open_files: list[str | None] = [None]
    trace = error.__traceback__
    while trace is not None:
        names = (getattr(each, "name", None) for each in trace.tb_frame.f_locals.values() if isinstance(each, io.IOBase))
        open_files += [name for name in names if isinstance(name, str)]
        trace = trace.tb_next
    return open_files[-1]


@contextmanager
def naming(path: Path, temporary: Path) -> Iterator[None]:
    """Errors of a temporary file, or of no file in particular, name the file that people know."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            error.filename, error.filename2 = str(path), None
        raise


def check_folders(study: Path) -> None:
    """Refuses a study in which something else lies where a folder belongs, or a folder that cannot be written.

    Raises:
        BadSetting: names it.
    """
    for path in (study, *(study / name for name in _WRITTEN)):
        try:
            there, folder = path.is_symlink() or path.exists(), path.is_dir()
        except OSError as error:
            raise BadSetting(f"Expected {path} to be a folder that can be written, but: {error.strerror}.") from error
        if there and not folder:
            raise BadSetting(f"Expected {path} to be a folder, but it is none.")
        if there and not os.access(path, os.W_OK | os.X_OK):
            raise BadSetting(f"Expected {path} to be a folder that can be written, but it is not.")
