"""value(t) / value(0) of a metric as lines, a line per timestep: where no more than one coefficient varies, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pcsweep.figures import baselines
from pcsweep.figures.heatmap import chosen
from pcsweep.figures.mosaic import WIDTH, entitle
from pcsweep.figures.numbers import NumberedFigure, note, place
from pcsweep.figures.pages import Page
from pcsweep.figures.panels import label_of_state
from pcsweep.figures.significance import GAIN, dot
from pcsweep.pcoder.rule import keys_of
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.study.axes import COEFFICIENTS
from pcsweep.study.labels import (
    Row,
    axis_label,
    coefficient,
    condition_text,
    in_order,
    label_of,
    text_of,
    with_direction,
)

_COLOURS = colormaps["viridis"]
_MARKS = {"skipped": "x", "missing": "|"}  # at the foot of a panel
_DODGE = 0.012  # of the axis's length, between the timesteps' error bars


@dataclass(frozen=True)
class Abscissa:
    """What varies along a page's lines.

    Args:
        name: a coefficient, a parameter of the noise, "pcoder", or "timestep" where nothing varies.
        values: in order.
        beside: the page's other columns, which get a panel for each combination.
    """

    name: str
    values: list[Any]
    beside: tuple[str, ...]

    def at(self, row: Row) -> float:
        """The value itself if all are numbers, else its place."""
        value = _value(row, self.name)
        numbers = all(isinstance(each, int | float) for each in self.values)
        return float(value if numbers else self.values.index(value))


def abscissa(page: Page) -> Abscissa | None:
    """None where both coefficients of a heatmap vary, which shows it."""
    varying = [name for name in keys_of(page.rule) if len(page.axis(name)) > 1]
    if set(page.rule.axes) <= set(varying):
        return None
    if varying:
        return Abscissa(varying[0], page.axis(varying[0]), page.across)
    if "noise" in page.across:  # whose levels have nothing in common
        return Abscissa("timestep", page.timesteps, page.across)
    levels = {name: in_order({row[name] for row in page.everything}) for name in page.across}
    name = max(page.across, key=lambda each: len(levels[each]))
    if len(levels[name]) > 1:
        return Abscissa(name, levels[name], tuple(each for each in page.across if each != name))
    return Abscissa("timestep", page.timesteps, page.across)


def lines(page: Page, along: Abscissa) -> Figure:
    """A panel for each combination of the columns beside; filled points are significant."""
    combinations = in_order({tuple(row[name] for name in along.beside) for row in page.everything})
    across = min(len(combinations), 4)
    down = -(-len(combinations) // across)
    figure = NumberedFigure(figsize=(WIDTH if across > 1 else 4.6, 1.6 + 2.2 * down), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).ravel()
    drawn: list[Artist] = []
    groups = [[row for row in page.rows if tuple(row[name] for name in along.beside) == each] for each in combinations]
    shared, over = baselines.told(page.metric, groups)
    for panel, combination, more in zip(axes, combinations, over, strict=False):
        text = condition_text(zip(along.beside, combination, strict=True))
        place(panel, dict(zip(along.beside, combination, strict=True)))
        panel.set_title(baselines.under(text, more), fontsize=8)
        panel.tick_params(labelsize=7)
        panel.axhline(1, color="#808080", linewidth=0.7, linestyle="--", zorder=0)
        here = [[row for row in rows if tuple(row[name] for name in along.beside) == combination] for rows in _kinds(page)]
        drawn = _lines(panel, here[0], along, chosen(page.timesteps)) or drawn
        _gaps(panel, {"skipped": here[1], "missing": here[2]}, along)
        _ticks(panel, along)
    for panel in axes[len(combinations) :]:
        panel.set_visible(False)
    for panel in axes[max(0, len(combinations) - across) : len(combinations)]:
        panel.tick_params(labelbottom=True)
        panel.set_xlabel("timestep t" if along.name == "timestep" else axis_label(along.name), fontsize=8)
    name = label_of(page.metric)
    ratio = with_direction(f"{name}(t) / {name}(0)", page.metric)
    figure.supylabel(f"{ratio}, 95 % interval", fontsize=8)
    entitle(figure, _fixed(page, along), page, shared)
    _legend(figure, page, drawn)
    return figure


def _kinds(page: Page) -> tuple[list[Row], list[Row], list[Row]]:
    return page.rows, page.skipped, page.missing


def _fixed(page: Page, along: Abscissa) -> str:
    """The coefficients that do not vary."""
    names = [name for name in page.rule.axes if name != along.name and page.everything]
    return ", ".join(f"{axis_label(name)} = {text_of(value)}" for name in names for value in page.axis(name))


def _lines(panel: Axes, rows: Sequence[Row], along: Abscissa, timesteps: Sequence[int]) -> list[Artist]:
    """A line per timestep, or one over time; the legend's handles."""
    if along.name == "timestep":
        rows = sorted(rows, key=lambda row: row["timestep"])
        _line(panel, rows, along, 0.0, "black")
        return []
    extent = max((along.at(row) for row in rows), default=0) - min((along.at(row) for row in rows), default=0)
    handles: list[Artist] = []
    for number, timestep in enumerate(timesteps):
        colour = _COLOURS(0.9 * (1 - number / max(1, len(timesteps) - 1)))
        at = sorted((row for row in rows if row["timestep"] == timestep), key=along.at)
        beside = _DODGE * extent * (number - (len(timesteps) - 1) / 2)
        _line(panel, at, along, beside, colour)
        handles.append(Line2D([], [], color=colour, linewidth=1.2, label=f"t = {timestep}"))
    return handles


