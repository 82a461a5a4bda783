"""The shards of one cell → its statistics.

A cell has one shard, or one for each noise seed.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float32

from pcsweep.config.errors import BadSetting
from pcsweep.metric import TABLE
from pcsweep.statistics.cell import Summary, joined, summarise, summarise_pooled
from pcsweep.statistics.drawing import Drawn
from pcsweep.statistics.paired import paired
from pcsweep.statistics.permutation import Flipped, flipped, least
from pcsweep.study import axes, shards
from pcsweep.study.axes import AXES, Coordinates
from pcsweep.study.mixing import Where, check_where, matches

MEANS = [name for name in (*shards.SCHEMA.names, *TABLE) if name in TABLE and TABLE[name].measured]
METRICS = tuple(dict.fromkeys(MEANS))  # those that are means over images
TESTED = frozenset(name for name in METRICS if TABLE[name].tested)  # without being asked for

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One cell's statistics.

    Args:
        shards: identities of its shards, one per noise seed.
        place: on the axes.
        settings: that the identities are hashes of, without the noise seed, and the images.
        seeds: of the noise, in the order of the shards.
        metrics, timesteps: what the statistics are of.
        summary: the statistics.
        tests: of the metrics that are tested, at t > 0.
        images: how many there are.
        categories: how many classes they have.
        least_p: the smallest p that so many images and patterns of signs allow.
        hyperparameter, figure: name of its set of coefficients, and the figure asked for, when it was computed.
    """

    shards: tuple[str, ...]
    place: Coordinates
    settings: Mapping[str, Any]
    seeds: tuple[Any, ...]
    metrics: list[str]
    timesteps: list[int]
    summary: Summary
    tests: Mapping[str, Flipped]
    images: int
    categories: int
    least_p: float
    hyperparameter: str = ""
    figure: str = "heatmap"

    @property
    def identity(self) -> str:
        """Its name."""
        return identity_of(self.shards)


@dataclass(frozen=True, eq=False)
class Readings:
    """What one shard holds, in the order of its images' identifiers.

    Args:
        images: identifiers, in order.
        classes: of the images.
        timesteps: in order.
        metrics: such as iou or iou@0.15, (timesteps, images) each.
        lists: columns with a value for each threshold, by threshold from high to low.
        pixels: how many of each image are looked at.
    """

    images: list[str]
    classes: np.ndarray
    timesteps: list[int]
    metrics: dict[str, Float32[np.ndarray, "timesteps images"]]
    lists: dict[str, dict[float, Float32[np.ndarray, "timesteps images"]]]
    pixels: Float32[np.ndarray, "timesteps images"]

    def at_thresholds(self, column: str) -> dict[float, Float32[np.ndarray, "timesteps images"]]:
        """A column with a value for each threshold, by threshold from high to low; empty where it was not measured."""
        return self.lists.get(column, {})


def identity_of(names: Sequence[str]) -> str:
    """Of a cell: that of its shard; of several, a hash of theirs, whatever their order."""
    return names[0] if len(names) == 1 else hashlib.sha256(" ".join(sorted(names)).encode()).hexdigest()


@dataclass(frozen=True)
class Groups:
    """The shards of a study, before their rows are read.

    Args:
        paths: of each cell's, alike in all but the noise seed; what does not verify stands alone.
        settings: of every shard that is wanted and whose metadata verifies.
        older: how many shards are of an earlier version, and in no group.
    """

    paths: list[list[Path]]
    settings: list[Mapping[str, Any]]
    older: int


def grouped(folder: Path, where: Where | None = None) -> Groups:
    """The shards in a folder, from their metadata.

    Args:
        folder: of the shards.
        where: settings of those that are wanted.

    Raises:
        BadSetting: no shard has them.
    """
    groups: dict[str, list[Path]] = {}
    found: list[Mapping[str, Any]] = []
    older = 0
    for path in sorted(folder.glob("*.parquet")):
        try:
            settings = json.loads(shards.verified_metadata(path)["settings"])
        except FileNotFoundError:
            continue
        except shards.DamagedShard:
            if shards.outdated(shards.metadata(path)):
                older += 1
            else:
                groups[str(path)] = [path]
            continue
        found.append(settings)
        if matches(settings, where or {}):
            groups.setdefault(axes.key(without_seed(settings)), []).append(path)
    check_where(found, where or {})
    return Groups(list(groups.values()), [each for each in found if matches(each, where or {})], older)


def without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that noise seeds of one cell share."""
    noise = {name: value for name, value in settings.get("noise", {}).items() if name != "seed"}
    return {**settings, "noise": noise}


def reduced(
    paths: Sequence[Path], drawn: Drawn, tested: Collection[str] = TESTED
) -> tuple[Cell | None, list[shards.DamagedShard]]:
    """The statistics of a cell's shards, None where there are none; and what is wrong with those that had to be moved aside."""
    found, damaged = [], []
    for path in paths:
        try:
            found.append(shards.read_or_set_aside(path))
        except shards.DamagedShard as error:
            damaged.append(error)
        except FileNotFoundError:
            log.warning("%s went away while the study was read", path)
    return (_cell(found, drawn, tested) if found else None), damaged


