"""The best cells of update rules over time, a column of panels per noise level: the metric above, the gain on t = 0 below."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcsweep.figures.curves import COLOURS, COLUMNS, legend, panelled, with_baselines
from pcsweep.figures.files import save
from pcsweep.figures.numbers import Marks, note
from pcsweep.figures.pages import Page, Results, pages
from pcsweep.study.labels import START, Row, beside, label_of

_CONTROL = "feedforward control: the value at t = 0"
_CHOSEN = "large: the timestep that the other half of the images chose"
_DASHES = ("-", "--", ":", "-.")
_HEIGHTS = (1.0, 0.8)  # of the panels of the metric, and of the gain


def draw_rules(
    results: Results, rules: Sequence[str], conditions: Sequence[str], folder: Path, numbers: str = "rules"
) -> list[Path]:
    """Writes `rules`, a picture for all noise levels, and of what else conditions differ in one for each; returns the paths.

    Args:
        results: whose rows are the curves of best cells, on the images that confirm.
        rules: labels of all rules, in order.
        conditions: the columns that rules share, such as model, noise and σ.
        folder: made if missing.
        numbers: begins the names of the CSV files beside the pictures, if not as theirs do.
    """
    folder.mkdir(parents=True, exist_ok=True)
    named = ("model", "noise", "pcoder", *beside(results.rows), *results.facets)
    metric = "" if results.metric == "iou" else results.metric
    pictures = []
    for page in pages(results, "noise", [name for name in named if name not in conditions]):
        more = "".join(f"_{word}" for word in (metric, page.name) if word)
        pictures += save(rules_over_time(page, rules), folder / f"rules{more}", folder / f"{numbers}{more}")
    return pictures


def rules_over_time(page: Page, rules: Sequence[str]) -> Figure:
    """A line per rule, its chosen timestep marked; 95 % intervals over the images that confirm."""
    styles = {rule: _style(place) for place, rule in enumerate(rules)}
    handles: dict[str, Any] = {}
    figure, panels = panelled(page, _HEIGHTS)
    for rows, value, gain in zip(page.by_column, panels[0], panels[1], strict=True):
        _feedforward(value, rows, handles)
        gain.axhline(0, color="black", linewidth=1, linestyle="--", zorder=1)
        there = [rule for rule in rules if any(row["rule"] == rule for row in rows)]
        for place, rule in enumerate(there):
            line = sorted((row for row in rows if row["rule"] == rule), key=lambda row: row["timestep"])
            aside = 0.08 * (place - (len(there) - 1) / 2)
            handles[rule] = _line(value, line, "confirming_mean", styles[rule], aside)
            handles[_CHOSEN] = Line2D([], [], marker="o", markersize=6, color="#606060", linestyle="")
            _line(gain, line, "confirming_difference", styles[rule], aside)
            for panel, name in ((value, "confirming_mean"), (gain, "confirming_difference")):
                note(panel, _marks(line, rule, name))
    with_baselines(page, panels[0])
    for place in range(0, len(page.columns), COLUMNS):
        panels[0][place].set_ylabel(f"{label_of(page.metric)}, best cell\nconfirmed, 95 % interval", fontsize=7)
        panels[1][place].set_ylabel("gain on t = 0, paired\n95 % interval", fontsize=7)
    ordered = {rule: handles[rule] for rule in rules if rule in handles} | handles
    legend(figure, ordered, columns=3 if len(page.columns) > 1 else 1)
    return figure


def _style(place: int) -> tuple[str, str]:
    """Colour and dash of a rule."""
    return COLOURS[place % len(COLOURS)], _DASHES[place // len(COLOURS) % len(_DASHES)]


def _feedforward(panel: Axes, rows: Sequence[Row], handles: dict[str, Any]) -> None:
    """What the network has without a rule: the value at t = 0, at which controls stay."""
    for start in sorted({round(row["baselines"][START], 6) for row in rows if START in row["baselines"]}):
        note(panel, [{"series": _CONTROL, "timestep": 0, "quantity": "mean", "value": start}])
        handles[_CONTROL] = panel.axhline(start, color="black", linewidth=1, linestyle="--", zorder=1)


def _marks(line: Sequence[Row], rule: str, name: str) -> Marks:
    """A row for each point; `chosen` at the timestep with the larger dot."""
    for row in line:
        ends = {end: row[f"{name}_{end}"] for end in ("low", "high")}
        where = {"series": rule, "timestep": row["timestep"], "quantity": name}
        yield {**where, "value": row[name], **ends, "chosen": bool(row["best"]), "identity": row.get("identity")}


def _line(panel: Axes, line: Sequence[Row], name: str, style: tuple[str, str], aside: float) -> Any:
    """Beside those of other rules, so that intervals do not cover each other; a larger dot at the chosen timestep."""
    colour, dash = style
    middle, low, high = (np.array([row[f"{name}{end}"] for row in line], float) for end in ("", "_low", "_high"))
    errors = np.clip(np.nan_to_num(np.stack([middle - low, high - middle])), 0, None)  # (ends, timesteps)
    times = np.array([row["timestep"] for row in line]) + aside
    drawn = panel.errorbar(
        times, middle, yerr=errors, color=colour, linestyle=dash, linewidth=1.2, elinewidth=0.7, capsize=1.5, marker="o",
        markersize=2, zorder=2,
    )  # fmt: skip
    chosen = np.array([row["best"] for row in line])
    panel.plot(times[chosen], middle[chosen], marker="o", markersize=6, color=colour, linestyle="", zorder=3)
    return drawn
