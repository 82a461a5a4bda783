"""Cells that are no points of a plane, such as lists of a coefficient per pcoder: one below the other, the best first."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcsweep.figures import baselines
from pcsweep.figures.heatmap import chosen
from pcsweep.figures.mosaic import WIDTH, entitle
from pcsweep.figures.numbers import NumberedFigure, note, place
from pcsweep.figures.pages import Page, heading
from pcsweep.figures.significance import GAIN, dot
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.study.labels import SYMBOLS, Row, coefficient, direction, label_of, text_of, with_direction

MOST = 40  # cells in a figure
_TIMESTEPS = 3  # at most: more would cover each other
_LINE = 46  # characters of a cell's name before it goes on in the next line
_COLOURS = colormaps["viridis"]


@dataclass(frozen=True)
class RankedBy:
    """What cells are ranked by.

    Args:
        value: column of the page's rows; those of its interval end in `_low` and `_high`.
        q: column of the tests that are marked.
        centre: value at which nothing has changed.
        label: of the axis.
        mark: what a filled point means.
        sign: 1 where high values come first.
    """

    value: str
    q: str
    centre: float
    label: str
    mark: str
    sign: int = 1


def recovery(page: Page) -> RankedBy:
    """The normalised metric, the best first."""
    name = label_of(page.metric)
    label = with_direction(f"{name}(t) / {name}(0)", page.metric)
    return RankedBy("normalized", "q", 1.0, label, GAIN, direction(page.metric))


def ranking(page: Page, by: RankedBy | None = None, title: str = "") -> Figure:
    """A panel per noise level (or pcoder), a line per cell, a point with its 95 % interval per timestep.

    Args:
        page: of the cells.
        by: what; their recovery where it is not given.
        title: above what they share.
    """
    by = by or recovery(page)
    order, left_out = ranked(page, by)
    names = [textwrap.fill(cell_text(page, cell), _LINE) for cell in order]
    across = len(page.columns)
    height = sum(0.16 + 0.1 * name.count("\n") for name in names)
    figure = NumberedFigure(figsize=(max(WIDTH, 3.2 + 1.3 * across), 1.6 + height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, across, squeeze=False, sharex=True, sharey=True)[0]
    timesteps = chosen(page.timesteps)[-_TIMESTEPS:]
    shared, over = baselines.told(page.metric, page.by_column)
    for panel, column, more in zip(panels, page.columns, over, strict=True):
        panel.set_title(baselines.under(heading(page, column).replace(", ", ",\n"), more), fontsize=8)
        place(panel, dict(zip(page.across, column, strict=True)))
        panel.axvline(by.centre, color="#808080", linewidth=0.7, linestyle="--", zorder=0)
        panel.tick_params(labelsize=6)
        panel.set_xlabel(f"{by.label},\n95 % interval", fontsize=7)
        _points(panel, page, column, order, timesteps, by)
    panels[0].set_yticks(range(len(order)), names, fontsize=6)
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    more = f"the first {len(order)} of {len(order) + left_out} cells" if left_out else ""
    entitle(figure, ", ".join(filter(None, (title, more))), page, shared)
    _legend(figure, page, timesteps, by)
    return figure


Cell = tuple[Any, ...]  # all coefficients of a cell


def cell_of(page: Page, row: Row) -> Cell:
    """The coefficients of a row's cell."""
    return tuple(coefficient(row, each.key) for each in page.rule.coefficients)


def ranked(page: Page, by: RankedBy) -> tuple[list[Cell], int]:
    """The cells by their best value at any timestep and in any column, and how many are left out; undefined ones last."""
    peaks: dict[Cell, float] = {cell_of(page, row): -np.inf for row in page.everything}
    for row in page.rows:
        if row[by.value] == row[by.value]:
            cell = cell_of(page, row)
            peaks[cell] = max(peaks[cell], by.sign * row[by.value])
    order = sorted(peaks, key=lambda cell: -peaks[cell])
    return order[:MOST], max(0, len(order) - MOST)


def cell_text(page: Page, cell: Cell) -> str:
    """The coefficients in which the page's cells differ: `β = [0.2 0.4], λ = 0.1`."""
    keys = [each.key for each in page.rule.coefficients]
    varying = [key for key in keys if len(page.axis(key)) > 1] or list(page.rule.axes)
    return ", ".join(f"{SYMBOLS[key]} = {text_of(value)}" for key, value in zip(keys, cell, strict=True) if key in varying)


def _points(
    panel: Axes, page: Page, column: tuple[Any, ...], order: Sequence[Cell], timesteps: Sequence[int], by: RankedBy
) -> None:
    """The values of the cells in one panel; a mark at its foot for those that are not there."""
    for number, timestep in enumerate(timesteps):
        beside = 0.22 * (number - (len(timesteps) - 1) / 2)
        colour = _colour(number, timesteps)
        for row in (row for row in page.rows if page.column_of(row) == column and row["timestep"] == timestep):
            if (cell := cell_of(page, row)) in order and row[by.value] == row[by.value]:
                y = order.index(cell) + beside
                note(panel, [_mark(page, row, order, by)])
                panel.plot([row[f"{by.value}_low"], row[f"{by.value}_high"]], [y, y], color=colour, linewidth=0.7)
                filled = colour if row[by.q] is not None and row[by.q] < SIGNIFICANT else "white"
                panel.plot([row[by.value]], [y], "o", markersize=3.2, markerfacecolor=filled, markeredgecolor=colour)
    for marker, state, rows in (("x", "skipped", page.skipped), ("|", "missing", page.missing)):
        for row in rows:
            if page.column_of(row) == column and cell_of(page, row) in order:
                at = [order.index(cell_of(page, row))]
                note(panel, [{"rank": at[0] + 1, "series": cell_text(page, cell_of(page, row)), "state": state}])
                panel.plot([0.02], at, marker, transform=panel.get_yaxis_transform(), color="#606060", markersize=4)


def _mark(page: Page, row: Row, order: Sequence[Cell], by: RankedBy) -> dict[str, Any]:
    cell = cell_of(page, row)
    names = {"value": by.value, "low": f"{by.value}_low", "high": f"{by.value}_high", "q": by.q, "identity": "identity"}
    where = {"rank": order.index(cell) + 1, "series": cell_text(page, cell), "timestep": row["timestep"]}
    return {**where, "quantity": by.value, **{name: row.get(column) for name, column in names.items()}, "state": "value"}


def _colour(number: int, timesteps: Sequence[int]) -> Any:
    return _COLOURS(0.9 * (1 - number / max(1, len(timesteps) - 1)))


def _legend(figure: Figure, page: Page, timesteps: Sequence[int], by: RankedBy) -> None:
    handles = [
        Line2D([], [], color=_colour(number, timesteps), marker="o", markersize=3.2, linewidth=0.7, label=f"t = {timestep}")
        for number, timestep in enumerate(timesteps)
    ]
    for marker, name, rows in (("x", "skipped", page.skipped), ("|", "missing", page.missing)):
        if rows:
            handles.append(Line2D([], [], marker=marker, linestyle="", color="#606060", label=name))
    tests = [row[by.q] for row in page.rows if row[by.q] is not None and row[by.q] == row[by.q]]
    if tests:
        handles.append(dot(f"filled: {by.mark}", min(tests) < SIGNIFICANT, markersize=5))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize=7, frameon=False)
