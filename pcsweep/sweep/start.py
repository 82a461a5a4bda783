"""What starts a task with the code that was submitted: it checks that code, and puts it before all else on Python's path.

The code lies in a folder that is named by a hash of it (`pcsweep.sweep.snapshot`). The text of this file is what Python is given
(`python -c TEXT FOLDER HASH … LAST`), before any code of the folder is imported, so it imports nothing of the package. The folder
is opened once, and all is read and imported through that, whatever is put in its place meanwhile.
"""

import hashlib
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping

OWN = "own"  # a folder of the user's modules, one for each folder in which they lay
ALONE = "-"  # instead of a task's folder: its pickle comes through the standard input
PATIENCE = 60.0  # seconds that a network's file system may take to show what was written before the task was submitted
_MOMENT = 0.5  # seconds
_REFUSED = 2


class Changed(Exception):
    """A snapshot that is not, or may not be, what was submitted."""


def digest_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 of files by their relative names, whatever their order."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def files_in(folder: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """The files in a folder and below it, by their relative names.

    Raises:
        Changed: there is something else than files and folders, such as a link.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from files_in(entry.path, f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                with open(entry.path, "rb") as file:
                    yield name, file.read()
            else:
                raise Changed(f"{name} in it is no file")


def opened(folder: str, digest: str) -> str:
    """A path to a snapshot, checked, which nobody can lead elsewhere as long as this process lives.

    Raises:
        Changed: it has another hash, or does not belong to this user alone.
        OSError: there is none.
    """
    descriptor = _patiently(folder)
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise Changed(f"it belongs to user {status.st_uid}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Changed(f"others may write it (mode {stat.S_IMODE(status.st_mode):04o})")
    path = f"/proc/self/fd/{descriptor}"
    if digest_of(dict(files_in(path))) != digest:
        raise Changed("what is in it has been changed since")
    return path


def paths_in(folder: str) -> list[str]:
    """What a snapshot adds to Python's path: itself, and each folder of modules of the user's own."""
    own = os.path.join(folder, OWN)
    found = [os.path.join(own, name) for name in sorted(os.listdir(own))] if os.path.isdir(own) else []
    inner = [os.path.join(path, name) for path in found for name in os.listdir(path) if name.endswith("-packages")]
    return [folder, *(path for path in found if not any(each.startswith(f"{path}/") for each in inner)), *inner]


def main(folder: str, digest: str, last: str) -> int:
    """Runs a task, whose folder is `last`, with the code of a snapshot; 2 where that is not as it was submitted."""
    try:
        path = opened(folder, digest)
    except (Changed, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        sys.stderr.write(
            f"pcsweep: This task does not run, for the code that was submitted is not as it was in {folder}: {why}. "
            "The same command again submits its points anew.\n"
        )
        return _REFUSED
    sys.dont_write_bytecode = True  # so that it stays as it is
    sys.path[:0] = paths_in(path)
    from pcsweep.sweep import task

    return task.main(last)


def _patiently(folder: str) -> int:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            if time.monotonic() > until:
                raise
            time.sleep(_MOMENT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[-1]))
