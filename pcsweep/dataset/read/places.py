"""Where a dataset lies that is not in the folder which is said to hold it."""

import os
from collections.abc import Sequence
from pathlib import Path

_ABOVE = 3  # folders above that are looked at


def lacking(folder: Path, parts: Sequence[str]) -> list[str]:
    """Those of a dataset's files and folders that are not there."""
    return [part for part in parts if not (folder / part).exists()]


def elsewhere(folder: Path, parts: Sequence[str]) -> str:
    """Which of the folders above and in this one hold all parts, as a hint for a message; empty if none does."""
    above = list(folder.absolute().parents)[:_ABOVE]
    try:
        with os.scandir(folder) as found:
            inside = sorted(folder / entry.name for entry in found if entry.is_dir())
    except OSError:
        inside = []
    fitting = [str(place) for place in (*above, *inside) if not lacking(place, parts)]
    return f" It is here: dataset.root={' or '.join(fitting)}." if fitting else ""
