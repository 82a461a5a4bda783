"""Panels of square cells under one scale, with the outer ones' axes labelled: what heatmaps of one study and of two share."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pcsweep.figures import baselines
from pcsweep.figures.numbers import Marks, NumberedFigure, note
from pcsweep.figures.pages import Page, heading
from pcsweep.figures.panels import COLORMAP, LABELS, colours, fill, matrix, patch, tick
from pcsweep.figures.plane import circle, circles, in_plane
from pcsweep.figures.significance import dot, dots
from pcsweep.study.labels import SYMBOLS

WIDTH, HEIGHT = 7.2, 9.0  # inches: a page's text
_LARGEST, _SMALLEST = 0.35, 0.06  # inches of a cell
_PLANE = 1.45  # inches of a panel of scattered cells
_NARROWEST = 5.0  # inches: the legend
PER_INCH = 14  # characters of a title or a legend
_EM = 0.56  # of a character's width in a heading, in its size


@dataclass(frozen=True)
class Mosaic:
    """Where the panels go: `panels[row][column]` is a value of the page's columns and a timestep."""

    rows: Sequence[str]
    columns: Sequence[str]
    panels: Sequence[Sequence[tuple[tuple[Any, ...], int]]]


@dataclass(frozen=True)
class Shown:
    """What the cells are coloured by.

    Args:
        value: column of the page's rows.
        q: column of the tests that are marked.
        norm: from values to colours.
        label: of the scale.
        mark: what a mark means.
        extend: at which end of the scale values lie beyond it, as matplotlib has it.
    """

    value: str
    q: str
    norm: Normalize
    label: str
    mark: str
    extend: str = "neither"


def over_time(page: Page, timesteps: Sequence[int]) -> Mosaic:
    """A row of panels per timestep, a column per noise level (or pcoder)."""
    panels = [[(value, timestep) for value in page.columns] for timestep in timesteps]
    return Mosaic([f"t = {timestep}" for timestep in timesteps], headings(page), panels)


def headings(page: Page) -> list[str]:
    """Of the columns' panels, with the baselines in which they differ."""
    _, over = baselines.told(page.metric, page.by_column)
    named = (heading(page, column).replace(", ", ",\n") for column in page.columns)
    return [baselines.under(text, more) for text, more in zip(named, over, strict=True)]


def mosaic(page: Page, layout: Mosaic, shown: Shown, title: str = "") -> Figure:
    """The panels, the scale beside them, the caption above and the legend below; scattered cells are circles, not squares."""
    across, down = len(layout.columns), len(layout.rows)
    apart = in_plane(page)
    cell = _cell(page, across, down)
    height, side = (_PLANE,) * 2 if apart else (cell * len(page.axis(name)) for name in page.rule.axes)
    figure = NumberedFigure(
        figsize=(max(_NARROWEST, max(side, 0.7) * across + 1.6), height * down + 1.6),
        layout=ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02, compress=True),
    )
    FigureCanvasAgg(figure)
    y, x = (SYMBOLS[name] for name in page.rule.axes)
    axes = figure.subplots(down, across, squeeze=False)  # all alike; sharing axes is slow
    seen: set[str] = set()
    for (row, column), panel in np.ndenumerate(axes):
        place = layout.panels[row][column]
        if apart:
            seen |= circles(panel, page, place, (shown.value, shown.q), shown.norm)
        else:
            seen |= _panel(panel, page, place, shown, cell)
            tick(panel, page, side, height)
        panel.tick_params(labelbottom=row == down - 1, labelleft=column == 0)
        if row == 0:
            panel.set_title(layout.columns[column], fontsize=heading_size(layout.columns, max(side, 0.7)))
        if column == 0:
            panel.set_ylabel(f"{layout.rows[row]}\n{y}", fontsize=8)
        if row == down - 1:
            panel.set_xlabel(x, fontsize=8)
    entitle(figure, title, page, baselines.told(page.metric, page.by_column)[0])
    scale = ScalarMappable(shown.norm, COLORMAP)
    bar = figure.colorbar(scale, ax=axes, shrink=min(1.0, max(2.2 / (height * down), 0.2)), aspect=25, extend=shown.extend)
    bar.set_label(shown.label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    _legend(figure, seen, page, shown)
    return figure


def heading_size(texts: Sequence[str], inches: float) -> float:
    """The size, in points and at most 8, at which the longest line of headings beside each other is no wider than a panel."""
    longest = max((len(line) for text in texts for line in text.splitlines()), default=1)
    return min(8.0, max(4.0, 72 * inches / (_EM * max(longest, 1))))


def entitle(figure: Figure, title: str, page: Page, beside: str = "") -> None:
    """Title, what the cells share, model, data, number of images and unit of σ, and what is `beside`, in lines that fit."""
    wide = int(figure.get_figwidth() * PER_INCH)
    lines = [textwrap.fill(line, wide) for line in (title, page.title, page.caption, beside) if line]
    figure.suptitle("\n".join(lines), fontsize=8)


def _cell(page: Page, across: int, down: int) -> float:
    """Inches of a cell's side: as large as the page allows, and never too small to be seen."""
    y, x = page.rule.axes
    side = min(max((WIDTH - 1.6) / across, 0.75), 1.7) / len(page.axis(x))
    height = max(HEIGHT / down, 0.6) / len(page.axis(y))
    return max(min(side, height, _LARGEST), _SMALLEST)


def _panel(panel: Axes, page: Page, place: tuple[tuple[Any, ...], int], shown: Shown, cell: float) -> set[str]:
    """Draws the cells and the marks; which kinds of cells there are, and "dot"."""
    values, states = matrix(page, *place, shown.value)
    q = matrix(page, *place, shown.q)[0]
    note(panel, _marks(page, place, shown, (values, states, q)))
    fill(panel, colours(values, states, shown.norm), states)
    panel.set_autoscale_on(False)
    marked = dots(panel, q, cell)
    return {*states.ravel().tolist(), *(["dot"] if marked else [])}


def _marks(
    page: Page, place: tuple[tuple[Any, ...], int], shown: Shown, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Marks:
    """A row for each cell of a panel, of its values, its states and its q."""
    column, timestep = place
    values, states, q = drawn
    down, across = (page.axis(name) for name in page.rule.axes)
    for (y, x), state in np.ndenumerate(states):
        yield {
            **dict(zip(page.across, column, strict=True)),
            "timestep": timestep,
            **dict(zip(page.rule.axes, (down[y], across[x]), strict=True)),
            "quantity": shown.value,
            "value": float(values[y, x]) if state in ("value", "undefined") else None,
            "q": float(q[y, x]) if state in ("value", "undefined") else None,
            "state": str(state) or LABELS[""],
        }


def _legend(figure: Figure, seen: set[str], page: Page, shown: Shown) -> None:
    legend = circle if in_plane(page) else patch
    handles: list[Artist] = [legend(state, page.rule) for state in LABELS if state in seen]
    if any(row[shown.q] is not None and row[shown.q] == row[shown.q] for row in page.rows):
        handles.append(dot(shown.mark, "dot" in seen))
    if handles:
        columns = min(len(handles), 3 if figure.get_figwidth() > 6 else 1)
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=7, frameon=False)
