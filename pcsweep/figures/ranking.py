"""Cells that are no points of a plane, such as lists of a coefficient per pcoder: one below the other, the best first."""

import textwrap
from collections.abc import Sequence
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


def ranking(page: Page) -> Figure:
    """A panel per noise level (or pcoder), a line per cell, a point with its 95 % interval per timestep."""
    order, left_out = ranked(page)
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
        panel.axvline(1, color="#808080", linewidth=0.7, linestyle="--", zorder=0)
        panel.tick_params(labelsize=6)
        panel.set_xlabel(f"{with_direction(_ratio(page), page.metric)},\n95 % interval", fontsize=7)
        _points(panel, page, column, order, timesteps)
    panels[0].set_yticks(range(len(order)), names, fontsize=6)
    panels[0].set_ylim(len(order) - 0.4, -0.6)
    more = f"the best {len(order)} of {len(order) + left_out} cells" if left_out else ""
    entitle(figure, more, page, shared)
    _legend(figure, page, timesteps)
    return figure


def _ratio(page: Page) -> str:
    return f"{label_of(page.metric)}(t) / {label_of(page.metric)}(0)"


Cell = tuple[Any, ...]  # all coefficients of a cell


def cell_of(page: Page, row: Row) -> Cell:
    """The coefficients of a row's cell."""
    return tuple(coefficient(row, each.key) for each in page.rule.coefficients)


def ranked(page: Page) -> tuple[list[Cell], int]:
    """The cells by their best value at any timestep and in any column, and how many are left out; undefined ones last."""
    sign = direction(page.metric)
    peaks: dict[Cell, float] = {cell_of(page, row): -np.inf for row in page.everything}
    for row in page.rows:
        if row["normalized"] == row["normalized"]:
            cell = cell_of(page, row)
            peaks[cell] = max(peaks[cell], sign * row["normalized"])
    order = sorted(peaks, key=lambda cell: -peaks[cell])
    return order[:MOST], max(0, len(order) - MOST)


def cell_text(page: Page, cell: Cell) -> str:
    """The coefficients in which the page's cells differ: `β = [0.2 0.4], λ = 0.1`."""
    keys = [each.key for each in page.rule.coefficients]
    varying = [key for key in keys if len(page.axis(key)) > 1] or list(page.rule.axes)
    return ", ".join(f"{SYMBOLS[key]} = {text_of(value)}" for key, value in zip(keys, cell, strict=True) if key in varying)


def _points(panel: Axes, page: Page, column: tuple[Any, ...], order: Sequence[Cell], timesteps: Sequence[int]) -> None:
    """The values of the cells in one panel; a mark at its foot for those that are not there."""
    for number, timestep in enumerate(timesteps):
        beside = 0.22 * (number - (len(timesteps) - 1) / 2)
        colour = _colour(number, timesteps)
        for row in (row for row in page.rows if page.column_of(row) == column and row["timestep"] == timestep):
            if (cell := cell_of(page, row)) in order and row["normalized"] == row["normalized"]:
                y = order.index(cell) + beside
                note(panel, [_mark(page, row, order)])
                panel.plot([row["normalized_low"], row["normalized_high"]], [y, y], color=colour, linewidth=0.7)
                filled = colour if row["q"] is not None and row["q"] < SIGNIFICANT else "white"
                panel.plot([row["normalized"]], [y], "o", markersize=3.2, markerfacecolor=filled, markeredgecolor=colour)
    for marker, state, rows in (("x", "skipped", page.skipped), ("|", "missing", page.missing)):
        for row in rows:
            if page.column_of(row) == column and cell_of(page, row) in order:
                at = [order.index(cell_of(page, row))]
                note(panel, [{"rank": at[0] + 1, "series": cell_text(page, cell_of(page, row)), "state": state}])
                panel.plot([0.02], at, marker, transform=panel.get_yaxis_transform(), color="#606060", markersize=4)


def _mark(page: Page, row: Row, order: Sequence[Cell]) -> dict[str, Any]:
    cell = cell_of(page, row)
    names = {"value": "normalized", "low": "normalized_low", "high": "normalized_high", "q": "q", "identity": "identity"}
    where = {"rank": order.index(cell) + 1, "series": cell_text(page, cell), "timestep": row["timestep"]}
    return {**where, "quantity": "normalized", **{name: row.get(column) for name, column in names.items()}, "state": "value"}


def _colour(number: int, timesteps: Sequence[int]) -> Any:
    return _COLOURS(0.9 * (1 - number / max(1, len(timesteps) - 1)))


def _legend(figure: Figure, page: Page, timesteps: Sequence[int]) -> None:
    handles = [
        Line2D([], [], color=_colour(number, timesteps), marker="o", markersize=3.2, linewidth=0.7, label=f"t = {timestep}")
        for number, timestep in enumerate(timesteps)
    ]
    for marker, name, rows in (("x", "skipped", page.skipped), ("|", "missing", page.missing)):
        if rows:
            handles.append(Line2D([], [], marker=marker, linestyle="", color="#606060", label=name))
    tests = [row["q"] for row in page.rows if row["q"] is not None and row["q"] == row["q"]]
    if tests:
        handles.append(dot(f"filled: {GAIN}", min(tests) < SIGNIFICANT, markersize=5))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4), fontsize=7, frameon=False)
