"""Shards → statistics: one long table per study, its pictures, and what is missing.

A cell has one shard, or one for each noise seed; no number ever mixes two cells.
"""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

if __name__ == "__main__":  # before numpy: workers of one BLAS thread each, not BLAS threads that wait for each other
    from pcsweep.console.starting import sign

    sign("pcsweep.aggregate")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console

from pcsweep import figures
from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import follow, say
from pcsweep.console.progress import progress, stage
from pcsweep.console.text import number_of
from pcsweep.console.words import words_of
from pcsweep.drawing_words import drawing_words
from pcsweep.figures.pages import Results
from pcsweep.headlines import headlines, suspicions
from pcsweep.machine.destination import destination
from pcsweep.machine.files import replacing
from pcsweep.measure.exhibit import exhibition
from pcsweep.reduction import TESTED, Cell, grouped, reduced, without_seed
from pcsweep.statistics.cell import Drawing
from pcsweep.study import axes, failures, plans, shards
from pcsweep.study.axes import Coordinates
from pcsweep.study.conditions import unit_of
from pcsweep.study.folder import existing_study
from pcsweep.study.labels import METRICS, NO_SHARES
from pcsweep.study.mixing import Where, planned_where, where_of
from pcsweep.study.spreadsheet import write_csv
from pcsweep.study.tidying import tidy
from pcsweep.summary import absences, best_cells, control, summary
from pcsweep.tabulation import Family, enter, table

HELP = """\
Shards → tables and pictures of one study.

    python -m pcsweep.aggregate study=NAME [output_root=outputs] [metric=iou]
                                [resamples=2000] [permutations=4999] [seed=0]
                                [to=FOLDER] [SETTING=VALUE …]

study         the folder below output_root; its shards/ are read
output_root   where the studies are
to            a folder for the results, if not the study's own, which may be
              somebody else's
metric        what the pictures and the table of best cells show: iou, iou@0.15
              (a further threshold), pointing, mass, rank, pxap,
              target_probability, correct
resamples     how many bootstrap resamples of the images, at least 2
permutations  how many random signs of the images' differences to t = 0, at
              least 1; the smallest p is 1 / (permutations + 1)
seed          of both, at least 0
SETTING       such as timesteps=10 or dataset.limit=50: only shards with it are
              read, where the study has others as well

Writes aggregate.parquet, aggregate.csv and figures/ into the study's folder.
"""

LISTED = 5  # reasons why points failed
WORKERS = 2  # shards in memory at a time: one is read while the other is resampled


@dataclass(frozen=True)
class Aggregate:
    """The statistics of a study.

    `table` has one row per cell × timestep × metric; `facets` names its columns beside the axes that tell cells apart.
    """

    table: pa.Table
    skipped: list[Coordinates]  # β + λ > 1: never computed
    missing: list[Coordinates]  # planned, and no verified shard
    damaged: list[str]  # what was wrong with each shard moved aside
    missing_seeds: list[Coordinates] = field(default_factory=list)  # of cells that are there with other noise seeds
    older: int = 0  # shards of an earlier version, not read
    facets: tuple[str, ...] = ()
    commands: list[str] = field(default_factory=list)  # that compute what is missing
    figures: tuple[str, ...] = ()  # of the paper, that were asked for
    unit: str = ""  # of σ, in words


class NoShards(BadSetting):
    """A study of which nothing can be aggregated, and what there is instead."""


@dataclass(frozen=True)
class AggregateOptions:
    """The words of the command line."""

    study: str = ""
    output_root: str = "outputs"
    metric: str = "iou"
    resamples: int = Drawing.resamples
    permutations: int = Drawing.permutations
    seed: int = Drawing.seed
    where: Where = field(default_factory=dict)
    to: str = ""  # the folder of the results, if not the study's


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
        metric: that is tested although it is usually not: the IoU at a further threshold.
        where: settings of the shards that are read, where the study has others as well.

    Raises:
        NoShards: none can be read.
        BadSetting: the shards differ in settings that must not be mixed, or none has those that are wanted.
    """
    tidy(folder)
    with stage("reading settings"):
        groups = grouped(folder / "shards", where)
    axes.check_alike(groups.settings)
    points = planned_where(folder, where or {})
    damaged: list[str] = []
    found: list[Cell] = []
    family: Family = {}
    drawn = cache(partial(Drawing, resamples=resamples, permutations=permutations, seed=seed))
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
        return _assembled(found, points, family, damaged, groups.older)


def _but(damaged: Sequence[str], older: int, points: Sequence[plans.PlannedPoint], study: Path) -> str:
    """What there is instead."""
    whys = Counter(noted.error for noted in failures.read_all(study).values())
    told = "; ".join(f"{why} ({number_of(count, 'point')})" for why, count in whys.most_common(LISTED))
    words = [f"{number_of(whys.total(), 'point')} that failed: {told}{'; …' * (len(whys) > LISTED)}"] if whys else []
    words += [f"{older} of an earlier version"] if older else []
    words += ["damaged ones, moved aside: " + "; ".join(damaged)] if damaged else []
    commands = dict.fromkeys(point.command for point in points if not point.skipped)
    again = f"; computed anew by: {'; '.join(commands)}" if commands else ""
    return f" but {' and '.join(words)}{again}" if words else ""


def _assembled(found: list[Cell], points: list[plans.PlannedPoint], family: Family, damaged: list[str], older: int) -> Aggregate:
    """The table, and which cells are not in it."""
    common = [*(cell.settings for cell in found), *(without_seed(point.settings) for point in points)]
    facets = axes.further_columns(common)
    places = [{**cell.place, **axes.further_coordinates(cell.settings, facets)} for cell in found]
    there = {identity for cell in found for identity in cell.shards}
    gone = [(point, _planned_place(point, facets)) for point in points if not point.skipped and point.identity not in there]
    if points:
        skipped = _each_once(_planned_place(point, facets) for point in points if point.skipped)
        missing = _each_once(place for _, place in gone)
    else:
        skipped, missing = plans.product_gaps(places)
    here = {axes.key(place) for place in places}
    planned = {point.identity for point in points}
    asked = {point.figure for point in points} | {cell.figure for cell in found if cell.shards[0] not in planned}
    return Aggregate(
        table=table(found, places, _presets(found, points), family),
        skipped=skipped,
        missing=[place for place in missing if axes.key(place) not in here],
        damaged=damaged,
        missing_seeds=[
            {**place, "noise.seed": point.settings["noise"].get("seed")} for point, place in gone if axes.key(place) in here
        ],
        older=older,
        facets=tuple(facets),
        commands=list(dict.fromkeys(point.command for point, _ in gone)),
        figures=tuple(sorted(asked - {"heatmap"})),
        unit=unit_of([cell.settings for cell in found]),
    )


def _presets(found: list[Cell], points: list[plans.PlannedPoint]) -> dict[str, str]:
    """The names of the sets of coefficients, by the cells' identities."""
    names = {point.identity: point.hyperparameter for point in points if point.hyperparameter}
    return {cell.identity: names.get(cell.shards[0]) or cell.hyperparameter for cell in found}


