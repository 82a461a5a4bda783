"""A metric over time, a line per cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pcsweep.figures import baselines
from pcsweep.figures.mosaic import WIDTH, entitle
from pcsweep.figures.numbers import NumberedFigure, note, note_line, place
from pcsweep.figures.pages import Page, heading
from pcsweep.pcoder.rule import UpdateRule
from pcsweep.study.labels import SYMBOLS, Row, direction, is_control, label_of, pair_of, pair_text, rule_of_row, with_direction

COLUMNS = 4  # panels beside each other
_GAINS = (1.0, 0.7)  # heights of the curves and of the gains
_START = "feedforward: the value at t = 0"
_ENDS = {"low": "difference_low", "high": "difference_high"}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")  # Okabe and Ito, distinguishable by colour-blind readers


def best(page: Page, count: int = len(COLOURS)) -> list[tuple[Any, Any]]:
    """The pairs of coefficients, such as (β, λ), of the best normalised values at any t and σ, without the control."""
    peaks: dict[tuple[Any, Any], float] = {}
    sign = direction(page.metric)
    for row in page.rows:
        if row["normalized"] == row["normalized"] and not is_control(row):
            pair = pair_of(row)
            peaks[pair] = max(peaks.get(pair, -np.inf), sign * row["normalized"])
    return sorted(peaks, key=lambda pair: (-peaks[pair], str(pair)))[:count]


def curves(page: Page) -> Figure:
    """A panel per noise level (or pcoder): the control in black, the best cells in colour, the others thin and grey; below it
    what the same images of the best cells gained on t = 0.

    Error bars above are the bootstrap's standard deviations, which hold all that differs between images; those below are 95 %
    intervals of the paired gains.
    """
    coloured = dict(zip(best(page), COLOURS, strict=False))
    handles: dict[str, Any] = {}
    figure, panels = panelled(page, _GAINS)
    for column, value, gain in zip(page.columns, panels[0], panels[1], strict=True):
        cells = lines(page, column)
        for line in cells:
            _curve(value, line, page.rule, coloured, handles)
        if not any(is_control(line[0]) for line in cells) and cells:
            _start(value, cells[0], handles)
        _gains(gain, [line for line in cells if pair_of(line[0]) in coloured and not is_control(line[0])], coloured)
    with_baselines(page, panels[0])
    for first in range(0, len(page.columns), COLUMNS):
        panels[0][first].set_ylabel(
            f"{with_direction(label_of(page.metric), page.metric)}\n± bootstrap standard deviation", fontsize=7
        )
        panels[1][first].set_ylabel("gain on t = 0, paired\n95 % interval", fontsize=7)
    order = [pair_text(page.rule, pair) for pair in coloured]
    named = sorted(handles.items(), key=lambda item: order.index(item[0]) if item[0] in order else -len(item[0]))
    legend(figure, dict(named), columns=1 if any(len(name) > 40 for name in order) else 3)
    return figure


def panelled(page: Page, kinds: Sequence[float] = (1,)) -> tuple[Figure, list[list[Axes]]]:
    """A panel per value of the page's columns, for each of several kinds of panels, one below the other.

    Args:
        page: of whose columns.
        kinds: the relative heights of the kinds of panels; each has one scale.

    Returns:
        The figure, and the panels of each kind in the order of the columns.
    """
    across = min(len(page.columns), COLUMNS)
    down = -(-len(page.columns) // across)
    figure = NumberedFigure(figsize=(WIDTH if across > 1 else 4.6, 1.2 + 2.2 * sum(kinds) * down), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(down * len(kinds), across, height_ratios=list(kinds) * down)
    panels: list[list[Axes]] = [[] for _ in kinds]
    for number, column in enumerate(page.columns):
        for kind, row in enumerate(panels):
            first, above = (each[0] if each else None for each in (row, panels[0]))
            panel = figure.add_subplot(grid[number // across * len(kinds) + kind, number % across], sharex=above, sharey=first)
            panel.tick_params(labelsize=7, labelleft=number % across == 0)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            row.append(panel)
            place(panel, dict(zip(page.across, column, strict=True)))
        panels[0][-1].set_title(heading(page, column).replace(", ", ",\n"), fontsize=8)
        lowest = number + across >= len(page.columns)
        panels[-1][-1].set_xlabel("timestep t" if lowest else "", fontsize=8)
    entitle(figure, "", page)
    return figure, panels


def with_baselines(page: Page, panels: Sequence[Axes]) -> None:
    """Draws the baselines in every panel, and names them at the right of each row of panels."""
    for panel, rows in zip(panels, page.by_column, strict=True):
        baselines.draw(panel, rows)
    for number, (panel, rows) in enumerate(zip(panels, page.by_column, strict=True), start=1):
        if number % COLUMNS == 0 or number == len(panels):
            baselines.name(panel, rows, room=number % COLUMNS == 0 or len(panels) < COLUMNS)


def lines(page: Page, column: tuple[Any, ...]) -> list[list[Row]]:
    """Each cell's rows in the order of time."""
    cells: dict[str, list[Row]] = {}
    for row in page.rows:
        if page.column_of(row) == column:
            cells.setdefault(row["identity"], []).append(row)
    return [sorted(rows, key=lambda row: row["timestep"]) for rows in cells.values()]


