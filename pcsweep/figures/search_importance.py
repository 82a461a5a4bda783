"""How much of what an objective varies each coefficient explains (fANOVA)."""

import numpy as np
from matplotlib.figure import Figure

from pcsweep.figures.mosaic import WIDTH
from pcsweep.figures.numbers import note
from pcsweep.figures.search_frame import BEST, COMPLETE, framed
from pcsweep.search.told import SearchShown, symbol

_BAR = 0.2  # inches
_COLOURS = (COMPLETE, BEST)


def importance(search: SearchShown) -> Figure | None:
    """Bars, the most important coefficient on top; None where nothing can be said."""
    keys = list(dict.fromkeys(key for shares in search.importance for key in shares))
    if not keys:
        return None
    keys.sort(key=lambda key: -sum(shares.get(key, 0.0) for shares in search.importance))
    figure = framed(search, 0.75 * WIDTH, 1.5 + _BAR * len(keys) * len(search.importance))
    panel = figure.subplots()
    rows, thick = np.arange(len(keys)), 0.8 / len(search.importance)
    for number, (shares, words) in enumerate(zip(search.importance, search.record.terms.objectives, strict=True)):
        values = [shares.get(key, 0.0) for key in keys]
        places = rows + thick * (number - (len(search.importance) - 1) / 2)
        panel.barh(places, values, height=0.95 * thick, color=_COLOURS[number % 2], label=words)
        note(panel, ({"objective": words, "coefficient": key, "value": value} for key, value in zip(keys, values, strict=True)))
        for place, value in zip(places, values, strict=True):
            panel.text(value, place, f" {value:.0%}", va="center", fontsize=6)
    panel.set_yticks(rows, [symbol(key) for key in keys], fontsize=8)
    panel.set_ylim(len(keys) - 0.5, -0.5)
    panel.set_xlim(0, 1.12 * max(max(shares.values(), default=0.0) for shares in search.importance))
    panel.set_xlabel(f"share of the variance explained (fANOVA), from {len(search.record.complete)} complete trials", fontsize=7)
    panel.tick_params(labelsize=7)
    if len(search.importance) > 1:
        figure.legend(loc="outside lower center", fontsize=7, frameon=False)
    return figure
