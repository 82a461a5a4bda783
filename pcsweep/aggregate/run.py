"""Shards → statistics: one long table per study.

A cell has one shard, or one for each noise seed; no number ever mixes two cells.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from pcsweep.aggregate.cell import TESTED, Cell, reduced
from pcsweep.aggregate.choice import with_choice
from pcsweep.aggregate.gaps import gaps_of
from pcsweep.aggregate.grouping import Groups, grouped, without_seed
from pcsweep.aggregate.result import Aggregate, NoShards
from pcsweep.aggregate.rules.study import rules_of_study
from pcsweep.aggregate.sanity import sanity
from pcsweep.aggregate.search import search_of
from pcsweep.aggregate.table import Family, enter, layer_table, table
from pcsweep.aggregate.words import metric_shown
from pcsweep.console.progress import progress, stage
from pcsweep.console.text import number_of
from pcsweep.search.rows import of_search
from pcsweep.statistics.drawing import Drawing, drawn_once
from pcsweep.study import axes, failures
from pcsweep.study.conditions import split_of, unit_of
from pcsweep.study.mixing import Where, planned_where
from pcsweep.study.plans import PlannedPoint
from pcsweep.study.sources import differing
from pcsweep.study.tidying import tidy

LISTED = 5  # reasons why points failed
WORKERS = 2  # shards in memory at a time: one is read while the other is resampled


def aggregate(
    folder: Path,
    resamples: int = Drawing.resamples,
    permutations: int = Drawing.permutations,
    seed: int = Drawing.seed,
    metric: str = "iou",
    where: Where | None = None,
) -> Aggregate:
    """The statistics of the study in `folder`, read one cell at a time; damaged shards are moved to `damaged/`.

    Args:
        folder: of the study.
        resamples, permutations, seed: of `Drawing`.
        metric: by which update rules are contrasted; it is tested although it is usually not: the IoU at a further threshold.
        where: settings of the shards that are read, where the study has others as well.

    Raises:
        NoShards: none can be read.
        BadSetting: the shards differ in settings that must not be mixed, or none has those that are wanted.
    """
    tidy(folder)
    where = of_search(folder, where)
    with stage("reading settings"):
        groups = grouped(folder / "shards", where)
    axes.check_alike(list(groups.settings.values()))
    points = planned_where(folder, where or {})
    damaged: list[str] = []
    found: list[Cell] = []
    family: Family = {}
    drawn = drawn_once(resamples, permutations, seed)
    reduce = partial(reduced, drawn=drawn, tested=TESTED | {metric})
    with ThreadPoolExecutor(WORKERS) as pool, progress("reading shards", sum(map(len, groups.paths)), "shards") as advance:
        for group, (cell, errors) in zip(groups.paths, pool.map(reduce, groups.paths), strict=True):
            advance(len(group))
            found += [enter(family, cell)] if cell else []
            damaged += map(str, errors)
    if not found:
        raise NoShards(
            f"Expected shards in {folder / 'shards'}, but there are none{_but(damaged, groups.older, points, folder)}."
        )
    axes.check_alike([cell.settings for cell in found])  # again: under the same settings there may be other images
    with stage("tables and tests"):
        whole = _assembled(found, points, family, damaged, groups)
        contrast = rules_of_study(folder, whole.learned, whole.facets, metric_shown(whole, metric), drawn)
    return replace(whole, contrast=contrast, sanity=sanity(whole.table, whole.facets, folder, drawn), search=search_of(folder))


def _but(damaged: Sequence[str], older: int, points: Sequence[PlannedPoint], study: Path) -> str:
    """What there is instead."""
    whys = Counter(noted.error for noted in failures.read_all(study).values())
    told = "; ".join(f"{why} ({number_of(count, 'point')})" for why, count in whys.most_common(LISTED))
    words = [f"{number_of(whys.total(), 'point')} that failed: {told}{'; …' * (len(whys) > LISTED)}"] if whys else []
    words += [f"{older} of an earlier version"] if older else []
    words += ["damaged ones, moved aside: " + "; ".join(damaged)] if damaged else []
    commands = dict.fromkeys(point.command for point in points if not point.skipped)
    again = f"; computed anew by: {'; '.join(commands)}" if commands else ""
    return f" but {' and '.join(words)}{again}" if words else ""


def _assembled(found: list[Cell], points: list[PlannedPoint], family: Family, damaged: list[str], groups: Groups) -> Aggregate:
    """The table, and which cells are not in it."""
    everything = [*(cell.settings for cell in found), *(without_seed(point.settings) for point in points)]
    names, facets = axes.axes_of(everything), axes.further_columns(everything)
    place = partial(axes.place_on, names, columns=facets)
    places = [place(cell.settings) for cell in found]
    computed, presets = {identity for cell in found for identity in cell.shards}, _presets(found, points)
    return Aggregate(
        table=with_choice(table(found, places, presets, family), facets),
        gaps=gaps_of(places, points, computed, place),
        damaged=damaged,
        older=groups.older,
        sources=tuple(differing(groups.sources)),
        facets=tuple(facets),
        figures=_figures(found, points),
        unit=unit_of([cell.settings for cell in found]),
        split=split_of([cell.settings for cell in found]),
        layers=layer_table(found, places, presets),
        measured=tuple({tuple(cell.settings.get("metrics", ())) for cell in found}),
    )


def _figures(found: list[Cell], points: list[PlannedPoint]) -> tuple[str, ...]:
    """Those of the paper that were asked for."""
    planned = {point.identity for point in points}
    asked = {point.figure for point in points} | {cell.figure for cell in found if cell.shards[0] not in planned}
    return tuple(sorted(asked - {"heatmap"}))


def _presets(found: list[Cell], points: list[PlannedPoint]) -> dict[str, str]:
    """The names of the sets of coefficients, by the cells' identities."""
    names = {point.identity: point.hyperparameter for point in points if point.hyperparameter}
    return {cell.identity: names.get(cell.shards[0]) or cell.hyperparameter for cell in found}
