"""A metric over time, a line per cell."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pcsweep.pages import Page, Row, heading, is_control, label_of, pair_of, pair_text

WIDTH = 7.2  # inches
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito, distinguishable by colour-blind readers


def best(page: Page, count: int = len(COLOURS)) -> list[tuple[Any, Any]]:
    """The (β, λ) of the highest normalised value at any timestep and σ, best first, without the control."""
    peaks: dict[tuple[Any, Any], float] = {}
    for row in page.rows:
        if row["normalized"] == row["normalized"] and not is_control(row):
            pair = pair_of(row)
            peaks[pair] = max(peaks.get(pair, -np.inf), row["normalized"])
    return sorted(peaks, key=lambda pair: (-peaks[pair], str(pair)))[:count]


def curves(page: Page) -> Figure:
    """A panel per σ (or pcoder): the control in black, the best cells in colour, the others thin and grey.

    The error bars are the bootstrap's standard deviations.
    """
    coloured = dict(zip(best(page), COLOURS, strict=False))
    handles: dict[str, Any] = {}
    figure = panelled(page, lambda panel, line: _curve(panel, line, coloured, handles))
    figure.supylabel(f"{label_of(page.metric)} ± bootstrap standard deviation", fontsize=8)
    order = [pair_text(pair) for pair in coloured]
    named = sorted(handles.items(), key=lambda item: order.index(item[0]) if item[0] in order else -len(item[0]))
    legend(figure, dict(named), columns=1 if any(len(name) > 40 for name in order) else 3)
    return figure


def panelled(page: Page, draw: Callable[[Axes, list[Row]], None]) -> Figure:
    """A panel per value of the page's columns, in which `draw` draws every line."""
    columns = min(len(page.columns), 4)
    rows = -(-len(page.columns) // columns)
    figure = Figure(figsize=(WIDTH if columns > 1 else 4.6, 1.0 + 2.2 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for panel, column in zip(axes, page.columns, strict=False):
        panel.set_title(heading(page, column), fontsize=8)
        panel.tick_params(labelsize=7)
        panel.xaxis.get_major_locator().set_params(integer=True)
        for line in lines(page, column):
            draw(panel, line)
    for panel in axes[len(page.columns) :]:
        panel.set_visible(False)
    for index in range(max(0, len(page.columns) - columns), len(page.columns)):
        axes[index].tick_params(labelbottom=True)
        axes[index].set_xlabel("timestep t", fontsize=8)
    figure.suptitle(page.title, fontsize=9)
    return figure


def lines(page: Page, column: Any) -> list[list[Row]]:
    """Each cell's rows in the order of time."""
    cells: dict[str, list[Row]] = {}
    for row in page.rows:
        if row[page.across] == column:
            cells.setdefault(row["identity"], []).append(row)
    return [sorted(rows, key=lambda row: row["timestep"]) for rows in cells.values()]


def legend(figure: Figure, handles: dict[str, Any], columns: int) -> None:
    """Below the panels."""
    columns = min(len(handles), columns)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=7, frameon=False)


def with_bars(panel: Axes, line: list[Row], mean: str, **style: Any) -> Any:
    """A line of the statistic `mean` with the bootstrap's standard deviations as error bars; returns its legend handle."""
    return panel.errorbar(
        [row["timestep"] for row in line], [row[mean] for row in line], yerr=[row["bootstrap_std"] for row in line],
        linewidth=1.2, elinewidth=0.7, capsize=1.5, marker="o", markersize=2, **style,
    )  # fmt: skip


def _curve(panel: Axes, line: list[Row], coloured: dict[tuple[Any, Any], str], handles: dict[str, Any]) -> None:
    pair, control = pair_of(line[0]), is_control(line[0])
    if not control and pair not in coloured:
        times, means = [row["timestep"] for row in line], [row["mean"] for row in line]
        (handles["other β, λ"],) = panel.plot(times, means, color="#b0b0b0", linewidth=0.5, zorder=1)
        return
    name = "feedforward control: λ = 0, α = 0" if control else pair_text(pair)
    colour = "black" if control else coloured[pair]
    handles[name] = with_bars(panel, line, "mean", color=colour, zorder=3 if control else 2)
