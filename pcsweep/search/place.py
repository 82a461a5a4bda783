"""Where a study has its search; whoever only looks whether there is one need not wait for Optuna."""

from pathlib import Path

FOLDER = "search"
_JOURNAL = "journal.log"


def journal(folder: Path) -> Path:
    """The file of trials, of the study in `folder`."""
    return folder / FOLDER / _JOURNAL
