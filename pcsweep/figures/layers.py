"""A metric's gain on t = 0 at every pcoder (rows, the last one on top) and timestep (columns), a panel per noise level."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pcsweep.console.text import number_of
from pcsweep.figures.numbers import Marks, NumberedFigure, note
from pcsweep.figures.panels import COLORMAP, PALE
from pcsweep.study.labels import label_of

_CELL, _LEAST = 0.34, 2.0  # inches of a cell's side, and of a panel's width
_PER_INCH = 13  # characters of a heading


@dataclass(frozen=True, eq=False)
class LayersOverTime:
    """One cell at every pcoder.

    Args:
        where: its noise level, in words.
        cell: its coefficients, in words.
        timesteps: from t = 0 on.
        mean: of the metric.
        gain: mean of what an image gains on t = 0.
        low, high: of the gain's 95 % interval.
        undefined: how many values are NaN, of all images, layers and timesteps.
        images: how many.
    """

    where: str
    cell: str
    timesteps: list[int]
    mean: Float[np.ndarray, "layers timesteps"]
    gain: Float[np.ndarray, "layers timesteps"]
    low: Float[np.ndarray, "layers timesteps"]
    high: Float[np.ndarray, "layers timesteps"]
    undefined: int
    images: int

    @property
    def clear(self) -> np.ndarray:
        """Whether the interval leaves out 0, (layers, timesteps)."""
        found: np.ndarray = (self.low > 0) | (self.high < 0)
        return found


def layers_over_time(shown: Sequence[LayersOverTime], metric: str) -> Figure:
    """A panel for each, all under one scale; a dot where the interval leaves out 0."""
    reach = max((float(np.nanmax(np.abs(each.gain), initial=0.0)) for each in shown), default=0.0) or 0.01
    norm = Normalize(-reach, reach)
    widths = [max(_LEAST, _CELL * len(each.timesteps)) for each in shown]
    height = _CELL * max(len(each.mean) for each in shown)
    figure = NumberedFigure(figsize=(sum(widths) + 1.0 * len(shown) + 0.9, height + 1.7), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(shown), squeeze=False, width_ratios=widths)[0]
    for panel, each, width in zip(axes, shown, widths, strict=True):
        _panel(panel, each, norm)
        panel.set_title(textwrap.fill(f"{each.where}: {each.cell}", int(width * _PER_INCH)), fontsize=7)
    name = label_of(metric)
    axes[0].set_ylabel(f"pcoder   {name} at t = 0", fontsize=8)
    bar = figure.colorbar(ScalarMappable(norm, COLORMAP), ax=axes, shrink=0.9, aspect=20)
    bar.set_label(f"{name}(t) − {name}(0)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    undefined = sum(each.undefined for each in shown)
    words = [
        f"n = {number_of(max(each.images for each in shown), 'image')}",
        "dot: 95 % interval without 0, not corrected for choice",
    ]
    words += [f"{number_of(undefined, 'value')} without a map, left out"] if undefined else []
    figure.supxlabel("\n".join(textwrap.wrap("; ".join(words), int(figure.get_figwidth() * _PER_INCH))), fontsize=7)
    return figure


def _panel(panel: Axes, each: LayersOverTime, norm: Normalize) -> None:
    note(panel, _marks(each))
    panel.set_facecolor(PALE)
    panel.imshow(
        np.ma.masked_invalid(each.gain), origin="lower", cmap=COLORMAP, norm=norm, aspect="auto", interpolation="nearest"
    )
    layer, step = np.nonzero(each.clear)
    panel.scatter(step, layer, s=4, c="black", linewidths=0)
    count = len(each.timesteps)
    every = max(1, -(-count // 12))
    panel.set_xticks(range(0, count, every), [str(step) for step in each.timesteps[::every]], fontsize=7)
    panel.set_yticks(
        range(len(each.mean)), [f"{n}   {_share(value)}" for n, value in enumerate(each.mean[:, 0], start=1)], fontsize=7
    )
    panel.set_xlabel("timestep t", fontsize=8)


def _marks(each: LayersOverTime) -> Marks:
    """A row for each square."""
    for (layer, step), gain in np.ndenumerate(each.gain):
        ends = {"low": float(each.low[layer, step]), "high": float(each.high[layer, step])}
        where = {"panel": each.where, "cell": each.cell, "layer": layer + 1, "timestep": each.timesteps[step]}
        yield {**where, "quantity": "difference", "value": float(gain), **ends, "start": float(each.mean[layer, 0])}


def _share(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.3f}"
