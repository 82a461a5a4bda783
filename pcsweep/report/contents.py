"""What the page says, gathered from the aggregate, the shards and the study's folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.sanity import BOUND
from pcsweep.aggregate.sanity_words import sentences
from pcsweep.aggregate.words import AggregateOptions
from pcsweep.config.version import __version__
from pcsweep.report.answer import Answer, answer
from pcsweep.report.best_cells import best_cells
from pcsweep.report.completeness import Completeness, completeness
from pcsweep.report.cost import Cost, cost
from pcsweep.report.drawn import drawn
from pcsweep.report.gallery import Gallery, cut, galleries
from pcsweep.report.numbers import cells_of
from pcsweep.report.origins import Origins, origins
from pcsweep.report.progress import Progress
from pcsweep.report.sanity import sanity_table
from pcsweep.report.search import SearchSection, search_section
from pcsweep.report.sentences import UNSUSPICIOUS, counts, grid, hours, methods, only, question, ratio, trend
from pcsweep.report.side_by_side import SideBySideSection, section
from pcsweep.report.tables import Table, confirmed_table, headline_table, metric_table, pcoder_table
from pcsweep.study import failures
from pcsweep.study.labels import LOWER, axis_label, label_of, most_text
from pcsweep.study.mixing import planned_where
from pcsweep.study.variants import with_rule_label


@dataclass(frozen=True)
class Contents:
    """Of one page: texts and tables for people, and what the script draws."""

    study: str
    made: str
    version: str
    question: str
    answer: Answer
    said: list[str]
    grid: list[str]
    counts: str
    trend: str
    metric: str
    ratio: str
    extreme: str
    most: tuple[str, str]
    nothing: str
    per: str
    threshold: str
    cut: str
    headlines: Table
    confirmed: Table
    metrics: Table
    rules: SideBySideSection | None
    pcoder_sets: list[str]
    pcoders: Table
    galleries: list[tuple[str, Gallery]]
    no_gallery: str
    completeness: Completeness
    unsuspicious: str
    origins: Origins
    hours: str
    asked: list[str]
    methods: list[str]
    sanity: Table
    sanity_told: list[str]
    sanity_bound: float
    cost: Cost | None = None
    search: SearchSection | None = None
    progress: Progress | None = None
    drawn: dict[str, Any] = field(default_factory=dict)


def contents(
    folder: Path,
    result: Aggregate,
    options: AggregateOptions,
    pictured: int,
    extensions: Sequence[str] = (),
    progress: Progress | None = None,
) -> Contents:
    """Of the study in `folder`, from its `result` that was aggregated with `options`.

    Each gallery shows so many images (`pictured`) of either kind. Modules of the study's author (`extensions`) may be imported
    for them. With `progress` the page says how far a study is that is not complete.
    """
    metric, shard_folder, cells = options.metric, folder / "shards", cells_of(result.table)
    identities = [name for cell in pc.unique(result.table["shards"]).to_pylist() for name in cell.split()]
    points = planned_where(folder, options.where)
    from_where = origins(shard_folder, identities)
    whole = completeness(folder, result, points, set(identities))
    best = best_cells(shard_folder, result, metric)
    spent = cost(from_where.costs, len(identities), failures.read_all(folder).values())
    told = answer(result, best.headlines, metric)
    nothing = f"No {label_of(metric)} was measured, or none is defined."
    return Contents(
        study=options.study,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        question=question(cells),
        answer=told,
        said=[str(each) for each in dict.fromkeys(point.labelling for point in points) if each],
        grid=[*only(options.where), *grid(cells, result, from_where)],
        counts=counts(len(cells), result, len(whole.damaged)),
        trend=trend(best.headlines),
        metric=label_of(metric),
        ratio=ratio(metric),
        extreme=most_text(metric),
        most=("Fell most, which is better", "Rose most") if metric in LOWER else ("Gained most", "Lost most"),
        nothing=nothing,
        per=" and ".join(
            axis_label(name) for name in (with_rule_label(best.headlines[0].group) if best.headlines else ("sigma",))
        ),
        threshold=from_where.common["threshold"],
        cut=f"{cut(metric, float(from_where.common['threshold'])):g}",
        headlines=headline_table(best.headlines),
        confirmed=confirmed_table(best.headlines),
        rules=section(result.contrast),
        metrics=metric_table(best.headlines),
        pcoder_sets=sorted({row["pcoder"] for row in cells}),
        pcoders=pcoder_table(best.by_pcoder, metric),
        galleries=galleries(shard_folder, best, pictured, extensions),
        no_gallery=nothing if pictured else _no_gallery(nothing, bool(best.headlines), progress),
        completeness=whole,
        unsuspicious=UNSUSPICIOUS,
        origins=from_where,
        hours=hours(from_where.hours),
        asked=list(dict.fromkeys(point.command for point in points)),
        methods=methods(options),
        sanity=sanity_table(result.sanity),
        sanity_told=sentences(result.sanity),
        sanity_bound=BOUND,
        cost=spent,
        search=search_section(result.search),
        progress=progress,
        drawn=drawn(folder, result, options, cells, best, told.row) | {"cost": spent.drawn if spent else None},
    )


def _no_gallery(nothing: str, has_best: bool, progress: Progress | None) -> str:
    """Why there is no gallery."""
    if not has_best:
        return nothing
    return "Drawn when the study is complete." if progress and progress.every else "Not asked for: gallery=0."
