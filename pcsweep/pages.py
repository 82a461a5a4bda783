"""Which picture shows which cells: one page per file, laid out by what varies in a study."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]  # one row of the table, or the coordinates of a cell without one

SYMBOLS = {"sigma": "σ", "alpha": "α"}


@dataclass(frozen=True)
class Page:
    """What one file shows: the rows of one facet, a column of panels for each value of `across`."""

    name: str  # "" where there is one page
    title: str
    across: str  # "sigma" or "pcoder"
    rows: list[Row]
    skipped: list[Row]
    missing: list[Row]

    @property
    def columns(self) -> list[Any]:
        """The values that get a column of panels each."""
        return in_order({row[self.across] for row in self.everything})

    @property
    def everything(self) -> list[Row]:
        """All cells, there or not."""
        return [*self.rows, *self.skipped, *self.missing]

    def axis(self, name: str) -> list[Any]:
        """The values of β or λ in order: numbers, then lists per pcoder."""
        return in_order({coefficient(row, name) for row in self.everything})


def pages(rows: Sequence[Row], skipped: Sequence[Row], missing: Sequence[Row], facets: Sequence[str]) -> list[Page]:
    """One page per combination of what varies beside σ, β and λ; several pcoders share one where there is one σ only."""
    varying = [name for name in ("model", "noise", "alpha", *facets) if name not in ("pcoder.beta", "pcoder.lambda")]
    everything = [*rows, *skipped, *missing]
    several = {name: len({row[name] for row in everything}) > 1 for name in ("sigma", "pcoder")}
    across = "pcoder" if several["pcoder"] and not several["sigma"] else "sigma"
    if several["pcoder"] and several["sigma"]:
        varying.append("pcoder")
    varying = [name for name in varying if len({row[name] for row in everything}) > 1]
    found = []
    for facet in in_order({tuple(row[name] for name in varying) for row in rows}):
        of_facet = [[row for row in group if tuple(row[name] for name in varying) == facet] for group in (rows, skipped, missing)]
        words = [(name, text_of(value)) for name, value in zip(varying, facet, strict=True) if value is not None]
        name = "_".join(re.sub(r"[^\w.+-]+", "-", f"{name}-{text}").strip("-") for name, text in words)
        title = ", ".join(f"{SYMBOLS.get(name, name)} = {text}" for name, text in words)
        found.append(Page(name, title, across, *of_facet))
    return found


def coefficient(row: Row, name: str) -> Any:
    """A number, or the list per pcoder as text."""
    return row.get(f"pcoder.{name}") if row[name] is None else row[name]


def text_of(value: Any) -> str:
    """As a label has it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_order(values: Iterable[Any]) -> list[Any]:
    """Numbers by size, then texts, then None; tuples likewise, item by item."""

    def rank(value: Any) -> Any:
        if isinstance(value, tuple):
            return [rank(item) for item in value]
        number = isinstance(value, int | float)
        return value is None, not number, value if number else 0, str(value)

    return sorted(values, key=rank)
