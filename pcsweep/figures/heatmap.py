"""value(t) / value(0) of a metric over λ and β as a mosaic of panels, for every timestep and noise level or pcoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from pcsweep.figures.panels import LABELS, bar, colours, fill, matrix, patch, scale, tick
from pcsweep.pages import Page, heading

WIDTH, HEIGHT = 7.2, 9.0  # inches: a page's text
MOST = 10  # timesteps beside each other, or one below the other, in a figure of the paper


@dataclass(frozen=True)
class Mosaic:
    """Where the panels go: `panels[row][column]` is a value of the page's columns and a timestep."""

    rows: Sequence[str]
    columns: Sequence[str]
    panels: Sequence[Sequence[tuple[Any, int]]]


def heatmap(page: Page, timesteps: Sequence[int] | None = None) -> Figure:
    """A row of panels per timestep (`None`: all), a column per σ (or pcoder)."""
    timesteps = page.timesteps if timesteps is None else timesteps
    panels = [[(value, timestep) for value in page.columns] for timestep in timesteps]
    headings = [heading(page, value) for value in page.columns]
    return mosaic(page, Mosaic([f"t = {timestep}" for timestep in timesteps], headings, panels))


def under_noise(page: Page) -> Figure:
    """Fig. 4: the same from t = 1, since every map is 1 at t = 0."""
    return heatmap(page, chosen(page.timesteps))


def single_pcoders(page: Page) -> Figure:
    """Fig. 3: a row per pcoder, a column per timestep."""
    timesteps = chosen(page.timesteps)
    inert = {row["pcoder"] for row in page.rows if row["lambda_inert"]}
    labels = [heading(page, value) + ("\n(λ inert)" if value in inert else "") for value in page.columns]
    panels = [[(value, timestep) for timestep in timesteps] for value in page.columns]
    return mosaic(page, Mosaic(labels, [f"t = {timestep}" for timestep in timesteps], panels))


def chosen(timesteps: Sequence[int]) -> list[int]:
    """Those after t = 0; of more than `MOST`, as many at even distances, the first and the last among them."""
    later = list(timesteps[1:]) or list(timesteps)
    if len(later) <= MOST:
        return later
    return [later[index] for index in np.linspace(0, len(later) - 1, MOST).round().astype(int)]


def mosaic(page: Page, mosaic: Mosaic) -> Figure:
    """The panels under one scale, with the outer ones' axes labelled."""
    across, down = len(mosaic.columns), len(mosaic.rows)
    side = min(max((WIDTH - 1.6) / across, 0.75), 1.7)
    height = min(max(0.3 * len(page.axis("beta")), 0.75), side, max(HEIGHT / down, 0.6))
    width = max(WIDTH, side * across + 1.6) if across > 2 else 4.6
    figure = Figure(
        figsize=(width, height * down + 1.1),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False)  # all alike; sharing axes is slow
    norm, seen = scale(page), set()
    for (row, column), panel in np.ndenumerate(axes):
        values, states = matrix(page, *mosaic.panels[row][column])
        seen |= set(states.ravel().tolist())
        fill(panel, colours(values, states, norm), states)
        tick(panel, page, side, height)
        panel.tick_params(labelbottom=row == down - 1, labelleft=column == 0)
        if row == 0:
            panel.set_title(mosaic.columns[column], fontsize=8)
        if column == 0:
            panel.set_ylabel(f"{mosaic.rows[row]}\nβ", fontsize=8)
        if row == down - 1:
            panel.set_xlabel("λ", fontsize=8)
    figure.suptitle(page.title, fontsize=9)
    bar(figure, axes, page)
    patches = [patch(state) for state in LABELS if state in seen]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=8, frameon=False)
    return figure
