"""value(t) / value(0) of a metric over two coefficients, such as λ and β: panels for every later timestep and noise level."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pcsweep.figures.mosaic import Mosaic, Shown, headings, mosaic, over_time
from pcsweep.figures.pages import Page
from pcsweep.figures.panels import beyond, scale
from pcsweep.figures.significance import GAIN
from pcsweep.study.labels import label_of, with_direction

MOST = 10  # timesteps beside each other, or one below the other, in a figure of the paper


def heatmap(page: Page, timesteps: Sequence[int] | None = None) -> Figure:
    """A row of panels per timestep (`None`: all but t = 0, where every value is 1), a column per noise level (or pcoder)."""
    return mosaic(page, over_time(page, page.later if timesteps is None else timesteps), recovery(page))


def recovery(page: Page) -> Shown:
    """The normalised metric, with a mark where the gain is significant."""
    name = label_of(page.metric)
    return Shown("normalized", "q", scale(page), with_direction(f"{name}(t) / {name}(0)", page.metric), GAIN, beyond(page))


def under_noise(page: Page) -> Figure:
    """Fig. 4: at most `MOST` timesteps."""
    return heatmap(page, chosen(page.timesteps))


def single_pcoders(page: Page) -> Figure:
    """Fig. 3: a row per pcoder, a column per timestep."""
    timesteps = chosen(page.timesteps)
    inert = {page.column_of(row) for row in page.rows if row["lambda_inert"]}
    named = zip(page.columns, headings(page), strict=True)
    labels = [text + ("\n(λ inert)" if value in inert else "") for value, text in named]
    panels = [[(value, timestep) for timestep in timesteps] for value in page.columns]
    return mosaic(page, Mosaic(labels, [f"t = {timestep}" for timestep in timesteps], panels), recovery(page))


def chosen(timesteps: Sequence[int]) -> list[int]:
    """Those after t = 0; of more than `MOST`, as many at even distances, the first and the last among them."""
    later = list(timesteps[1:]) or list(timesteps)
    if len(later) <= MOST:
        return later
    return [later[index] for index in np.linspace(0, len(later) - 1, MOST).round().astype(int)]
