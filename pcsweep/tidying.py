"""A study's folder without what killed commands and earlier versions have left in it."""

from pathlib import Path

from pcsweep.atomic import clear
from pcsweep.shards import gather_damaged

_WRITTEN = ("", "shards", "planned", "failures", "submissions", "claims", "figures")


def tidy(folder: Path) -> None:
    """Removes the temporary files that killed writers have left, and moves damaged shards to where nobody reads them."""
    for name in _WRITTEN:
        clear(folder / name)
    gather_damaged(folder / "shards")
