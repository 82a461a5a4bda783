"""Files that are renewed as long as somebody is at work, and their age by the clock that dates them."""

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

EVERY = 20.0  # seconds


@contextmanager
def renewing(path: Path) -> Iterator[None]:
    """Meanwhile a file stays new, for commands on other machines, however long this takes."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(EVERY):
            with suppress(OSError):
                os.utime(path)  # by the clock of the file system's machine

    thread = threading.Thread(target=renew, daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # which the thread inherits: Ctrl-C is not for it
    try:
        thread.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        yield
    finally:
        ended.set()
        thread.join()


def age(path: Path) -> float:
    """Seconds since a file was written or renewed, without regard to this machine's clock, unless the folder cannot be written.

    Raises:
        FileNotFoundError: there is none.
    """
    return _now(path.parent) - path.stat().st_mtime


def _now(folder: Path) -> float:
    """In seconds since 1970, by the clock that dates the files in a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"0")
            file.flush()
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
