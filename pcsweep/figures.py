"""Statistics → pictures: normalised IoU over (λ, β) as heatmaps, IoU over time as curves; each as PNG and PDF.

The only importer of matplotlib. No pyplot: nothing global is drawn on, and no display is needed.
"""

import os
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from matplotlib.patches import Patch, Rectangle

Row = dict[str, Any]  # one row of the table, or the coordinates of a cell without one

DPI = 200
WIDTH = 7.2  # inches: a page's text
COLORMAP = "PuOr_r"
DARK, PALE, NOTHING = "#333333", "#d9d9d9", "white"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito, distinguishable by colour-blind readers
LABELS = {"skipped": "skipped: β + λ > 1", "missing": "missing", "undefined": "undefined (NaN)"}
SYMBOLS = {"sigma": "σ", "alpha": "α"}


@dataclass(frozen=True)
class Page:
    """What one file shows: the rows of one facet, a column of panels for each value of `across`."""

    name: str  # "" where there is one page
    title: str
    across: str  # "sigma" or "pcoder"
    rows: list[Row]
    skipped: list[Row]
    missing: list[Row]

    @property
    def columns(self) -> list[Any]:
        """The values that get a column of panels each."""
        return _sorted({row[self.across] for row in self.everything})

    @property
    def everything(self) -> list[Row]:
        """All cells, there or not."""
        return [*self.rows, *self.skipped, *self.missing]

    def axis(self, name: str) -> list[Any]:
        """The values of β or λ in order: numbers, then lists per pcoder."""
        return _sorted({_coefficient(row, name) for row in self.everything})


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


def pages(rows: Sequence[Row], skipped: Sequence[Row], missing: Sequence[Row], facets: Sequence[str]) -> list[Page]:
    """One page per combination of what varies beside σ, β and λ; several pcoders share one where there is one σ only."""
    varying = [name for name in ("model", "noise", "alpha", *facets) if name not in ("pcoder.beta", "pcoder.lambda")]
    everything = [*rows, *skipped, *missing]
    several = {name: len({row[name] for row in everything}) > 1 for name in ("sigma", "pcoder")}
    across = "pcoder" if several["pcoder"] and not several["sigma"] else "sigma"
    if several["pcoder"] and several["sigma"]:
        varying.append("pcoder")
    varying = [name for name in varying if len({row[name] for row in everything}) > 1]
    found = []
    for facet in _sorted({tuple(row[name] for name in varying) for row in rows}):
        of_facet = [[row for row in group if tuple(row[name] for name in varying) == facet] for group in (rows, skipped, missing)]
        words = [(name, _text(value)) for name, value in zip(varying, facet, strict=True) if value is not None]
        name = "_".join(re.sub(r"[^\w.+-]+", "-", f"{name}-{text}").strip("-") for name, text in words)
        title = ", ".join(f"{SYMBOLS.get(name, name)} = {text}" for name, text in words)
        found.append(Page(name, title, across, *of_facet))
    return found


def matrix(page: Page, column: Any, timestep: int) -> tuple[np.ndarray, np.ndarray]:
    """One panel: normalised IoU and the state of each cell, both (β, λ) in the order of the page's axes.

    The states are "value", "undefined", "skipped", "missing" and "" for what nobody asked for; the value of all but the first is NaN.
    """
    betas, lambdas = page.axis("beta"), page.axis("lambda")
    values = np.full((len(betas), len(lambdas)), np.nan)
    states = np.full(values.shape, "", dtype="U9")
    at = [row for row in page.rows if row["timestep"] == timestep]
    for state, rows in (("skipped", page.skipped), ("missing", page.missing), ("value", at)):
        for row in rows:
            if row[page.across] != column:
                continue
            place = betas.index(_coefficient(row, "beta")), lambdas.index(_coefficient(row, "lambda"))
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
    width = max(WIDTH, side * len(page.columns) + 1.6) if len(page.columns) > 2 else 4.6
    figure = Figure(figsize=(width, side * len(timesteps) + 1.1), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)  # type: ignore[union-attr]
    axes = figure.subplots(len(timesteps), len(page.columns), squeeze=False, sharex=True, sharey=True)
    norm, seen = scale(page), set()
    for (row, column), panel in np.ndenumerate(axes):
        values, states = matrix(page, page.columns[column], timesteps[row])
        seen |= set(states.ravel().tolist())
        _panel(panel, colours(values, states, norm), states)
        if row == 0:
            panel.set_title(_heading(page, page.columns[column]), fontsize=8)
        if column == 0:
            panel.set_ylabel(f"t = {timesteps[row]}", fontsize=8)
    _ticks(axes[0, 0], page, side)
    _frame(figure, page, "λ", "β")
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
            PatchCollection(missing, facecolor=NOTHING, edgecolor="#808080", hatch="//////", linewidth=0), autolim=False
        )
    panel.tick_params(labelsize=6, length=2, pad=1.5)


def _patch(state: str) -> Patch:
    if state == "missing":
        return Patch(facecolor=NOTHING, edgecolor="#808080", hatch="//////", label=LABELS[state])
    return Patch(facecolor=DARK if state == "skipped" else PALE, label=LABELS[state])


def _mappable(norm: Normalize) -> ScalarMappable:
    return ScalarMappable(norm, COLORMAP)


def _ticks(panel: Axes, page: Page, side: float) -> None:
    """As many as there is room for; the first and, where the steps allow, the last among them."""
    for axis, name, room in ((panel.xaxis, "lambda", side / 0.24), (panel.yaxis, "beta", side / 0.14)):
        values = page.axis(name)
        step = max(1, -(-(len(values) - 1) // max(1, int(room) - 1)))
        while step < len(values) - 1 and (len(values) - 1) % step and (len(values) - 1) // step > 1:
            step += 1
        axis.set_ticks(list(range(0, len(values), step)), [_text(value) for value in values[::step]])


def _frame(figure: Figure, page: Page, below: str, left: str) -> None:
    figure.supxlabel(below, fontsize=9)
    figure.supylabel(left, fontsize=9, rotation=0 if len(left) == 1 else 90)
    if page.title:
        figure.suptitle(page.title, fontsize=9)


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
    _frame(figure, page, "timestep t", "IoU ± bootstrap standard deviation")
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
    return _coefficient(row, "beta"), _coefficient(row, "lambda")


def _coefficient(row: Row, name: str) -> Any:
    """A number, or the list per pcoder as text."""
    return row.get(f"pcoder.{name}") if row[name] is None else row[name]


def _name(pair: tuple[Any, Any]) -> str:
    return f"β = {_text(pair[0])}, λ = {_text(pair[1])}"


def _heading(page: Page, column: Any) -> str:
    if page.across == "pcoder":
        return f"pcoder {column}"
    return "no σ" if column is None else f"σ = {_text(column)}"


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sorted(values: Iterable[Any]) -> list[Any]:
    """Numbers by size, then texts, then None; tuples likewise, item by item."""

    def rank(value: Any) -> Any:
        if isinstance(value, tuple):
            return [rank(item) for item in value]
        number = isinstance(value, int | float)
        return value is None, not number, value if number else 0, str(value)

    return sorted(values, key=rank)


def _save(figure: Figure, stem: Path) -> list[Path]:
    paths = []
    for ending in ("png", "pdf"):
        path = stem.with_name(f"{stem.name}.{ending}")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            figure.savefig(temporary, format=ending, dpi=DPI)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        paths.append(path)
    return paths
