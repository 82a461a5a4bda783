"""Numbers, durations and studies in words."""

import shlex
from pathlib import Path


def number_of(count: int, thing: str) -> str:
    """Such as `1 point` or `2 points`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """In the unit that suits its size."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def words_for(folder: Path) -> str:
    """How the commands name the study in `folder`, ready to be typed."""
    return f"study={folder.name}" + (f" output_root={shlex.quote(str(folder.parent))}" if str(folder.parent) != "outputs" else "")