def _line(panel: Axes, rows: Sequence[Row], along: Abscissa, beside: float, colour: Any) -> None:
    """With its intervals; a point is filled where the gain is significant."""
    x = [along.at(row) + beside for row in rows]
    note(panel, (_mark(row, along) for row in rows))
    y, low, high = (np.array([row[name] for row in rows], float) for name in ("normalized", "normalized_low", "normalized_high"))
    errors = np.clip(np.nan_to_num(np.stack([y - low, high - y])), 0, None)
    panel.errorbar(x, y, yerr=errors, color=colour, linewidth=1.2, elinewidth=0.6)
    filled = [colour if row["q"] is not None and row["q"] < SIGNIFICANT else "white" for row in rows]
    panel.scatter(x, y, s=12, c=filled, edgecolors=[colour] * len(rows), linewidths=0.8, zorder=3)


def _mark(row: Row, along: Abscissa) -> dict[str, Any]:
    names = ("normalized", "normalized_low", "normalized_high", "q")
    numbers = dict(zip(("value", "low", "high", "q"), (row[name] for name in names), strict=True))
    where = {along.name: _value(row, along.name), "timestep": row["timestep"]}
    return {**where, "quantity": "normalized", **numbers, "state": "value", "identity": row.get("identity")}


def _gaps(panel: Axes, places: dict[str, list[Row]], along: Abscissa) -> None:
    """Marks at the foot where cells were skipped or are missing."""
    for state, rows in places.items():
        if rows and along.name != "timestep":
            note(panel, ({along.name: _value(row, along.name), "state": state} for row in rows))
            x = [along.at(row) for row in rows]
            panel.plot(x, [0.03] * len(x), _MARKS[state], transform=panel.get_xaxis_transform(), color="#606060", markersize=5)


def _ticks(panel: Axes, along: Abscissa) -> None:
    if along.name == "timestep":
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    elif len(along.values) <= 8 or not all(isinstance(value, int | float) for value in along.values):
        places = [along.at({along.name: value}) for value in along.values]
        texts = ["none" if value is None else text_of(value) for value in along.values]
        panel.set_xticks(places, texts, rotation=20 if max(map(len, texts)) > 6 else 0)


def _legend(figure: Figure, page: Page, drawn: Sequence[Artist]) -> None:
    handles = list(drawn)
    for state, rows in (("skipped", page.skipped), ("missing", page.missing)):
        if rows:
            handles.append(
                Line2D([], [], marker=_MARKS[state], linestyle="", color="#606060", label=label_of_state(state, page.rule))
            )
    tests = [row["q"] for row in page.rows if row["q"] is not None and row["q"] == row["q"]]
    if tests:
        filled = dot(f"filled: {GAIN}", min(tests) < SIGNIFICANT, markersize=5)
        handles.append(filled)
    if handles:
        short, long = [each for each in handles if "\n" not in str(each.get_label())], handles[-1:] if tests else []
        if short:
            figure.legend(handles=short, loc="outside right upper", fontsize=7, frameon=False)
        if long:
            figure.legend(handles=long, loc="outside lower center", fontsize=7, frameon=False)


def _value(row: Row, name: str) -> Any:
    return coefficient(row, name) if name in COEFFICIENTS else row[name]
