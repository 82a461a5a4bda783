"""Fig. 1: images, masks, and the attribution maps over time with the IoU under each."""

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcsweep.console.text import number_of
from pcsweep.figures.numbers import NumberedFigure, note
from pcsweep.measure.exhibit import Exhibit, Exhibition

SHOWN = (0, 1, 2, 4, 8)  # the timesteps that get a column, as far as they were computed
SIDE = 1.0  # inches per picture
COLORMAP = "inferno"
OUTLINE, REGION = "white", "#56B4E9"
STILL = ("image", "noisy image", "mask")  # what does not change with t
GREY = "#808080"  # behind the legend, on which both lines are seen


def overlays(exhibition: Exhibition) -> Figure:
    """A row per image: the image, the noisy image, the mask, and the maps at t = 0, 1, 2, 4, 8."""
    timesteps = [timestep for timestep in SHOWN if timestep in exhibition.exhibits[0].saliency]
    headings = [*STILL, *(f"t = {timestep}" for timestep in timesteps)]
    down, across = len(exhibition.exhibits), len(headings)
    figure = NumberedFigure(figsize=(SIDE * across + 0.4, (SIDE + 0.2) * down + 0.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False)
    for row, exhibit in zip(axes, exhibition.exhibits, strict=True):
        still(list(row), exhibit)
        row[0].set_ylabel(named(exhibit), fontsize=6)
        for panel, timestep in zip(row[len(STILL) :], timesteps, strict=True):
            overlay(panel, exhibit, timestep, exhibition.threshold)
    for panel, heading in zip(axes[0], headings, strict=True):
        panel.set_title(heading, fontsize=8)
    figure.suptitle(f"{exhibition.title}, n = {number_of(down, 'image')}", fontsize=9)
    legend_below(figure, exhibition.threshold)
    return figure


def still(row: Sequence[Axes], exhibit: Exhibit) -> None:
    """What does not change with t, in the first panels of a row, none of which has ticks; under the mask its baselines."""
    for panel in row:
        without_ticks(panel)
    for panel, picture in zip(row, (exhibit.image, exhibit.noisy, masked(exhibit)), strict=False):
        panel.imshow(picture, interpolation="nearest")
    row[STILL.index("mask")].set_xlabel(under_mask(exhibit), fontsize=5.5, labelpad=2)
    named = {"image_id": exhibit.image_id, "category": exhibit.category}
    note(row[0], ({**named, "quantity": label, "value": value} for label, value in exhibit.baselines.items()))


def without_ticks(panel: Axes) -> None:
    """As a picture has none."""
    panel.set_xticks([])
    panel.set_yticks([])


def legend_below(figure: Figure, threshold: float) -> None:
    """What the lines of all maps mean."""
    handles = line_handles(threshold)
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=7, facecolor=GREY, labelcolor="white")


def line_handles(threshold: float) -> list[Line2D]:
    """Of the lines of `overlay`."""
    return [
        Line2D([], [], color=OUTLINE, linewidth=1, label="mask"),
        Line2D([], [], color=REGION, linewidth=1, label=f"map above {threshold:g} of its maximum"),
    ]


def blended(
    image: UInt8[np.ndarray, "height width 3"], saliency: Float[np.ndarray, "height width"]
) -> Float[np.ndarray, "height width 3"]:
    """The map's colours over the image in grey; the image in grey alone where the map is undefined."""
    grey = np.repeat((image @ np.array([0.299, 0.587, 0.114]) / 255)[..., None], 3, axis=2)
    if np.isnan(saliency).any():
        return grey
    over: np.ndarray = 0.4 * grey + 0.6 * np.asarray(colormaps[COLORMAP](saliency))[..., :3]
    return over


def masked(exhibit: Exhibit) -> UInt8[np.ndarray, "height width 3"]:
    """The mask in white, what is ignored in grey."""
    levels = np.where(exhibit.ignore, 128, np.where(exhibit.mask, 255, 0)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)


def named(exhibit: Exhibit) -> str:
    """Category and identifier, without the folders before it and in lines short enough for the picture's height."""
    name = exhibit.image_id.rpartition("/")[2]
    return "\n".join(line for text in (exhibit.category, name) for line in wrap(text, 24))


def overlay(panel: Axes, exhibit: Exhibit, timestep: int, threshold: float) -> None:
    saliency = exhibit.saliency[timestep]
    panel.imshow(blended(exhibit.image, saliency), interpolation="nearest")
    regions = ((exhibit.mask, OUTLINE), (saliency > threshold, REGION))
    for region, colour in regions:
        if region.any() and not region.all():
            panel.contour(region, levels=[0.5], colors=[colour], linewidths=0.8)
    panel.set_xlabel(under(exhibit, timestep), fontsize=7, labelpad=2)
    named = {"image_id": exhibit.image_id, "category": exhibit.category, "timestep": timestep}
    note(panel, [{**named, "quantity": "iou", "value": exhibit.iou[timestep], "map": not np.isnan(saliency).any()}])


def under_mask(exhibit: Exhibit) -> str:
    """What stands under the mask: the IoU of maps that look at no image, where it was measured."""
    return "\n".join(f"{label}: {value:.3f}" for label, value in exhibit.baselines.items())


def under(exhibit: Exhibit, timestep: int) -> str:
    """What stands under a map: its IoU, or why there is none."""
    if np.isnan(exhibit.saliency[timestep]).any():
        return "map is zero"
    iou = exhibit.iou[timestep]
    if iou is None:
        return "IoU not measured"
    return "IoU undefined" if np.isnan(iou) else f"IoU {iou:.3f}"
