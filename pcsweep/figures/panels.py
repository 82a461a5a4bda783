"""One panel of a heatmap: a normalised metric over two coefficients, such as β and λ, and what its colours mean."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import ListedColormap, Normalize, to_rgba
from matplotlib.patches import Patch, Rectangle

from pcsweep.figures.pages import Page
from pcsweep.pcoder.rule import UpdateRule
from pcsweep.study.labels import direction, pair_of, text_of

# Without its ends, so that skipped cells are darker than any value; distinguishable by colour-blind readers.
COLORMAP = ListedColormap(colormaps["PuOr_r"](np.linspace(0.1, 0.9, 256)), "PuOr_r")
DARK, PALE, NOTHING = "#333333", "#b3b3b3", "white"
LABELS = {"skipped": "skipped", "missing": "missing", "undefined": "undefined (NaN)", "": "not asked for"}
HATCHES = {"missing": "//////", "": "....."}
EDGES = {"missing": "#808080", "": "#c8c8c8"}
USUAL = 0.9  # share of the values that the scale covers at least


def matrix(page: Page, column: tuple[Any, ...], timestep: int, name: str = "normalized") -> tuple[np.ndarray, np.ndarray]:
    """One panel: values of the column `name` and the state of each cell, both (y, x) in the order of the page's axes.

    The states are "value", "undefined", "skipped", "missing" and "" for what nobody asked for; all others are NaN there.
    """
    down, across = (page.axis(name) for name in page.rule.axes)
    values = np.full((len(down), len(across)), np.nan)  # (y, x), such as (β, λ)
    states = np.full(values.shape, "", dtype="U9")
    at = [row for row in page.rows if row["timestep"] == timestep]
    for state, rows in (("skipped", page.skipped), ("missing", page.missing), ("value", at)):
        for row in rows:
            if page.column_of(row) != column:
                continue
            y, x = pair_of(row)
            place = down.index(y), across.index(x)
            states[place] = state
            if state == "value":
                values[place] = np.nan if row[name] is None else row[name]
    states[(states == "value") & np.isnan(values)] = "undefined"
    return values, states


def colours(values: np.ndarray, states: np.ndarray, norm: Normalize) -> np.ndarray:
    """The panel's cells as RGBA, (y, x, 4)."""
    rgba: np.ndarray = np.asarray(COLORMAP(norm(np.where(np.isnan(values), 1.0, values))))
    for state, colour in (("skipped", DARK), ("undefined", PALE), ("missing", NOTHING), ("", NOTHING)):
        rgba[states == state] = to_rgba(colour)
    return rgba


def scale(page: Page) -> Normalize:
    """Symmetrical about 1, wide enough for every change for the better and nine tenths of all; the rest has its last colour.

    For the better is a rise, or a fall where lower is better.
    """
    changes = _changes(page)
    usual = float(np.quantile(np.abs(changes), USUAL)) if changes.size else 0.0
    reach = max(usual, float((direction(page.metric) * changes).max(initial=0.0)), 0.01)
    return Normalize(1 - reach, 1 + reach)


def _changes(page: Page) -> np.ndarray:
    """Of every defined value from that at t = 0."""
    values = np.array([row["normalized"] for row in page.rows if row["timestep"] > 0], dtype=float)
    changes: np.ndarray = values[~np.isnan(values)] - 1
    return changes


def beyond(page: Page) -> str:
    """At which end values lie beyond the scale: "min", where lower is better "max", or "neither"."""
    norm = scale(page)
    assert norm.vmin is not None  # as scale made it
    sign = direction(page.metric)
    end = "min" if sign > 0 else "max"
    return end if (sign * _changes(page)).min(initial=0.0) < norm.vmin - 1 - 1e-9 else "neither"


def fill(panel: Axes, rgba: np.ndarray, states: np.ndarray) -> None:
    """Draws the cells; missing ones and those that nobody asked for are hatched."""
    panel.imshow(rgba, origin="lower", aspect="equal", interpolation="nearest")
    for state, hatch in HATCHES.items():
        cells = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in np.argwhere(states == state)]
        if cells:
            collection = PatchCollection(cells, facecolor=NOTHING, edgecolor=EDGES[state], hatch=hatch, linewidth=0.4)
            panel.add_collection(collection, autolim=False)
    panel.tick_params(labelsize=6, length=2, pad=1.5)


def label_of_state(state: str, rule: UpdateRule) -> str:
    """What a cell without a value is, with the reason why points of a rule are skipped."""
    return f"{LABELS[state]}: {rule.skipped}" if state == "skipped" else LABELS[state]


def patch(state: str, rule: UpdateRule) -> Patch:
    """For the legend."""
    label = label_of_state(state, rule)
    if state in HATCHES:
        return Patch(facecolor=NOTHING, edgecolor=EDGES[state], hatch=HATCHES[state], label=label)
    return Patch(facecolor=DARK if state == "skipped" else PALE, label=label)


def tick(panel: Axes, page: Page, side: float, height: float) -> None:
    """As many as there is room for in `side` × `height` inches; the first and, where the steps allow, the last among them."""
    y, x = page.rule.axes
    for axis, name, room in ((panel.xaxis, x, side / 0.24), (panel.yaxis, y, height / 0.14)):
        values = page.axis(name)
        listed = any(isinstance(value, str) for value in values)
        if listed and name == x:
            panel.tick_params(axis="x", labelrotation=90)
            room = side / 0.12
        least = max(1, -(-len(values) // max(1, int(room))))
        step = next((each for each in range(least, 2 * least + 1) if (len(values) - 1) % each == 0), least)
        axis.set_ticks(list(range(0, len(values), step)), [text_of(value) for value in values[::step]])
