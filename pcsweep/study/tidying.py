"""A study's folder without what killed commands and earlier versions have left in it."""

from pathlib import Path

from pcsweep.machine.files import clear
from pcsweep.study.claims import remove_abandoned
from pcsweep.study.damaged import gather_damaged

_WRITTEN = ("", "shards", "planned", "failures", "submissions", "claims", "figures")


def tidy(folder: Path) -> None:
    """Removes what killed commands have left, temporary files and claims, and moves damaged shards to where nobody reads them."""
    for name in _WRITTEN:
        clear(folder / name)
    remove_abandoned(folder)
    gather_damaged(folder / "shards")
