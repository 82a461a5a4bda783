"""Damaged shards: moved to `damaged/` beside the folder of shards, where they are kept and never read."""

import errno
import secrets
from contextlib import suppress
from pathlib import Path

from pcsweep.machine.files import moved_if
from pcsweep.machine.folders import make_folder
from pcsweep.study import shards
from pcsweep.study.verification import DamagedShard, Shard, verified


def read_or_set_aside(path: Path) -> Shard:
    """Like `shards.read`, and moves what is damaged to `damaged/` (see `set_aside`).

    Raises:
        DamagedShard: the file is damaged; it has been moved, or cannot be.
        FileNotFoundError: there is no file, perhaps since another command has just moved it.
    """
    while True:
        try:
            return shards.read(path)
        except DamagedShard:
            if set_aside(path):
                raise


def is_done(folder: Path, identity: str) -> bool:
    """Whether the shard of that identity is there and verifies.

    Raises:
        DamagedShard: it is there and does not verify; it has been moved to `damaged/`.
    """
    try:
        read_or_set_aside(shards.place(folder, identity))
    except FileNotFoundError:
        return False
    return True


def damaged_folder(folder: Path) -> Path:
    """Where damaged shards of a folder are kept: beside it."""
    return folder.absolute().parent / "damaged"


def set_aside(path: Path) -> Path | None:
    """Moves a damaged shard to `damaged/`.

    Where another command has just written a good shard in its place, that one stays. A shard in a folder that cannot be written
    stays as well.

    Returns:
        Where it is now; None where there is no damaged shard any more.
    """
    folder = damaged_folder(path.parent)
    kept = folder / f"{path.name}.{secrets.token_hex(4)}"
    try:
        make_folder(folder)
        moved = moved_if(path, kept, lambda moved: not _is_shard(moved, path.stem))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return path
        raise
    return kept if moved else None


def _is_shard(path: Path, name: str) -> bool:
    """Whether a file is the shard of that name, wherever it lies."""
    try:
        verified(path, name)
    except DamagedShard:
        return False
    return True


def gather_damaged(folder: Path) -> None:
    """Moves what an earlier version has set aside in `damaged/` inside the folder of shards, where other programs read it."""
    earlier = folder / "damaged"
    with suppress(OSError):  # there is none, or it is not ours
        for path in list(earlier.iterdir()):
            make_folder(damaged_folder(folder))
            path.rename(damaged_folder(folder) / path.name)
        earlier.rmdir()
