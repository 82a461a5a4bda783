"""Numbers, durations and studies in words, and text that may be shown."""

import re
import shlex
import textwrap
from collections.abc import Iterable
from pathlib import Path

# What a terminal obeys instead of showing it: controls without tab and line break, marks that turn the direction of text, and
# halves of characters, which no output can encode.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


COLUMNS = 80  # of a terminal


def number_of(count: int, thing: str) -> str:
    """Such as `1 point` or `2 points`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """In the unit that suits its size."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def hours_of(hours: float, what: str) -> str:
    """Such as `3.2 core-hours`, of little `14 core-minutes`."""
    for size, unit in ((1, "hours"), (1 / 60, "minutes")):
        if hours >= 2 * size:
            return f"{hours / size:,.3g} {what}-{unit}" if hours / size < 100 else f"{hours / size:,.0f} {what}-{unit}"
    return f"{3600 * hours:.0f} {what}-seconds"


def gibibytes(size: int) -> str:
    """Bytes in GiB, to two digits at least: 0.42, 2.1, 16, 160."""
    gib = size / 2**30
    return f"{gib:.2g}" if gib < 10 else f"{gib:,.0f}"


def words_for(folder: Path) -> str:
    """How the commands name the study in `folder`, ready to be typed."""
    return f"study={folder.name}" + (f" output_root={shlex.quote(str(folder.parent))}" if str(folder.parent) != "outputs" else "")


def printable(text: object) -> str:
    """Text as it may go to a terminal, whoever wrote it: each character that would be obeyed there becomes its escape, `\\x1b`.

    Line breaks and tabs stay. What is printable already is left as it is.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def paragraph(key: str, text: str, others: Iterable[str] = (), indent: int = 14, width: int = COLUMNS - 1) -> str:
    """A key of a command's `--help` and what it means, in lines that fit a terminal.

    Args:
        key: at the beginning of the first line.
        text: in words; after it the others, with commas between.
    """
    words = f"{text} {', '.join(others)}".strip()
    return textwrap.fill(words, width, initial_indent=key.ljust(indent), subsequent_indent=" " * indent, break_long_words=False)
