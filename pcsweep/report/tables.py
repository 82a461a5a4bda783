"""The tables of the page about its best cells, as texts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pcsweep.aggregate.best import Headline, where
from pcsweep.aggregate.best_table import (
    best_columns,
    best_rows,
    confirmed_columns,
    confirmed_rows,
    number,
    small,
    with_interval,
)
from pcsweep.metric import baselines_of
from pcsweep.report.sentences import ratio
from pcsweep.study.labels import METRICS, OF_MASKS, Row, axis_label, coefficient, label_of, on_axes, text_of


@dataclass(frozen=True)
class Table:
    """Texts; each row has one for each column."""

    columns: list[str]
    rows: list[list[str]]


def headline_table(best: Sequence[Headline]) -> Table:
    """A row of each best cell."""
    return Table(best_columns(best), best_rows(best)) if best else Table([], [])


def confirmed_table(best: Sequence[Headline]) -> Table:
    """A row of each best cell: what one half of the images chooses, and the other says of it."""
    return Table(confirmed_columns(best), confirmed_rows(best)) if best else Table([], [])


def metric_table(best: Sequence[Headline]) -> Table:
    """A row of each metric at each best cell, with its baselines where they are known, and how many images have a gain."""
    columns = ["best cell", "metric", "t = 0", "t", "gain [95 %]", "d", "p", "images"]
    return Table(columns, [row for headline in best for row in _metric_rows(headline)])


def _metric_rows(headline: Headline) -> list[list[str]]:
    start = headline.start
    return [
        [
            f"{where(headline)}, t = {headline.row['timestep']}",
            label_of(name) + _beside(name, start),
            number(start[name]["mean"]),
            number(headline.metrics[name]["mean"]),
            with_interval(headline.metrics[name], "difference"),
            number(headline.metrics[name]["effect"], 2),
            small(headline.metrics[name]["p_grid"]),
            str(headline.metrics[name]["pairs"]),
        ]
        for name in METRICS
        if name in headline.metrics and name not in OF_MASKS
    ]


def _beside(metric: str, start: Mapping[str, Row]) -> str:
    """Such as ` (centred Gaussian 0.410, uniform map 0.280)`."""
    known = [each for each in baselines_of(metric) if each.metric in start]
    told = ", ".join(f"{each.label} {number(start[each.metric]['mean'])}" for each in known)
    return f" ({told})" if told else ""


def pcoder_table(by_pcoder: Sequence[Headline], metric: str) -> Table:
    """A row of the best cell of each set of active pcoders."""
    group = [axis_label(name) for name in (by_pcoder[0].group if by_pcoder else ())]
    coefficients = on_axes([headline.row for headline in by_pcoder])
    statistics = [f"{ratio(metric)} [95 %]", "gain [95 %]", "p"]
    columns = [*group, "pcoder", *map(axis_label, coefficients), "t", *statistics]
    return Table(columns, [_pcoder_row(headline, coefficients) for headline in by_pcoder])


def _pcoder_row(headline: Headline, coefficients: Sequence[str]) -> list[str]:
    row = headline.row
    group, values = headline.group.values(), [coefficient(row, name) for name in coefficients]
    group_texts, value_texts = (["none" if value is None else text_of(value) for value in each] for each in (group, values))
    statistics = [with_interval(row, "normalized"), with_interval(row, "difference"), small(row["p_grid"])]
    return [*group_texts, row["pcoder"], *value_texts, str(row["timestep"]), *statistics]
