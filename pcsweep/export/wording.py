"""What an export says, and text that leaves this machine."""

from collections.abc import Mapping
from pathlib import Path

from pcsweep.console.text import number_of

NEW, ANEW, UNCHANGED = "new", "made anew", "unchanged"  # what became of a run


def without_home(text: str) -> str:
    """A text in which the user's own folder is `~`."""
    home = str(Path.home())
    return text if len(home) < 2 else text.replace(home, "~")


def runs_said(counts: Mapping[str, int]) -> str:
    """Such as `6 runs new, 1 run unchanged`."""
    return (
        ", ".join(f"{number_of(counts[what], 'run')} {what}" for what in (NEW, ANEW, UNCHANGED) if counts.get(what)) or "no runs"
    )
