"""Two studies → one table: every cell of A against its partner of B, at every timestep."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pcsweep.aggregate.grouping import cell_identity
from pcsweep.aggregate.table import column
from pcsweep.compare.contrast import Contrast, contrast
from pcsweep.compare.matching import Matching, match
from pcsweep.compare.settings import labels
from pcsweep.compare.study import Study, study_in
from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import progress, stage
from pcsweep.figures.pages import Results
from pcsweep.statistics.drawing import Drawing, Drawn, drawn_once
from pcsweep.statistics.permutation import false_discovery
from pcsweep.statistics.quantity import DIFFERENCE, GAINS
from pcsweep.study import axes, shards
from pcsweep.study.conditions import split_of, unit_of
from pcsweep.study.labels import DYNAMICS, START


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two studies, A and B.

    Args:
        studies: their names.
        metric: that is compared.
        matching: which cells belong together.
        contrasts: of those that can be read.
        damaged: what is wrong with the shards that cannot.
        table: one row per pair of cells × timestep.
    """

    studies: tuple[str, str]
    metric: str
    matching: Matching
    contrasts: list[Contrast]
    damaged: list[str]
    table: pa.Table


def compare(
    a: Path,
    b: Path,
    metric: str = "iou",
    resamples: int = Drawing.resamples,
    permutations: int = Drawing.permutations,
    seed: int = Drawing.seed,
) -> Comparison:
    """Study B less study A, in these folders.

    Raises:
        BadSetting: as `compare_cells`.
    """
    with stage("reading settings"):
        studies = study_in(a), study_in(b)
    return compare_cells(studies, metric, drawn_once(resamples, permutations, seed))


def compare_cells(studies: tuple[Study, Study], metric: str, drawn: Drawn) -> Comparison:
    """The second study less the first; shards are read one pair of cells at a time, and none is moved.

    Raises:
        BadSetting: the studies have no cell, image or timestep in common, lack the metric, or cannot be read.
    """
    matching = match(*studies)
    damaged = [text for study in studies for text in study.damaged]
    found = []
    with progress("comparing", len(matching.pairs), "cells") as advance:
        for pair in matching.pairs:
            each, texts = contrast(pair, metric, drawn)
            found += [each] if each else []
            damaged += texts
            advance(1)
    if not found:
        raise BadSetting(f"Expected cells that can be read in both studies, but all have damaged shards: {'; '.join(damaged)}.")
    names = studies[0].name, studies[1].name
    return Comparison(names, metric, matching, found, damaged, table(found, matching, names, metric))


def table(found: Sequence[Contrast], matching: Matching, studies: tuple[str, str], metric: str) -> pa.Table:
    """One row per pair of cells × timestep; the columns are in docs/compare.md."""
    partners = {id(one): other for one, other in matching.pairs}
    rows = [len(each.timesteps) for each in found]
    of_cell: dict[str, list[Any]] = {}
    for side, name in enumerate(("a", "b")):
        of_cell[f"study_{name}"] = [studies[side]] * len(found)
        of_cell[f"identity_{name}"] = [cell_identity(each.shards[side]) for each in found]
        of_cell[f"shards_{name}"] = [" ".join(each.shards[side]) for each in found]
    of_cell |= {name: [each.cell.place[name] for each in found] for name in matching.columns}
    for name in matching.compared:
        of_cell[f"{name}_a"] = [each.cell.place[name] for each in found]
        of_cell[f"{name}_b"] = [partners[id(each.cell)].place[name] for each in found]
    of_cell["metric"] = [metric] * len(found)
    for place, name in enumerate(("images", "images_only_a", "images_only_b")):
        of_cell[name] = [each.images[place] for each in found]
    for side, name in enumerate(("a", "b")):
        of_cell[f"seeds_{name}"] = [each.seeds[side] for each in found]
    of_cell["seeds_paired"] = [each.paired_seeds for each in found]
    of_row = pa.array(np.repeat(np.arange(len(found)), rows))
    columns = {name: _column(values, name).take(of_row) for name, values in of_cell.items()}
    columns["timestep"] = pa.array(np.concatenate([each.timesteps for each in found]), pa.int32())
    for name in found[0].statistics:
        if not name.endswith("digest"):
            columns[name] = pa.array(np.concatenate([each.statistics[name] for each in found]))
    for quantity in (DIFFERENCE, GAINS):
        counted = _counted(found, matching, f"{quantity.prefix}digest")
        columns[quantity.q] = pa.array(_false_discovery(columns[quantity.p].to_numpy(), counted))
        columns[quantity.counted] = pa.array(counted == np.arange(len(counted)))
    return pa.table(columns)


def _column(values: list[Any], name: str) -> pa.Array:
    """An axis has the shards' type."""
    axis = name.removesuffix("_a").removesuffix("_b")
    return column(values, shards.SCHEMA.field(axis).type if axis in shards.SCHEMA.names else None)


def _counted(found: Sequence[Contrast], matching: Matching, digest: str) -> np.ndarray:
    """For every row, the first that is the same test: itself, or another cell's or timestep's, of the same differences.

    So it is at t = 0, where the dynamics have not begun, and throughout where they change nothing.
    """
    first: dict[Any, int] = {}
    places: list[int] = []
    for each in found:
        elsewhere = tuple(each.cell.place[name] for name in matching.columns if name not in DYNAMICS)
        for name in each.statistics[digest]:
            places.append(first.setdefault((elsewhere, name), len(places)))
    return np.array(places)


def _false_discovery(p: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """q over all rows, each test once."""
    once = np.unique(counted)
    q = np.full(len(p), np.nan)
    q[once] = false_discovery(p[once])
    found: np.ndarray = q[counted]
    return found


def results_of(result: Comparison) -> Results:
    """What the pictures show: rows of the table, and the cells that have none."""
    matching, compared = result.matching, labels(result.matching)
    read = {id(each.cell) for each in result.contrasts}
    unread = [cell.place for cell, _ in matching.pairs if id(cell) not in read]
    drawn = [column for quantity in (DIFFERENCE, GAINS) for column in (quantity.value, quantity.q)]
    rows = result.table.select([*matching.columns, "images", "timestep", *drawn]).to_pylist()
    settings = [cell.settings for pair in matching.pairs for cell in pair]
    beside = [found for each in result.contrasts for found in [_baselines(each, result.studies)] * len(each.timesteps)]
    return Results(
        rows=[{**row, **compared, "baselines": found} for row, found in zip(rows, beside, strict=True)],
        skipped=[{**matching.shared(place), **compared} for place in matching.skipped],
        missing=[{**matching.shared(place), **compared} for place in (*matching.missing, *unread)],
        facets=[name for name in matching.columns if name not in (*axes.AXES, *axes.COEFFICIENTS)],
        metric=result.metric,
        unit=unit_of(settings),
        split=split_of(settings),
    )


def _baselines(found: Contrast, studies: tuple[str, str]) -> dict[str, float]:
    """Of a pair of cells: what the feedforward network of each study has, and maps that look at no image."""
    starts = {
        f"{START} in {study}": float(found.statistics[f"mean_{side}"][0]) for side, study in zip("ab", studies, strict=True)
    }
    return {label: value for label, value in starts.items() if value == value} | dict(found.baselines)
