"""Statistics → pictures: normalised IoU over (λ, β) as heatmaps, IoU over time as curves; each as PNG and PDF.

The only importer of matplotlib. No pyplot: nothing global is drawn on, and no display is needed.
"""

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch, Rectangle

from pcsweep.pages import Page, Row, coefficient, pages, text_of

DPI = 200
WIDTH, HEIGHT = 7.2, 9.0  # inches: a page's text
COLORMAP = "PuOr_r"
DARK, PALE, NOTHING = "#333333", "#b3b3b3", "white"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito, distinguishable by colour-blind readers
LABELS = {"skipped": "skipped: β + λ > 1", "missing": "missing", "undefined": "undefined (NaN)"}


def draw(rows: Sequence[Row], skipped: Sequence[Row], missing: Sequence[Row], facets: Sequence[str], folder: Path) -> list[Path]:
    """Writes the heatmaps and curves of each facet and returns their paths.

    Args:
        rows: of the aggregate's table, those of the metric IoU.
        skipped: coordinates of the cells with β + λ > 1.
        missing: coordinates of the cells that were not computed.
        facets: columns beside the axes that tell cells apart; each combination gets its own files.
        folder: made if missing.
    """
    if not rows:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for page in pages(rows, skipped, missing, facets):
        suffix = f"_{page.name}" if page.name else ""
        pictures += _save(heatmap(page), folder / f"heatmap{suffix}")
        pictures += _save(curves(page), folder / f"curves{suffix}")
    return pictures


def matrix(page: Page, column: Any, timestep: int) -> tuple[np.ndarray, np.ndarray]:
    """One panel: normalised IoU and the state of each cell, both (β, λ) in the order of the page's axes.

    The states are "value", "undefined", "skipped", "missing" and "" for what nobody asked for; all others are NaN there.
    """
    betas, lambdas = page.axis("beta"), page.axis("lambda")
    values = np.full((len(betas), len(lambdas)), np.nan)
    states = np.full(values.shape, "", dtype="U9")
    at = [row for row in page.rows if row["timestep"] == timestep]
    for state, rows in (("skipped", page.skipped), ("missing", page.missing), ("value", at)):
        for row in rows:
            if row[page.across] != column:
                continue
            place = betas.index(coefficient(row, "beta")), lambdas.index(coefficient(row, "lambda"))
            states[place] = state
            if state == "value":
                values[place] = row["normalized"]
    states[(states == "value") & np.isnan(values)] = "undefined"
    return values, states


def colours(values: np.ndarray, states: np.ndarray, norm: Normalize) -> np.ndarray:
    """The panel's cells as RGBA, (β, λ, 4)."""
    rgba: np.ndarray = np.asarray(colormaps[COLORMAP](norm(np.where(np.isnan(values), 1.0, values))))
    for state, colour in (("skipped", DARK), ("undefined", PALE), ("missing", NOTHING), ("", NOTHING)):
        rgba[states == state] = to_rgba(colour)
    return rgba


def scale(page: Page) -> Normalize:
    """Symmetrical about 1, wide enough for every value of the page."""
    values = np.array([row["normalized"] for row in page.rows], dtype=float)
    far = np.abs(values[~np.isnan(values)] - 1)
    reach = max(float(far.max(initial=0.0)), 0.01)
    return Normalize(1 - reach, 1 + reach)


def heatmap(page: Page) -> Figure:
    """IoU(t) / IoU(0) over λ and β: a row of panels per timestep, a column per σ (or pcoder)."""
    timesteps = sorted({row["timestep"] for row in page.rows})
    side = min(max((WIDTH - 1.6) / len(page.columns), 0.75), 1.7)
    height = min(max(0.3 * len(page.axis("beta")), 0.75), side, max(HEIGHT / len(timesteps), 0.6))
    width = max(WIDTH, side * len(page.columns) + 1.6) if len(page.columns) > 2 else 4.6
    figure = Figure(
        figsize=(width, height * len(timesteps) + 1.1),
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02),
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(timesteps), len(page.columns), squeeze=False)  # all alike; sharing axes is slow
    norm, seen = scale(page), set()
    for (row, column), panel in np.ndenumerate(axes):
        values, states = matrix(page, page.columns[column], timesteps[row])
        seen |= set(states.ravel().tolist())
        _panel(panel, colours(values, states, norm), states)
        _ticks(panel, page, side, height)
        panel.tick_params(labelbottom=row == len(timesteps) - 1, labelleft=column == 0)
        if row == 0:
            panel.set_title(_heading(page, page.columns[column]), fontsize=8)
        if column == 0:
            panel.set_ylabel(f"t = {timesteps[row]}\nβ", fontsize=8)
        if row == len(timesteps) - 1:
            panel.set_xlabel("λ", fontsize=8)
    figure.suptitle(page.title, fontsize=9)
    bar = figure.colorbar(_mappable(norm), ax=axes, label="IoU(t) / IoU(0)", shrink=min(1.0, 3 / len(timesteps)), aspect=25)
    bar.ax.tick_params(labelsize=7)
    patches = [_patch(state) for state in LABELS if state in seen]
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), fontsize=8, frameon=False)
    return figure


def _panel(panel: Axes, rgba: np.ndarray, states: np.ndarray) -> None:
    panel.imshow(rgba, origin="lower", aspect="auto", interpolation="nearest")
    missing = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in np.argwhere(states == "missing")]
    if missing:
        panel.add_collection(
            PatchCollection(missing, facecolor=NOTHING, edgecolor="#808080", hatch="//////", linewidth=0.4), autolim=False
        )
    panel.tick_params(labelsize=6, length=2, pad=1.5)


