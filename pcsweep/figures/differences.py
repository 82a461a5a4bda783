"""What two studies differ by, over λ and β, as a mosaic of panels: a row per timestep, a column per σ or pcoder."""

import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from pcsweep.compare.quantity import DIFFERENCE, GAINS, Quantity
from pcsweep.figures.files import save
from pcsweep.figures.heatmap import HEIGHT, WIDTH
from pcsweep.figures.panels import COLORMAP, LABELS, colours, fill, matrix, patch, tick
from pcsweep.headlines import SIGNIFICANT
from pcsweep.pages import Page, Results, heading, pages

_LEAST = 0.001  # that the scale reaches


def draw_differences(results: Results, title: str, metric: str, folder: Path) -> list[Path]:
    """Writes `difference` and `gain_difference` of each facet, each as PNG and PDF, and returns their paths.

    Args:
        results: rows of a comparison's table, and the cells that have none.
        title: of all pictures.
        metric: for the label of the scale.
        folder: made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for page in pages(results):
        for quantity in (DIFFERENCE, GAINS):
            if any(timestep >= quantity.first for timestep in page.timesteps):
                stem = f"{quantity.value}_{page.name}" if page.name else quantity.value
                pictures += save(differences(page, quantity, title, metric), folder / stem)
    return pictures


def differences(page: Page, quantity: Quantity, title: str, metric: str) -> Figure:
    """The panels under one scale that is symmetrical about 0, with dots where q < 0.05."""
    timesteps = [timestep for timestep in page.timesteps if timestep >= quantity.first]
    across, down = len(page.columns), len(timesteps)
    side = min(max((WIDTH - 1.6) / across, 0.75), 1.7)
    height = min(max(0.3 * len(page.axis("beta")), 0.75), side, max(HEIGHT / down, 0.6))
    figure = Figure(
        figsize=(max(WIDTH, side * across + 1.6) if across > 2 else 4.6, height * down + 1.3),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False)
    values, q = _drawn(page, quantity.value), _drawn(page, quantity.q)
    norm, seen = scale(page, quantity), set()
    for (row, column), panel in np.ndenumerate(axes):
        place = page.columns[column], timesteps[row]
        seen |= _panel(panel, matrix(values, *place), matrix(q, *place)[0], norm, min(side, height))
        tick(panel, page, side, height)
        panel.tick_params(labelbottom=row == down - 1, labelleft=column == 0)
        if row == 0:
            panel.set_title(heading(page, page.columns[column]), fontsize=8)
        if column == 0:
            panel.set_ylabel(f"t = {timesteps[row]}\nβ", fontsize=8)
        if row == down - 1:
            panel.set_xlabel("λ", fontsize=8)
    wide = int(figure.get_figwidth() * 14)  # characters of a line
    figure.suptitle("\n".join(textwrap.fill(line, wide) for line in (title, page.title) if line), fontsize=9)
    bar = figure.colorbar(ScalarMappable(norm, COLORMAP), ax=axes, shrink=min(1.0, 3 / down), aspect=25)
    bar.set_label(f"{quantity.label} {metric}", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    _legend(figure, seen)
    return figure


def _drawn(page: Page, column: str) -> Page:
    """The page with this column in the place of what panels show."""
    return replace(page, rows=[{**row, "normalized": row[column]} for row in page.rows])


def scale(page: Page, quantity: Quantity) -> Normalize:
    """Symmetrical about 0, and wide enough for every value."""
    values = np.array([row[quantity.value] for row in page.rows], float)
    reach = float(np.abs(values[~np.isnan(values)]).max(initial=_LEAST))
    return Normalize(-reach, reach)


def _panel(panel: Axes, drawn: tuple[np.ndarray, np.ndarray], q: np.ndarray, norm: Normalize, inches: float) -> set[str]:
    """Draws the cells and the dots; which kinds of cells there are, and "dot"."""
    values, states = drawn
    fill(panel, colours(values, states, norm), states)
    panel.set_autoscale_on(False)
    rows, columns = np.nonzero(q < SIGNIFICANT)
    if rows.size:
        across = np.clip(0.25 * 72 * inches / max(values.shape), 1.0, 4.0)  # points
        panel.scatter(columns, rows, s=across**2, zorder=3, color="black", edgecolors="white", linewidths=0.4)
    return {*states.ravel().tolist(), *(["dot"] if rows.size else [])}


def _legend(figure: Figure, seen: set[str]) -> None:
    handles: list[Artist] = [patch(state) for state in LABELS if state in seen]
    if "dot" in seen:
        label = f"q < {SIGNIFICANT}"
        handles.append(
            Line2D([], [], marker="o", color="black", markeredgecolor="white", markersize=4, linestyle="", label=label)
        )
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 3), fontsize=8, frameon=False)