def legend(figure: Figure, handles: dict[str, Any], columns: int) -> None:
    """Below the panels."""
    columns = min(len(handles), columns)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, fontsize=7, frameon=False)


def with_bars(panel: Axes, line: Sequence[Row], name: str, mean: str, aside: float = 0.0, **style: Any) -> Any:
    """A line of the statistic `mean` with the bootstrap's standard deviations as error bars; returns its legend handle.

    Args:
        panel: in which it is drawn.
        line: its points.
        name: in the legend.
        mean: the column that is drawn.
        aside: by how much it is moved, so that error bars do not cover each other.
        style: of the line.
    """
    note_line(panel, line, name, mean, {"std": "bootstrap_std"})
    return panel.errorbar(
        [row["timestep"] + aside for row in line], [row[mean] for row in line], yerr=[row["bootstrap_std"] for row in line],
        linewidth=1.2, elinewidth=0.7, capsize=1.5, marker="o", markersize=2, **style,
    )  # fmt: skip


def _curve(panel: Axes, line: list[Row], rule: UpdateRule, coloured: dict[tuple[Any, Any], str], handles: dict[str, Any]) -> None:
    pair, control = pair_of(line[0]), is_control(line[0])
    if not control and pair not in coloured:
        times, means = [row["timestep"] for row in line], [row["mean"] for row in line]
        note_line(panel, line, pair_text(rule, pair), "mean", {})
        (handles[f"other {', '.join(SYMBOLS[key] for key in rule.axes)}"],) = panel.plot(
            times, means, color="#b0b0b0", linewidth=0.5, zorder=1
        )
        return
    name = f"feedforward control: {rule.control}" if control else pair_text(rule, pair)
    colour = "black" if control else coloured[pair]
    handles[name] = with_bars(panel, line, name, "mean", color=colour, zorder=3 if control else 2)


def _start(panel: Axes, line: list[Row], handles: dict[str, Any]) -> None:
    """Where no cell is the control, the value at t = 0, which every cell shares with the feedforward network."""
    note(panel, [{"series": _START, "timestep": 0, "quantity": "mean", "value": line[0]["mean"]}])
    handles[_START] = panel.axhline(line[0]["mean"], color="black", linewidth=1, linestyle="--", zorder=1)


def _gains(panel: Axes, cells: Sequence[list[Row]], coloured: dict[tuple[Any, Any], str]) -> None:
    """Of the coloured cells, beside each other so that intervals do not cover each other."""
    panel.axhline(0, color="black", linewidth=0.7, zorder=0)
    for number, line in enumerate(sorted(cells, key=lambda line: list(coloured).index(pair_of(line[0])))):
        beside = 0.09 * (number - (len(cells) - 1) / 2)
        mean, low, high = (np.array([row[f"difference{end}"] for row in line], float) for end in ("", "_low", "_high"))
        errors = np.clip(np.nan_to_num(np.stack([mean - low, high - mean])), 0, None)
        times = [row["timestep"] + beside for row in line]
        colour = coloured[pair_of(line[0])]
        note_line(panel, line, pair_text(rule_of_row(line[0]), pair_of(line[0])), "difference", _ENDS)
        panel.errorbar(times, mean, yerr=errors, color=colour, linewidth=0.9, elinewidth=0.8, marker="o", markersize=2)
