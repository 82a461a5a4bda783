"""Transformed kernels in files that are mapped into memory: made once for all starts, one copy for all processes of a machine.

A file is named after all that it follows from: the kernel, the layer's plan, this package's source and the processor. It holds
the floats, that name and a checksum. Whenever it is opened, owner, size, name and the checksum of all floats are verified; what
is not right is made again. So nothing has to be on disk before a file gets its name.

Writing takes longer than making: what is asked for the first time leaves an empty file alone, and is written the second time.
"""

import fcntl
import functools
import hashlib
import logging
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import Tensor

from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import stage
from pcsweep.machine.disks import is_local_disk
from pcsweep.machine.files import clear, replacing
from pcsweep.machine.folders import OTHERS, make_folder, user_cache
from pcsweep.machine.pages import prefer_large_pages
from pcsweep.network.convolution.native.checksum import sums

FOLDER, LIMIT = "PCSWEEP_KERNELS", "PCSWEEP_KERNELS_GIB"  # variables of the environment
LEAST = 16 * 2**20  # bytes of a kernel below which transforming takes no time
_ASKED = ".asked"  # ending of empty files
_USUAL_LIMIT = 20.0  # GiB of all files
_SHARE = 4  # they take one in so many bytes of what is free, at most
_REMEMBERED = 30 * 86400.0  # seconds for which it is known that something has been asked for
_USED = 86400.0  # seconds after which a file may make room for another one
_CHUNK = 64 * 2**20  # bytes that are written at once
_MOST_SECONDS = 30.0  # that a process writes; the next one goes on
_PATIENCE = 120.0  # seconds to wait for another process that makes files
_log = logging.getLogger(__name__)


def kept(name: str, floats: int, make: Callable[[], Tensor]) -> Tensor:
    """What `make` makes, from the file of that name where there is one, else made, and written if it was asked for before.

    Where no file can be read or written, it is made all the same. It must not be written to.

    Args:
        name: SHA-256 of all that it follows from, in hexadecimal digits.
        floats: how many.
        make: makes it, contiguous.

    Raises:
        BadSetting: a variable of the environment that is no limit.
    """
    folder = _folder() if 4 * floats >= LEAST else None
    if folder is None:
        return make()
    path = folder / f"{name}.kernel"
    found = _opened(path, floats)
    if found is not None:
        return found
    if not _asked_before(path):
        return make()
    with _turn(folder) as ours:
        found = _opened(path, floats) if ours else None  # another process may have made it meanwhile
        if found is not None:
            return found
        made = make()
        if ours and _written(path, made):
            found = _opened(path, floats)
        return made if found is None else found


def _folder() -> Path | None:
    """The user's own on a disk of this machine, made if need be; `None` where there is none, or none is wanted."""
    asked = os.environ.get(FOLDER)
    if asked == "off":
        return None
    _limit()  # or what is wrong with it would be said when something is written
    usual = [user_cache() / "kernels", Path(tempfile.gettempdir()) / f"pcsweep-{os.getuid()}" / "kernels"]
    for folder in [Path(asked).expanduser()] if asked else filter(is_local_disk, usual):
        why = _why_not(folder)
        if why is None:
            return folder
        if asked:
            _say(f"Transformed kernels are not kept for the next start, since {FOLDER}={asked} cannot be used: {why}.")
    return None


def _why_not(folder: Path) -> str | None:
    """Why nothing can be kept in a folder, which is made if need be; None where it can."""
    try:
        make_folder(folder)
        if not _is_own(folder.lstat()):
            return "it is another user's, or others may write it"
    except OSError as error:
        return error.strerror or str(error)
    return None if os.access(folder, os.W_OK) else "it cannot be written"