def _patch(state: str) -> Patch:
    if state == "missing":
        return Patch(facecolor=NOTHING, edgecolor="#808080", hatch="//////", label=LABELS[state])
    return Patch(facecolor=DARK if state == "skipped" else PALE, label=LABELS[state])


def _mappable(norm: Normalize) -> ScalarMappable:
    return ScalarMappable(norm, COLORMAP)


def _ticks(panel: Axes, page: Page, side: float, height: float) -> None:
    """As many as there is room for; the first and, where the steps allow, the last among them."""
    for axis, name, room in ((panel.xaxis, "lambda", side / 0.24), (panel.yaxis, "beta", height / 0.14)):
        values = page.axis(name)
        step = max(1, -(-(len(values) - 1) // max(1, int(room) - 1)))
        while step < len(values) - 1 and (len(values) - 1) % step and (len(values) - 1) // step > 1:
            step += 1
        axis.set_ticks(list(range(0, len(values), step)), [text_of(value) for value in values[::step]])


def best(page: Page, count: int = len(COLOURS)) -> list[tuple[Any, Any]]:
    """The (β, λ) of the highest normalised IoU at any timestep and σ, best first, without the control β = 1, λ = 0."""
    peaks: dict[tuple[Any, Any], float] = {}
    for row in page.rows:
        if row["normalized"] == row["normalized"] and not _is_control(row):
            pair = _pair(row)
            peaks[pair] = max(peaks.get(pair, -np.inf), row["normalized"])
    return sorted(peaks, key=lambda pair: (-peaks[pair], str(pair)))[:count]


def curves(page: Page) -> Figure:
    """IoU over timesteps, a panel per σ (or pcoder): the control in black, the best cells in colour, the others thin and grey.

    The error bars are the bootstrap's standard deviations.
    """
    columns = min(len(page.columns), 4)
    lines = -(-len(page.columns) // columns)
    figure = Figure(figsize=(WIDTH if columns > 1 else 4.6, 1.0 + 2.2 * lines), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    coloured = dict(zip(best(page), COLOURS, strict=False))
    handles: dict[str, Any] = {}
    for panel, column in zip(axes, page.columns, strict=False):
        panel.set_title(_heading(page, column), fontsize=8)
        panel.tick_params(labelsize=7)
        panel.xaxis.get_major_locator().set_params(integer=True)
        for line in _lines(page, column):
            _curve(panel, line, coloured, handles)
    for panel in axes[len(page.columns) :]:
        panel.set_visible(False)
    for index in range(max(0, len(page.columns) - columns), len(page.columns)):
        axes[index].tick_params(labelbottom=True)
        axes[index].set_xlabel("timestep t", fontsize=8)
    figure.supylabel("IoU ± bootstrap standard deviation", fontsize=8)
    figure.suptitle(page.title, fontsize=9)
    order = [_name(pair) for pair in coloured]
    named = sorted(handles.items(), key=lambda item: order.index(item[0]) if item[0] in order else -len(item[0]))
    figure.legend(
        [handle for _, handle in named], [name for name, _ in named],
        loc="outside lower center", ncols=min(len(named), 3), fontsize=7, frameon=False,
    )  # fmt: skip
    return figure


def _lines(page: Page, column: Any) -> Iterable[list[Row]]:
    """Each cell's rows in the order of time, the best and the control last, on top."""
    cells: dict[str, list[Row]] = {}
    for row in page.rows:
        if row[page.across] == column:
            cells.setdefault(row["identity"], []).append(row)
    return [sorted(rows, key=lambda row: row["timestep"]) for rows in cells.values()]


def _curve(panel: Axes, line: list[Row], coloured: dict[tuple[Any, Any], str], handles: dict[str, Any]) -> None:
    times, means = [row["timestep"] for row in line], [row["mean"] for row in line]
    pair, control = _pair(line[0]), _is_control(line[0])
    if not control and pair not in coloured:
        (handles["other β, λ"],) = panel.plot(times, means, color="#b0b0b0", linewidth=0.5, zorder=1)
        return
    name = f"feedforward control: {_name(pair)}" if control else _name(pair)
    handles[name] = panel.errorbar(
        times,
        means,
        yerr=[row["bootstrap_std"] for row in line],
        color="black" if control else coloured[pair],
        linewidth=1.2, elinewidth=0.7, capsize=1.5, marker="o", markersize=2, zorder=3 if control else 2,
    )  # fmt: skip


def _is_control(row: Row) -> bool:
    return bool(row["beta"] == 1 and row["lambda"] == 0)


def _pair(row: Row) -> tuple[Any, Any]:
    return coefficient(row, "beta"), coefficient(row, "lambda")


def _name(pair: tuple[Any, Any]) -> str:
    return f"β = {text_of(pair[0])}, λ = {text_of(pair[1])}"


def _heading(page: Page, column: Any) -> str:
    if page.across == "pcoder":
        return f"pcoder {column}"
    return "no σ" if column is None else f"σ = {text_of(column)}"


def _save(figure: Figure, stem: Path) -> list[Path]:
    paths = []
    for ending in ("png", "pdf"):
        path = stem.with_name(f"{stem.name}.{ending}")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            figure.savefig(temporary, format=ending, dpi=DPI)
            os.replace(temporary, path)
            figure.set_layout_engine("none")  # the second file has the layout of the first
        finally:
            temporary.unlink(missing_ok=True)
        paths.append(path)
    return paths
