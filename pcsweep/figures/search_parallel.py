"""Every trial as a line over all its coefficients, coloured by its value."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcsweep.figures.mosaic import WIDTH
from pcsweep.figures.numbers import note
from pcsweep.figures.search_frame import BEST, EARLY, axis_label, framed, known, mark
from pcsweep.search.record import SearchRecord, TrialRecord
from pcsweep.search.told import SearchShown, symbol

_COLOURS = colormaps["viridis"]
_CLEAR = 60.0  # lines that may be drawn nearly opaque
_AXIS = 0.42  # inches between two coefficients, at least


def parallel(search: SearchShown) -> Figure | None:
    """An axis per coefficient, from the low end of its range to the high one; None of a search of one coefficient."""
    record = search.record
    keys = list(record.terms.space)
    trials = sorted((each for each in record.complete if each.values), key=lambda each: _good(record, each))
    if len(keys) < 2 or not trials:
        return None
    figure = framed(search, max(WIDTH, 1.6 + _AXIS * len(keys)), 3.6)
    panel = figure.subplots()
    early = [each for each in record.trials if each.state == "pruned"]
    for each in early:
        panel.plot(range(len(keys)), _heights(record, each), color=EARLY, linewidth=0.4, alpha=0.35, zorder=1)
    values = [each.values[0] for each in trials]
    norm = Normalize(min(values), max(values) if max(values) > min(values) else min(values) + 1e-9)
    map_ = _COLOURS if record.directions[0] == "maximize" else _COLOURS.reversed()
    faint = max(0.2, min(0.8, _CLEAR / len(trials)))
    for each in trials:  # the best last, on top
        panel.plot(
            range(len(keys)), _heights(record, each), color=map_(norm(each.values[0])), linewidth=0.9, alpha=faint, zorder=2
        )
    for number in record.best:
        panel.plot(range(len(keys)), _heights(record, record.trials[number]), color=BEST, linewidth=2.2, zorder=3)
    note(panel, (mark(record, each, 0, _series(record, each), each.estimates[0]) for each in [*early, *trials] if each.estimates))
    _axes(panel, record, keys)
    bar = figure.colorbar(ScalarMappable(norm, map_), ax=panel, aspect=25)
    bar.set_label(axis_label(record, 0), fontsize=7)
    bar.ax.tick_params(labelsize=7)
    several = len(record.best) > 1
    handles = [Line2D([], [], color=BEST, linewidth=2.2, label="Pareto front" if several else f"best: trial {record.best[0]}")]
    handles += [Line2D([], [], color=EARLY, linewidth=0.6, label="stopped early")] if early else []
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=7, frameon=False)
    return figure


def _series(record: SearchRecord, trial: TrialRecord) -> str:
    return "stopped early" if trial.state == "pruned" else "best" if trial.number in record.best else "complete"


def _good(record: SearchRecord, trial: TrialRecord) -> float:
    return trial.values[0] if record.directions[0] == "maximize" else -trial.values[0]


def _heights(record: SearchRecord, trial: TrialRecord) -> list[float]:
    """Where a trial's line crosses each axis, from 0 to 1 of the searched range."""
    found = []
    for key, (low, high, *_) in record.terms.space.items():
        found.append((known(trial.coefficients, key) - low) / ((high - low) or 1.0))
    return found


def _axes(panel: Axes, record: SearchRecord, keys: list[str]) -> None:
    """The coefficients' names below, and the ends of each range at its ends."""
    for place, key in enumerate(keys):
        low, high = record.terms.space[key][:2]
        panel.axvline(place, color="#404040", linewidth=0.7, zorder=0)
        panel.text(place, 1.02, f"{high:.3g}", ha="center", va="bottom", fontsize=6)
        panel.text(place, -0.02, f"{low:.3g}", ha="center", va="top", fontsize=6)
    panel.set_xticks(np.arange(len(keys)), [symbol(key) for key in keys], fontsize=8)
    panel.tick_params(axis="x", length=0, pad=9)
    panel.set_yticks([])
    panel.set_ylim(-0.03, 1.03)
    panel.set_xlim(-0.4, len(keys) - 0.6)
    for side in ("top", "right", "left", "bottom"):
        panel.spines[side].set_visible(False)
