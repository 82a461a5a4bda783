"""What the page says, gathered from the aggregate, the shards and the study's folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate.best import Headline, headlines, suspicions
from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.terminal import best_columns, best_rows, number, small, with_interval
from pcsweep.aggregate.words import AggregateOptions
from pcsweep.config.version import __version__
from pcsweep.console.progress import progress
from pcsweep.console.text import words_for
from pcsweep.metric import TABLE
from pcsweep.report.answer import Answer, answer
from pcsweep.report.breakdown import Images, by_class, by_size, images, spread
from pcsweep.report.completeness import absences, reasons
from pcsweep.report.gallery import Gallery, cut, gallery
from pcsweep.report.numbers import numbers
from pcsweep.report.origins import Damaged, Origins, damaged, origins
from pcsweep.report.sentences import (
    UNSUSPICIOUS,
    about,
    counts,
    grid,
    hours,
    listed,
    methods,
    only,
    question,
    ratio,
    trend,
    where,
)
from pcsweep.study import axes
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import METRICS, OF_MASKS, Row, axis_label, coefficient, in_order, label_of, on_axes, text_of
from pcsweep.study.mixing import planned_where

GALLERIES = 4  # best cells that get one at most


@dataclass(frozen=True)
class Contents:
    """Of one page: texts for people, and what the script draws. Lists of rows are tables, columns first said by `*_columns`."""

    study: str
    made: str
    version: str
    question: str
    answer: Answer
    grid: list[str]
    counts: str
    trend: str
    metric: str
    ratio: str
    nothing: str
    per: str
    threshold: str
    cut: str
    headline_columns: list[str]
    headlines: list[list[str]]
    metric_columns: list[str]
    metric_rows: list[list[str]]
    several_pcoders: bool
    pcoder: str
    pcoder_columns: list[str]
    pcoder_rows: list[list[str]]
    galleries: list[tuple[str, Gallery]]
    no_gallery: str
    suspicions: list[str]
    unsuspicious: str
    missing: list[str]
    missing_seeds: list[str]
    commands: list[str]
    reasons: list[tuple[str, str]]
    damaged: list[Damaged]
    origins: Origins
    hours: str
    asked: list[str]
    methods: list[str]
    drawn: dict[str, Any] = field(default_factory=dict)


def contents(
    folder: Path, result: Aggregate, options: AggregateOptions, pictured: int, extensions: Sequence[str] = ()
) -> Contents:
    """Of the study in `folder`.

    Args:
        folder: of the study.
        result: its aggregate.
        options: that it was aggregated with.
        pictured: how many images of either kind each gallery shows.
        extensions: modules of the study's author that may be imported for them.
    """
    table, shard_folder = result.table, folder / "shards"
    identities = [name for cell in pc.unique(table["shards"]).to_pylist() for name in cell.split()]
    best = headlines(table, result.facets, options.metric)
    of_cells = [images(shard_folder, headline) for headline in best]
    from_where = origins(shard_folder, identities)
    points = planned_where(folder, options.where)
    rows = _cells(table)
    singles = _by_pcoder(table, result.facets, best)
    aside = damaged(shard_folder)
    why = reasons(folder, points, set(identities))
    told = answer(result, best, options.metric)
    nothing = f"No {label_of(options.metric)} was measured, or none is defined."
    return Contents(
        study=options.study,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        question=question(rows),
        answer=told,
        grid=[*only(options.where), *grid(rows, result, from_where)],
        counts=counts(len(rows), result, len(aside)),
        nothing=nothing,
        threshold=from_where.common["threshold"],
        cut=f"{cut(options.metric, float(from_where.common['threshold'])):g}",
        galleries=_galleries(shard_folder, best, of_cells, pictured, extensions),
        no_gallery="Not asked for: gallery=0." if best and not pictured else nothing,
        suspicions=[*absences(result, why, aside), *suspicions(table, result.facets)],
        unsuspicious=UNSUSPICIOUS,
        missing=listed(result.missing),
        missing_seeds=listed(result.missing_seeds),
        commands=result.commands,
        reasons=why,
        damaged=aside,
        origins=from_where,
        hours=hours(from_where.hours),
        asked=list(dict.fromkeys(point.command for point in points)),
        methods=methods(options),
        drawn={
            "study": options.study,
            "metric": options.metric,
            "about": about(rows, result.unit),
            "command": f"python -m pcsweep.show {words_for(folder)}",
            "commands": result.commands,
            "shown": {name: told.row[name] for name in ("identity", "timestep")} if told.row else None,
            "start": _first_shown(best, told.row),
            "grid": numbers(table, result.skipped, result.missing, result.facets, options.metric),
            "headlines": [_drawn(*pair, options) for pair in zip(best, of_cells, strict=True)],
            "pcoders": _series(singles, "pcoder"),
            **_trend_series(best),
        },
        **_of_best(best, options.metric),
        **_of_pcoders(rows, singles, options.metric),
    )


def _of_best(best: Sequence[Headline], metric: str) -> dict[str, Any]:
    """The parts of `Contents` about best cells."""
    return {
        "trend": trend(best),
        "metric": label_of(metric),
        "ratio": ratio(metric),
        "per": " and ".join(axis_label(name) for name in (best[0].group if best else ("sigma",))),
        "headline_columns": best_columns(best) if best else [],
        "headlines": best_rows(best),
        "metric_columns": ["best cell", "metric", "t = 0", "t", "gain [95 %]", "d", "p"],
        "metric_rows": [row for headline in best for row in _metric_rows(headline)],
    }


def _of_pcoders(rows: Sequence[Row], singles: Sequence[Headline], metric: str) -> dict[str, Any]:
    """The parts of `Contents` about sets of active pcoders."""
    group = [axis_label(name) for name in (singles[0].group if singles else ())]
    pair = on_axes([headline.row for headline in singles])
    return {
        "several_pcoders": len({row["pcoder"] for row in rows}) > 1,
        "pcoder": ", ".join(sorted({row["pcoder"] for row in rows})),
        "pcoder_columns": [
            *group,
            "pcoder",
            *map(axis_label, pair),
            "t",
            f"{ratio(metric)} [95 %]",
            "gain [95 %]",
            "p",
        ],
        "pcoder_rows": [_pcoder_row(headline, pair) for headline in singles],
    }


def _cells(table: pa.Table) -> list[Row]:
    """A row of each cell."""
    firsts = np.unique(table["identity"].combine_chunks().dictionary_encode().indices.to_numpy(), return_index=True)[1]
    rows: list[Row] = table.take(pa.array(firsts)).to_pylist()
    return rows


def _metric_rows(headline: Headline) -> list[list[str]]:
    """Every metric at a best cell, with its chance level where that is known."""
    start = headline.start
    known = {name: row.chance for name, row in TABLE.items() if row.chance in start}
    chance = {name: f" (chance {number(start[level]['mean'])})" for name, level in known.items()}
    return [
        [
            f"{where(headline)}, t = {headline.row['timestep']}",
            label_of(name) + chance.get(name, ""),
            number(headline.start[name]["mean"]),
            number(headline.metrics[name]["mean"]),
            with_interval(headline.metrics[name], "difference"),
            number(headline.metrics[name]["effect"], 2),
            small(headline.metrics[name]["p_grid"]),
        ]
        for name in METRICS
        if name in headline.metrics and name not in OF_MASKS
    ]


def _by_pcoder(table: pa.Table, facets: Sequence[str], best: Sequence[Headline]) -> list[Headline]:
    """The best cell of each set of active pcoders, in each group of `best`; nothing where there is one set, or no best cell."""
    names = in_order(set(pc.unique(table["pcoder"]).to_pylist()))
    if len(names) < 2 or not best:
        return []
    tables = [table.filter(pc.field("pcoder") == name) for name in names]
    found = [headline for of_set in tables for headline in headlines(of_set, facets, best[0].metric)]
    found = [replace(headline, group={name: headline.row[name] for name in best[0].group}) for headline in found]
    return sorted(found, key=lambda headline: [axes.sort_key(value) for value in headline.group.values()])


def _pcoder_row(headline: Headline, names: Sequence[str]) -> list[str]:
    row = headline.row
    group = ["none" if value is None else text_of(value) for value in headline.group.values()]
    pair = ["none" if value is None else text_of(value) for value in (coefficient(row, name) for name in names)]
    statistics = [with_interval(row, "normalized"), with_interval(row, "difference"), small(row["p_grid"])]
    return [*group, row["pcoder"], *pair, str(row["timestep"]), *statistics]


def _series(found: Sequence[Headline], across: str) -> list[dict[str, Any]]:
    """The normalised metric with its interval over the values of a column, in a series for each of the other coordinates."""
    series: dict[str, dict[str, Any]] = {}
    for headline in (each for each in found if each.row[across] is not None):
        rest = {name: value for name, value in headline.group.items() if name != across}
        name = ", ".join(f"{axis_label(key)} = {'none' if value is None else text_of(value)}" for key, value in rest.items())
        one = series.setdefault(name, {"name": name, "x": [], "y": [], "low": [], "high": []})
        row = headline.row
        one["x"].append(row[across])
        for key, statistic in (("y", "normalized"), ("low", "normalized_low"), ("high", "normalized_high")):
            one[key].append(_or_none(row[statistic]))
    return list(series.values())


def _trend_series(best: Sequence[Headline]) -> dict[str, Any]:
    """Over what of the noise varies in numbers: σ, or another setting such as `noise.share`."""
    found = [name for name in ("sigma", *(best[0].group if best else ())) if _is_level(best, name)]
    across = found[0] if found else "sigma"
    label = "noise σ" if across == "sigma" else f"noise {axis_label(across)}"
    return {"trend": _series(best, across) if found else [], "trendAxis": label, "trendType": "linear"}


def _is_level(best: Sequence[Headline], name: str) -> bool:
    """Whether a column of the groups says how much noise there is, at several levels."""
    values = {headline.group[name] for headline in best} - {None}
    numbers = all(isinstance(value, int | float) for value in values)
    return is_noise(name) and numbers and len(values) > 1


def _or_none(value: float) -> float | None:
    return None if value != value else value


def _first_shown(best: Sequence[Headline], row: Row | None) -> int:
    """The one among cells like that of the answer."""
    alike = [place for place, each in enumerate(best) if row and all(row[name] == value for name, value in each.group.items())]
    return alike[0] if alike else 0


def _drawn(headline: Headline, of_cell: Images, options: AggregateOptions) -> dict[str, Any]:
    """What the script shows of a best cell."""
    row = headline.row
    drawing = (options.resamples, options.seed)
    return {
        "label": f"{where(headline)}: {headline}",
        "identity": row["identity"],
        "timestep": row["timestep"],
        "classes": [part.as_json() for part in by_class(of_cell, *drawing)],
        "sizes": [part.as_json() for part in by_size(of_cell, *drawing)],
    }


def _galleries(
    folder: Path, best: Sequence[Headline], of_cells: Sequence[Images], pictured: int, extensions: Sequence[str]
) -> list[tuple[str, Gallery]]:
    shown = spread(best, GALLERIES) if best and pictured else []
    if not shown:
        return []
    from pcsweep.grid.loaded import Loaded  # torch: only where it is needed

    found, loaded = [], Loaded()
    with progress("gallery", len(shown), "cells") as advance:
        for headline in shown:
            of_cell = of_cells[list(best).index(headline)]
            found.append((f"{where(headline)}: {headline}", gallery(folder, headline, of_cell, pictured, loaded, extensions)))
            advance(1)
    return found
