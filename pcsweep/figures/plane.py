"""Scattered cells, such as those of a list: circles in the plane of two coefficients, where a mosaic would be mostly holes."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from pcsweep.figures.numbers import note
from pcsweep.figures.numbers import place as shows
from pcsweep.figures.pages import Page, is_sparse
from pcsweep.figures.panels import COLORMAP, DARK, NOTHING, PALE, label_of_state
from pcsweep.pcoder.rule import UpdateRule
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.study.labels import Row, coefficient, pair_of, rule_of_row

_SIZE = 42.0  # square points of a circle
_MARGIN = 0.08  # of the axis's length, around the circles
# How a cell without a value is drawn: marker, face, edge.
_MARKS = {"skipped": ("x", DARK, DARK), "missing": ("o", NOTHING, "#808080"), "undefined": ("o", PALE, "#606060")}


def scattered(page: Page) -> bool:
    """Whether most combinations of the two coefficients are no cells of the page."""
    squares = math.prod([len(page.axis(name)) for name in page.rule.axes])
    return is_sparse(len({pair_of(row) for row in page.everything}), squares)


def in_plane(page: Page) -> bool:
    """Whether scattered cells have each a place of their own in the plane: one number per coefficient, and no two at a place."""
    numbers = all(isinstance(value, int | float) for row in page.everything for value in pair_of(row))
    return scattered(page) and numbers and not crowded(page)


def crowded(page: Page) -> bool:
    """Whether cells differ in other coefficients than the two as well, so that neither a plane nor a line tells them apart."""
    keys = [each.key for each in page.rule.coefficients]
    cells = {tuple(coefficient(row, key) for key in keys) for row in page.everything}
    pairs = {pair_of(row) for row in page.everything}
    others = any(len(page.axis(key)) > 1 for key in keys if key not in page.rule.axes)
    both = all(len(page.axis(key)) > 1 for key in page.rule.axes)
    return len(pairs) > 1 and (len(cells) > len(pairs) or (others and not both))


def circles(panel: Axes, page: Page, place: tuple[tuple[Any, ...], int], shown: tuple[str, str], norm: Normalize) -> set[str]:
    """Draws the cells of one panel; which kinds there are, and "dot" where one is significant.

    Args:
        panel: to draw on.
        page: of the cells.
        place: a value of the page's columns, and a timestep.
        shown: the columns of the value and of the test.
        norm: from values to colours.
    """
    column, timestep = place
    shows(panel, {**dict(zip(page.across, column, strict=True)), "timestep": timestep})
    seen: set[str] = set()
    for state, rows in (("skipped", page.skipped), ("missing", page.missing), ("value", page.rows)):
        for row in rows:
            if page.column_of(row) != column or (state == "value" and row["timestep"] != timestep):
                continue
            seen |= _circle(panel, row, state, shown, norm)
    _limits(panel, page)
    return seen


def _circle(panel: Axes, row: Row, state: str, shown: tuple[str, str], norm: Normalize) -> set[str]:
    """One cell; what it adds to the legend."""
    y, x = pair_of(row)
    given, q = (row.get(name) for name in shown)
    value = math.nan if given is None else float(given)
    if state == "value" and math.isnan(value):
        state = "undefined"
    there = {"value": value, "q": q} if state in ("value", "undefined") else {}
    where = dict(zip(rule_of_row(row).axes, (y, x), strict=True))
    note(panel, [{**where, "quantity": shown[0], "value": None, "q": None, **there, "state": state}])
    if state != "value":
        marker, face, edge = _MARKS[state]
        panel.scatter(
            [x], [y], s=_SIZE, marker=marker, c=face, edgecolors=None if marker == "x" else edge, linewidths=0.8, zorder=2
        )
        return {state}
    panel.scatter([x], [y], s=_SIZE, c=[COLORMAP(norm(value))], edgecolors="#606060", linewidths=0.5, zorder=3)
    if q is None or not q < SIGNIFICANT:
        return {state}
    panel.scatter([x], [y], s=_SIZE / 8, color="black", edgecolors="white", linewidths=0.4, zorder=4)
    return {state, "dot"}


def _limits(panel: Axes, page: Page) -> None:
    """The same in every panel, with room for whole circles."""
    down, across = (_with_room(page.axis(name)) for name in page.rule.axes)
    panel.set_ylim(*down)
    panel.set_xlim(*across)
    panel.tick_params(labelsize=6, length=2, pad=1.5)
    panel.grid(color="#e0e0e0", linewidth=0.4)
    panel.set_axisbelow(True)


def _with_room(values: Sequence[float]) -> tuple[float, float]:
    room = _MARGIN * (values[-1] - values[0])
    return values[0] - room, values[-1] + room


def circle(state: str, rule: UpdateRule) -> Line2D:
    """For the legend."""
    marker, face, edge = _MARKS[state]
    return Line2D(
        [],
        [],
        linestyle="",
        marker=marker,
        markersize=5,
        markerfacecolor=face,
        markeredgecolor=edge,
        label=label_of_state(state, rule),
    )