def _asked_before(path: Path) -> bool:
    """Whether a file has been asked for in the last weeks; from now on it has. Where that cannot be noted, it is said to have."""
    try:
        os.close(os.open(path.with_suffix(_ASKED), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError:
        return True
    return False


def _is_own(found: os.stat_result) -> bool:
    return found.st_uid == os.getuid() and not found.st_mode & OTHERS


def _opened(path: Path, floats: int) -> Tensor | None:
    """What is in a file, if it is there and right; its time becomes that of its last use."""
    size = 4 * floats
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not _is_own(found) or found.st_size != size + len(_footer_of(path.stem, b"")):
            return None
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)  # shared, as long as nobody writes
        with suppress(OSError):
            os.utime(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    data = torch.frombuffer(mapped, dtype=torch.float32, count=floats)
    prefer_large_pages(data.data_ptr(), size)
    return data if mapped[size:] == _footer(path.stem, data) else None


def _footer(name: str, data: Tensor) -> bytes:
    """What a file ends with: whose it is, and a hash of the checksums."""
    return _footer_of(name, sums(data).numpy().tobytes())


def _footer_of(name: str, checksums: bytes) -> bytes:
    return bytes.fromhex(name) + hashlib.sha256(checksums).digest()


@contextmanager
def _turn(folder: Path) -> Iterator[bool]:
    """Whether it is this process's turn to make files, once no other does; False if that takes too long."""
    try:
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield False
        return
    try:
        yield _is_locked(descriptor)
    finally:
        os.close(descriptor)  # and the lock is free


def _is_locked(descriptor: int) -> bool:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        except OSError:  # a file system without locks
            return False
        else:
            return True


_spent: list[float] = []  # seconds that this process has written


def _written(path: Path, data: Tensor) -> bool:
    """Writes a file, if there is room and time for it."""
    footer = _footer(path.stem, data)
    started, most = time.monotonic(), _MOST_SECONDS - sum(_spent)
    try:
        if most <= 0 or not _has_room(path.parent, 4 * data.numel() + len(footer)):
            return False
        with (
            stage("keeping transformed kernels for the next start"),
            replacing(path, synced=False) as temporary,
            open(temporary, "xb", buffering=0, opener=_for_its_owner) as file,
        ):
            content = data.view(-1).numpy().data.cast("B")
            for start in range(0, len(content), _CHUNK):
                _write(file.fileno(), content[start : start + _CHUNK])
                if time.monotonic() - started > most:
                    raise TimeoutError(f"it takes more than {_MOST_SECONDS:.0f} s; the next start goes on")
            _write(file.fileno(), footer)
    except OSError as error:
        _say(f"Not all transformed kernels are kept for the next start in {path.parent}: {error.strerror or error}.")
        return False
    finally:
        _spent.append(time.monotonic() - started)
    return True


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)  # whatever the umask: what others may write is not read


def _write(descriptor: int, content: memoryview | bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


@functools.cache
def _say(what: str) -> None:
    _log.warning(what)


def _has_room(folder: Path, size: int) -> bool:
    """Whether there is room for so many bytes, perhaps without the files that have not been used for longest."""
    clear(folder)
    for path in folder.glob(f"*{_ASKED}"):
        if time.time() - path.stat().st_mtime > _REMEMBERED:
            path.unlink(missing_ok=True)
    found = sorted(((path, path.stat()) for path in folder.glob("*.kernel")), key=lambda each: each[1].st_mtime)
    held = sum(status.st_size for _, status in found)
    most = min(_limit(), (held + shutil.disk_usage(folder).free) // _SHARE)
    unused = [(path, status.st_size) for path, status in found if time.time() - status.st_mtime > _USED]
    if held - sum(each for _, each in unused) + size > most:
        return False
    for path, each in unused:
        if held + size <= most:
            break
        path.unlink(missing_ok=True)  # who has mapped it keeps it
        held -= each
    return True


def _limit() -> int:
    """Bytes of all files."""
    asked = os.environ.get(LIMIT, str(_USUAL_LIMIT))
    try:
        return int(float(asked) * 2**30)
    except (ValueError, OverflowError) as error:
        raise BadSetting(f"Expected {LIMIT} to be a number of GiB, but got {asked!r}.") from error