def _each_once(places: Iterable[Coordinates]) -> list[Coordinates]:
    return list({axes.key(place): place for place in places}.values())


def _planned_place(point: plans.PlannedPoint, facets: Sequence[str]) -> Coordinates:
    return {**axes.coordinates(point.settings), **axes.further_coordinates(point.settings, facets)}


def save(result: Aggregate, folder: Path, metric: str = "iou", to: Path | None = None) -> list[Path]:
    """Writes `aggregate.parquet`, `aggregate.csv` and `figures/`, of one metric; the pictures' paths.

    Args:
        result: what is written.
        folder: of the study.
        metric: of the pictures.
        to: where they go; the study's folder if it is not given.
    """
    with stage("drawing"):
        return _saved(result, folder, metric, to or folder)


def _saved(result: Aggregate, folder: Path, metric: str, to: Path) -> list[Path]:
    with replacing(to / "aggregate.parquet") as path:
        pq.write_table(result.table, path, compression="zstd")
    with replacing(to / "aggregate.csv") as path:
        write_csv(result.table, path)
    rows = result.table.filter(pc.field("metric") == metric).to_pylist()
    results = Results(rows, result.skipped, result.missing, result.facets, metric, result.unit)
    pictures = figures.draw(results, result.figures, to / "figures")
    if "fig1" in result.figures:
        names = dict.fromkeys(name for each in result.table["shards"].unique().to_pylist() for name in each.split())
        places = [shards.place(folder / "shards", name) for name in names]
        pictures += figures.draw_exhibitions([found for path in places if (found := exhibition(path))], to / "figures")
    return pictures


def parse(words: Sequence[str], also: Sequence[str] = ()) -> AggregateOptions:
    """The options that `key=value` words give.

    Args:
        words: of the command line.
        also: further keys, that a command of its own has taken out; named with the others where a key is unknown.

    Raises:
        BadSetting: an unknown key, or a value out of its range.
    """
    own = ("study", "output_root", "to", "metric", "resamples", "permutations", "seed", *also)
    words, where = where_of(words, own)
    given = words_of(words, own)
    metric = given.get("metric", AggregateOptions.metric)
    known = [name for name in METRICS if name not in NO_SHARES]
    if metric not in known and not metric.startswith("iou@"):
        raise BadSetting(f"Expected `metric` to be one of {', '.join(known)}, or iou@ and a threshold, but got {metric!r}.")
    drawing = drawing_words(given)
    return AggregateOptions(
        given.get("study", ""), given.get("output_root", "outputs"), metric, **drawing, where=where, to=given.get("to", "")
    )


def check_metric(result: Aggregate, metric: str, without: Sequence[str] = ()) -> None:
    """Refuses a metric that was not measured, or of which value(t) / value(0) says nothing; the usual one may be missing.

    Args:
        result: in which it has to be.
        metric: that was asked for.
        without: others that are refused.

    Raises:
        BadSetting: names those that can be given.
    """
    refused = (*NO_SHARES, *without)
    there = [name for name in pc.unique(result.table["metric"]).to_pylist() if name not in refused]
    if metric not in there and metric != AggregateOptions.metric:
        raise BadSetting(f"Expected `metric` to be one of {', '.join(there)}, but got {metric!r}.")


def report(result: Aggregate, pictures: Sequence[Path], console: Console, metric: str = "iou") -> None:
    """Says what there is, what is missing, which cells are best by a metric, and what is suspicious."""
    for line in summary(result):
        say(console, line)
    for path in pictures:
        say(console, f"Picture: {path}")
    if best := headlines(result.table, result.facets, metric):
        console.print(best_cells(best, console.width))
    for line in control(result.table):
        say(console, line)
    for line in [*absences(result), *suspicions(result.table, result.facets)]:
        say(console, f"Look at: {line}", style="yellow")


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        BadSetting: they cannot be followed.
    """
    options = parse(words)
    folder = existing_study(options.output_root, options.study)
    place = destination(folder, options.to)
    result = aggregate(folder, options.resamples, options.permutations, options.seed, options.metric, options.where)
    check_metric(result, options.metric)
    report(result, save(result, folder, options.metric, place), console, options.metric)


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.aggregate", HELP, command, argv)


if __name__ == "__main__":
    raise SystemExit(main())