def _cell(found: Sequence[shards.Shard], drawn: Drawn, tested: Collection[str]) -> Cell:
    found = sorted(found, key=lambda shard: (axes.sort_key(shard.settings["noise"].get("seed")), shard.path))
    read = [readings(shard) for shard in found]
    first = read[0]
    if any(each.images != first.images or each.timesteps != first.timesteps for each in read):
        raise BadSetting(f"{found[0].path}: expected the images and timesteps of the cell's other noise seeds")
    drawing = drawn(len(first.images))
    names = [name for name in first.metrics if all(name in each.metrics for each in read)]
    values = np.stack([np.stack([each.metrics[name] for name in names]) for each in read])
    pairs = paired(values)
    summary = summarise(pairs, drawing)
    settings = without_seed(found[0].settings)
    chosen = [] if axes.is_fixed(settings) or len(first.timesteps) < 2 else [name for name in names if name in tested]
    tests = flipped(pairs.gain[[names.index(name) for name in chosen], 1:], drawing.signs) if chosen else None
    for name, row in TABLE.items():
        if row.pooled and (pool := row.pooled(read)):
            summary = joined(summary, summarise_pooled(pool.own, pool.pairs, drawing, pool.nan))
            names.append(name)
    digest = hashlib.sha256("\n".join(first.images).encode()).hexdigest()
    told = {name: found[0].metadata[name] for name in ("hyperparameter", "figure") if found[0].metadata.get(name)}
    return Cell(
        shards=tuple(shard.path.stem for shard in found),
        place=_place(found[0]),
        settings={**settings, "images": f"{len(first.images)} images {digest[:8]}"},
        seeds=tuple(shard.settings["noise"].get("seed") for shard in found),
        metrics=names,
        timesteps=first.timesteps,
        summary=summary,
        tests={name: tests.of(place) for place, name in enumerate(chosen)} if tests else {},
        images=len(first.images),
        categories=len(np.unique(first.classes)),
        least_p=least(len(first.images), drawing.permutations),
        **told,
    )


def readings(shard: shards.Shard) -> Readings:
    """What a shard holds, by images and timesteps whatever the order of its rows.

    Raises:
        BadSetting: a row is missing or there twice.
    """
    table = shard.table
    ids = table["image_id"].combine_chunks().dictionary_encode()
    names = np.array(ids.dictionary.to_pylist())
    order = np.argsort(names)
    image = np.argsort(order)[ids.indices.to_numpy()]
    timesteps, step = np.unique(table["timestep"].to_numpy(), return_inverse=True)
    position = step * len(names) + image
    if table.num_rows != len(names) * len(timesteps) or np.bincount(position).max() > 1:
        raise BadSetting(f"{shard.path}: expected one row per image and timestep, but got {table.num_rows} rows, some twice")

    def placed(column: np.ndarray) -> np.ndarray:
        values = np.empty(table.num_rows, np.float32)
        values[position] = column
        return values.reshape(len(timesteps), len(names))

    lists = {name: _at_thresholds(shard, name) for row in TABLE.values() for name in row.lists}
    return Readings(
        images=names[order].tolist(),
        classes=placed(table["class_index"].to_numpy())[0].astype(int),
        timesteps=timesteps.tolist(),
        metrics={name: placed(column) for name, column in _columns(shard, lists["iou_at"]).items()},
        lists={name: {each: placed(found[each]) for each in sorted(found, reverse=True)} for name, found in lists.items()},
        pixels=placed(table["pixels"].cast(pa.float32()).to_numpy()),
    )


def _columns(shard: shards.Shard, at: Mapping[float, np.ndarray]) -> dict[str, np.ndarray]:
    """The metrics that were asked for, one value per row; after the IoU those at further thresholds."""
    table, columns = shard.table, {}
    for name in METRICS:
        if name in table.column_names and table[name].null_count < table.num_rows:
            columns[name] = table[name].cast(pa.float32()).to_numpy()
        if name == "iou":
            columns |= {at_threshold(threshold): values for threshold, values in at.items()}
    return columns


def at_threshold(threshold: float) -> str:
    """The metric's name, in all digits that a shard's settings have."""
    return f"iou@{threshold:.10g}"


def _at_thresholds(shard: shards.Shard, name: str) -> dict[float, np.ndarray]:
    """A column of lists as one column per threshold; none where it is null."""
    table, thresholds = shard.table, shard.settings.get("thresholds", [])
    if name not in table.column_names or table[name].null_count == table.num_rows:
        return {}
    flat = pc.list_flatten(table[name]).to_numpy()
    if flat.size != table.num_rows * len(thresholds):
        raise BadSetting(f"{shard.path}: expected {name} to have one value per threshold {thresholds}")
    return {threshold: flat[index :: len(thresholds)] for index, threshold in enumerate(thresholds)}


def _place(shard: shards.Shard) -> Coordinates:
    row = shard.table.slice(0, 1).to_pylist()[0]
    return {axis: shards.canonical(row[axis]) for axis in AXES}
