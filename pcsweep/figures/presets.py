"""Fig. 2: IoU (or another metric) over time for named sets of coefficients, bootstrap mean ± standard deviation."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcsweep.figures.curves import COLOURS, legend, lines, panelled, with_bars, with_baselines
from pcsweep.figures.mosaic import PER_INCH
from pcsweep.figures.pages import Page
from pcsweep.study.labels import (
    SYMBOLS,
    Row,
    beside,
    coefficient,
    label_of,
    pair_of,
    pair_text,
    rule_of_row,
    text_of,
    with_direction,
)

_HANDLE = 8  # characters beside a name in the legend, of its line
MARKS = ("-", "--", "-.", ":")


def presets(page: Page) -> Figure:
    """A line per cell, in the order of the sets' names; a panel per noise level."""
    names = sorted({label(row) for row in page.rows})
    handles: dict[str, Any] = {}

    def draw(panel: Axes, line: list[Row]) -> None:
        name = label(line[0])
        number = names.index(name)
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": MARKS[number // len(COLOURS) % len(MARKS)]}
        aside = 0.07 * (number - (len(names) - 1) / 2)  # so that error bars do not cover each other
        handles[name] = with_bars(panel, line, name, "bootstrap_mean", aside, **style)

    figure, (panels,) = panelled(page)
    for column, panel in zip(page.columns, panels, strict=True):
        for line in lines(page, column):
            draw(panel, line)
    with_baselines(page, panels)
    figure.supylabel(
        f"{with_direction(label_of(page.metric), page.metric)}, bootstrap over images\nmean ± standard deviation", fontsize=8
    )
    wide = int(figure.get_figwidth() * PER_INCH) - _HANDLE
    fitting = {name: name if len(name) <= wide else name.replace(", ", ",\n") for name in names}
    legend(figure, {fitting[name]: handles[name] for name in names}, columns=1)
    return figure


def label(row: Row) -> str:
    """The name of the set, the coefficients, and which pcoders are active if not all."""
    words = [pair_text(rule_of_row(row), pair_of(row))]
    words += [f"{SYMBOLS[name]} = {text_of(coefficient(row, name))}" for name in beside([row])]
    words += [f"pcoder {row['pcoder']}"] if row["pcoder"] != "all" else []
    preset = row["hyperparameter"]
    return (f"{preset}: " if preset and preset != "uniform" else "") + ", ".join(words)
