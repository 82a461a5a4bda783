"""Folders and files that nobody but their owner can write, whatever the umask."""

import os
import stat
from pathlib import Path

OTHERS = stat.S_IWGRP | stat.S_IWOTH  # writing
_CLOSED = 0o755


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it that are missing, each closed to the group and others, whatever the umask.

    Raises:
        OSError: it cannot be made.
    """
    for path in (*reversed(folder.parents), folder):
        if not path.is_dir():
            path.mkdir(mode=_CLOSED, exist_ok=True)


def user_cache() -> Path:
    """Where this user's programs keep what can be made anew; it need not be there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pcsweep"
