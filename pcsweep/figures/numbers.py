"""The numbers that a figure draws, kept with it where they are drawn: a row for each mark, for the CSV beside its files."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcsweep.study.labels import Row, pair_of, rule_of_row

Marks = Iterable[Mapping[str, Any]]


class NumberedFigure(Figure):
    """A figure with the numbers of its marks, and what each of its panels shows."""

    @cached_property
    def numbers(self) -> list[dict[str, Any]]:
        """A row for each mark: what its panel shows, where it is, and its values."""
        return []

    @cached_property
    def shows(self) -> dict[Axes, Mapping[str, Any]]:
        """By panel, such as `{"sigma": 0.2}`."""
        return {}


def place(panel: Axes, shows: Mapping[str, Any]) -> None:
    """Says what all marks of a panel share."""
    figure = panel.figure
    assert isinstance(figure, NumberedFigure)
    figure.shows[panel] = shows


def note(panel: Axes, marks: Marks) -> None:
    """Keeps what is drawn in a panel; nothing where its figure is one without numbers, such as a frame of a film."""
    figure = panel.figure
    if isinstance(figure, NumberedFigure):
        shared = figure.shows.get(panel, {})
        figure.numbers.extend({**shared, **mark} for mark in marks)


def note_line(panel: Axes, line: Sequence[Row], series: str, value: str, beside: Mapping[str, str]) -> None:
    """Keeps a line of a panel.

    Args:
        panel: in which it is drawn.
        line: the rows of a table, a point each.
        series: the line's name.
        value: the column that is drawn.
        beside: the columns of what is drawn about the value, by what they are, such as `low`.
    """
    note(
        panel,
        (
            {
                "series": series,
                **dict(zip(rule_of_row(row).axes, pair_of(row), strict=True)),
                "timestep": row["timestep"],
                "quantity": value,
                "value": row[value],
                **{name: row[column] for name, column in beside.items()},
                "identity": row.get("identity"),
            }
            for row in line
        ),
    )


def table_of(figure: NumberedFigure) -> pa.Table:
    """The rows of a figure, with the columns of all of them; text where a column has numbers and texts."""
    names = dict.fromkeys(name for row in figure.numbers for name in row)
    return pa.table({name: _column([row.get(name) for row in figure.numbers]) for name in names})


def _column(values: Sequence[Any]) -> pa.Array:
    try:
        found = pa.array(values)
    except pa.ArrowException:
        found = pa.array([None if value is None else str(value) for value in values])
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found
