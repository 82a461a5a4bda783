"""One image under one configuration: its maps over time and what is drawn beside them, still or moving."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pcsweep.compute.beside import Beside
from pcsweep.figures.files import DPI, literal
from pcsweep.figures.overlays import GREY, STILL, legend_below, line_handles, overlay, still, without_ticks
from pcsweep.machine.files import replacing
from pcsweep.measure.exhibit import Exhibit

SIDE = 1.4  # inches per picture
MOVING_DPI = 120
_ACROSS = 44  # characters of what explains the lower row


@dataclass(frozen=True, eq=False)
class Picture:
    """What is drawn.

    Args:
        exhibit: the image and its maps.
        beside: what the update rule has to draw beside the maps, if anything.
        threshold: of the IoU.
        title: says which image and configuration it is.
        layers: the same image with the maps of pcoders 1..N, where they are wanted; those of the last are the exhibit's.
    """

    exhibit: Exhibit
    beside: Beside | None
    threshold: float
    title: str
    layers: Sequence[Exhibit] = ()

    @property
    def lower(self) -> list[tuple[int, Exhibit]]:
        """The pcoders below the last, from above, each with its number."""
        return list(enumerate(self.layers[:-1], start=1))[::-1]


def panels(picture: Picture, timesteps: Sequence[int]) -> Figure:
    """The image, the noisy image and the mask, then a column per timestep: the map above, those of lower pcoders, if any, and
    what is beside it, if anything, below.
    """
    across, down = len(STILL) + len(timesteps), 1 + len(picture.lower) + bool(picture.beside)
    figure = Figure(figsize=(SIDE * across + 0.2, down * (SIDE + 0.25) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(down, across)
    above = [figure.add_subplot(grid[0, column]) for column in range(across)]
    _still(above, picture.exhibit)
    for panel, timestep in zip(above[len(STILL) :], timesteps, strict=True):
        panel.set_title(f"t = {timestep}", fontsize=8)
        overlay(panel, picture.exhibit, timestep, picture.threshold)
    for row, (number, exhibit) in enumerate(picture.lower, start=1):
        for column, timestep in enumerate(timesteps, start=len(STILL)):
            panel = figure.add_subplot(grid[row, column])
            without_ticks(panel)
            overlay(panel, exhibit, timestep, picture.threshold)
            if timestep == timesteps[0]:
                panel.set_ylabel(f"pcoder {number}", fontsize=8)
    if picture.layers:
        above[len(STILL)].set_ylabel(f"pcoder {len(picture.layers)}", fontsize=8)
    if picture.beside:
        for column, timestep in enumerate(timesteps, start=len(STILL)):
            _beside(figure.add_subplot(grid[down - 1, column]), picture.beside, timestep)
        words = figure.add_subplot(grid[down - 1, : len(STILL)])
        words.set_axis_off()
        words.text(0, 0.95, fill(f"lowest row: {picture.beside.explained}", _ACROSS), fontsize=7, va="top", linespacing=1.4)
        words.legend(handles=line_handles(picture.threshold), loc="lower left", fontsize=7, facecolor=GREY, labelcolor="white")
    else:
        legend_below(figure, picture.threshold)
    figure.suptitle(picture.title, fontsize=9)
    return figure


def write(figure: Figure, path: Path) -> None:
    """Writes a PNG or a PDF, as the path's suffix says; the same picture makes the same bytes."""
    ending = path.suffix.lower().removeprefix(".")
    metadata = {"CreationDate": None} if ending == "pdf" else {}
    literal(figure)
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending, dpi=DPI, metadata=metadata)


def animate(picture: Picture, frames_per_second: float, path: Path) -> None:
    """Writes a GIF that repeats for ever or, through ffmpeg, an MP4: a frame per timestep."""
    figure = Figure(figsize=(SIDE * (len(STILL) + 1 + bool(picture.beside)) + 0.2, SIDE + 1.1), layout="constrained")
    FigureCanvasAgg(figure)
    kind: type[AbstractMovieWriter] = PillowWriter if path.suffix.lower() == ".gif" else FFMpegWriter
    writer = kind(fps=frames_per_second)  # type: ignore[arg-type]  # takes fractions as well
    with TemporaryDirectory() as folder, replacing(path) as temporary:
        made = Path(folder) / f"show{path.suffix.lower()}"  # writers go by the suffix
        writer.setup(figure, made, MOVING_DPI)  # not its context `saving`, which hides an interruption behind errors of its own
        for timestep in picture.exhibit.saliency:
            figure.clear()
            draw_frame(figure, picture, timestep)
            literal(figure)
            writer.grab_frame()
        writer.finish()
        shutil.copyfile(made, temporary)


def draw_frame(figure: Figure, picture: Picture, timestep: int) -> None:
    """Draws one moment of the animation: image, noisy image, mask, map and what is beside it, if anything."""
    row = list(figure.subplots(1, len(STILL) + 1 + bool(picture.beside)))
    _still(row, picture.exhibit)
    moving = row[len(STILL)]
    moving.set_title(f"t = {timestep}", fontsize=8)
    overlay(moving, picture.exhibit, timestep, picture.threshold)
    if picture.beside:
        row[-1].set_title(picture.beside.name, fontsize=8)
        _beside(row[-1], picture.beside, timestep)
    legend_below(figure, picture.threshold)
    figure.suptitle(picture.title, fontsize=9)


def _still(row: Sequence[Axes], exhibit: Exhibit) -> None:
    """What does not change with t, named above each."""
    still(row, exhibit)
    for panel, name in zip(row, STILL, strict=False):
        panel.set_title(name, fontsize=8)


def _beside(panel: Axes, drawn: Beside, timestep: int) -> None:
    low, high = drawn.limits
    without_ticks(panel)
    panel.imshow(
        drawn.panels[timestep].image, cmap="gray", vmin=low, vmax=high, interpolation="nearest"
    )  # colours stay as they are
    panel.set_xlabel(drawn.panels[timestep].said, fontsize=7, labelpad=2)
