"""Folders and files that nobody but their owner can write, whatever the umask."""

import os
from pathlib import Path

OTHERS = 0o022  # writing, for the group and for all others
_CLOSED = 0o755


def close_umask() -> None:
    """From now on this process makes no file and no folder that the group or others may write."""
    os.umask(os.umask(0o077) | OTHERS)


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it that are missing, each closed to the group and others, whatever the umask.

    Raises:
        OSError: it cannot be made.
    """
    for path in (*reversed(folder.parents), folder):
        if not path.is_dir():
            path.mkdir(mode=_CLOSED, exist_ok=True)
