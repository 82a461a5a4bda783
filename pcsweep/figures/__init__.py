"""Statistics → pictures, one file per kind, each drawn as PNG and PDF.

The only importers of matplotlib. No pyplot: nothing global is drawn on, and no display is needed.
"""

from collections.abc import Sequence
from pathlib import Path

from pcsweep.exhibition import Exhibition, names
from pcsweep.figures.curves import curves
from pcsweep.figures.files import save
from pcsweep.figures.heatmap import heatmap, single_pcoders, under_noise
from pcsweep.figures.overlays import overlays
from pcsweep.figures.presets import presets
from pcsweep.pages import Results, pages

_TOGETHER = ("alpha", "pcoder", "pcoder.alpha")  # one picture for all sets of coefficients
_PAPER = {
    "fig2": (presets, "sigma", _TOGETHER),
    "fig3": (single_pcoders, "pcoder", ()),
    "fig4": (under_noise, "sigma", ()),
}


def draw(results: Results, asked: Sequence[str], folder: Path) -> list[Path]:
    """Writes heatmap and curves of each facet, and those of the paper's figures that are asked for; returns their paths.

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
    for page in pages(results):
        pictures += save(heatmap(page), folder / _named("heatmap", metric, page.name))
        pictures += save(curves(page), folder / _named("curves", metric, page.name))
    for name in [name for name in asked if name in _PAPER]:
        drawn, across, together = _PAPER[name]
        for page in pages(results, across, together):
            pictures += save(drawn(page), folder / _named(name, metric, page.name))
    return pictures


def draw_exhibitions(exhibitions: Sequence[Exhibition], folder: Path) -> list[Path]:
    """Writes `fig1`, one per grid point that has pictures, and returns the paths; `folder` is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for exhibition, name in zip(exhibitions, names(exhibitions), strict=True):
        pictures += save(overlays(exhibition), folder / _named("fig1", name))
    return pictures


def _named(*words: str) -> str:
    return "_".join(word for word in words if word)
