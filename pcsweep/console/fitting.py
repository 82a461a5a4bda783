"""Tables for terminals of any width: what names a row is always whole, and less important columns give way to it."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


Texts = Sequence[str]


def fitted(title: str, headings: Texts, rows: Sequence[Texts], keys: int, spare: Texts, width: int) -> "Table":
    """A table that leaves out as few columns as have to be, so that nothing is cut off.

    Args:
        title: above it.
        headings: of the columns.
        rows: of text, taken for no markup.
        keys: how many columns name a row; where even they do not fit, their texts are broken into lines.
        spare: headings of columns that may be left out, the first first.
        width: of the terminal, in characters.
    """
    from rich.table import Table
    from rich.text import Text

    kept = shown(headings, rows, spare, width)
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for place in kept:
        table.add_column(Text(headings[place], overflow="fold"), justify="right", no_wrap=place >= keys, overflow="fold")
    for row in rows:
        table.add_row(*(Text(row[place], overflow="fold") for place in kept))
    return table


def shown(headings: Texts, rows: Sequence[Texts], spare: Texts, width: int) -> list[int]:
    """The places of the columns that fit, in order."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[place]) for row in (headings, *rows)) for place in range(len(headings))]
    left_out: set[str] = set()
    for heading in spare:
        if _needed(widths, headings, left_out) <= width:
            break
        left_out.add(heading)
    return [place for place, heading in enumerate(headings) if heading not in left_out]


def _needed(widths: Sequence[int], headings: Texts, left_out: Collection[str]) -> int:
    """Characters of a line: each column has a space on both sides and a border, and the table one more."""
    return 1 + sum(wide + 3 for wide, heading in zip(widths, headings, strict=True) if heading not in left_out)
