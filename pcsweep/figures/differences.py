"""What two studies differ by, over two coefficients: a row of panels per timestep, a column per noise level or pcoder."""

from pathlib import Path

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pcsweep.figures import significance
from pcsweep.figures.files import save
from pcsweep.figures.mosaic import Shown, mosaic, over_time
from pcsweep.figures.pages import Page, Results, pages
from pcsweep.figures.plane import in_plane, scattered
from pcsweep.figures.ranking import RankedBy, ranking
from pcsweep.statistics.quantity import DIFFERENCE, GAINS, Quantity

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
    """The panels under one scale that is symmetrical about 0, with dots where q < 0.05; cells of no plane one below the other."""
    if scattered(page) and not in_plane(page):
        axis = f"{quantity.label} {metric}"
        return ranking(page, RankedBy(quantity.value, quantity.q, 0.0, axis, significance.DIFFERENCE), title)
    timesteps = [timestep for timestep in page.timesteps if timestep >= quantity.first]
    shown = Shown(quantity.value, quantity.q, scale(page, quantity), f"{quantity.label} {metric}", significance.DIFFERENCE)
    return mosaic(page, over_time(page, timesteps), shown, title)


def scale(page: Page, quantity: Quantity) -> Normalize:
    """Symmetrical about 0, and wide enough for every value."""
    values = np.array([row[quantity.value] for row in page.rows], float)
    reach = float(np.abs(values[~np.isnan(values)]).max(initial=_LEAST))
    return Normalize(-reach, reach)
