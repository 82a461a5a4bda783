"""Statistics → pictures, one file per kind, each drawn as PNG and PDF.

The only importers of matplotlib. No pyplot: nothing global is drawn on, and no display is needed.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from pcsweep.figures.curves import curves
from pcsweep.figures.files import save
from pcsweep.figures.heatmap import heatmap, single_pcoders, under_noise
from pcsweep.figures.layers import LayersOverTime, layers_over_time
from pcsweep.figures.lines import abscissa, lines
from pcsweep.figures.overlays import overlays
from pcsweep.figures.pages import Page, Results, beside_alone, columns_beside, pages
from pcsweep.figures.plane import crowded, in_plane, scattered
from pcsweep.figures.presets import presets
from pcsweep.figures.ranking import ranking
from pcsweep.measure.exhibit import Exhibition, names

_PAPER = {
    "fig2": (presets, "noise"),
    "fig3": (single_pcoders, "pcoder"),
    "fig4": (under_noise, "noise"),
}


def draw(results: Results, asked: Sequence[str], folder: Path) -> list[Path]:
    """Writes heatmap (or lines) and curves of each facet, and the paper's figures that are asked for; returns their paths.

    Where the two coefficients of a heatmap do not both vary there is none: its colours are drawn as lines. Scattered cells are a
    plane of circles, or one below the other.

    Args:
        results: all cells.
        asked: of "fig2", "fig3", "fig4"; others are no figures of statistics.
        folder: made if missing.
    """
    if not results.rows:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    metric = "" if results.metric == "iou" else results.metric
    for page in pages(results, together=beside_alone(results)):
        pictures += save(_over_coefficients(page, heatmap), folder / _named(_kind(page), metric, page.name))
        pictures += save(curves(page), folder / _named("curves", metric, page.name))
    for name in [name for name in asked if name in _PAPER]:
        drawn, across = _PAPER[name]
        together = ("pcoder", *columns_beside(results.rows)) if name == "fig2" else ()  # one picture for all sets
        for page in pages(results, across, (*together, *beside_alone(results))):
            picture = drawn(page) if name == "fig2" else _over_coefficients(page, drawn)
            pictures += save(picture, folder / _named(name, metric, page.name))
    return pictures


def _kind(page: Page) -> str:
    """What shows the cells over their coefficients."""
    if crowded(page):
        return "ranking"
    if abscissa(page):
        return "lines"
    return "heatmap" if not scattered(page) else "plane" if in_plane(page) else "ranking"


def _over_coefficients(page: Page, mosaic: Callable[[Page], Figure]) -> Figure:
    """The mosaic; lines where its two coefficients do not both vary, and a ranking of cells that would leave most of it empty."""
    if _kind(page) == "ranking":
        return ranking(page)
    along = abscissa(page)
    return lines(page, along) if along else mosaic(page)


def draw_exhibitions(exhibitions: Sequence[Exhibition], folder: Path) -> list[Path]:
    """Writes `fig1`, one per grid point that has pictures, and returns the paths; `folder` is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for exhibition, name in zip(exhibitions, names(exhibitions), strict=True):
        pictures += save(overlays(exhibition), folder / _named("fig1", name))
    return pictures


def draw_layers(shown: Sequence[LayersOverTime], metric: str, folder: Path) -> list[Path]:
    """Writes `layers`, of a metric at every pcoder and timestep; its paths, none where there is nothing to show."""
    if not shown:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    return save(layers_over_time(shown, metric), folder / _named("layers", "" if metric == "iou" else metric))


def _named(*words: str) -> str:
    return "_".join(word for word in words if word)
