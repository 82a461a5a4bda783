"""What the pictures of a search share: their title, their size, and how the trials of each rung are marked."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pcsweep.console.text import number_of
from pcsweep.figures.mosaic import PER_INCH
from pcsweep.figures.numbers import NumberedFigure
from pcsweep.search.estimate import Estimate
from pcsweep.search.record import SearchRecord, TrialRecord
from pcsweep.search.told import SearchShown

COMPLETE, BEST, EARLY = "#0072B2", "#D55E00", "#808080"
MARKS = ("v", "^", "s", "D", "P", "X")  # of trials that stopped early, by rung


def framed(search: SearchShown, width: float, height: float, beside: str = "") -> NumberedFigure:
    """An empty figure, with what the search is about above it."""
    figure = NumberedFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    record = search.record
    trials = f"{number_of(len(record.trials), 'trial')}, {len(record.complete)} on all {record.terms.images[-1]} images"
    where = [str(named) for name in ("model.name", "dataset.name") if (named := record.terms.settings[0].get(name))]
    trials = ", ".join([" on ".join(where), trials]) if where else trials
    under = "; ".join(filter(None, record.terms.conditions))
    lines = [" and ".join(record.terms.objectives) + (f", mean over {under}" if under else ""), trials, beside]
    wide = int(width * PER_INCH)
    figure.suptitle("\n".join(textwrap.fill(line, wide) for line in lines if line), fontsize=8)
    return figure


def mark_of(record: SearchRecord, trial: TrialRecord) -> str:
    """Of a trial that stopped early, by how many images it was measured on."""
    rungs = record.terms.images
    return MARKS[(rungs.index(trial.images) if trial.images in rungs else 0) % len(MARKS)]


def axis_label(record: SearchRecord, objective: int) -> str:
    """An objective with its direction, in lines that fit beside a panel."""
    words = record.terms.objectives[objective]
    lower = record.directions[objective] == "minimize"
    return textwrap.fill(f"{words} (lower is better)" if lower else words, 30)


def half(estimate: Estimate) -> float:
    """Of its 95 % interval."""
    return estimate.interval[1] - estimate.value


def mark(record: SearchRecord, trial: TrialRecord, objective: int, series: str, estimate: Estimate) -> dict[str, Any]:
    """A trial's estimate of an objective, as the numbers beside a figure have it."""
    low, high = estimate.interval
    where = {"objective": record.terms.objectives[objective], "series": series, "trial": trial.number, "images": estimate.images}
    return {**where, "value": estimate.value, "error": estimate.error, "low": low, "high": high, **trial.coefficients}


def known(values: Mapping[str, float], key: str) -> float:
    """NaN where a trial has no such coefficient."""
    return float(values.get(key, np.nan))
