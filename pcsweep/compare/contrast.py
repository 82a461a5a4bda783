"""Paired statistics of one cell of study A and its partner of study B: what an image differs by, B less A.

The images are the units, as in `statistics`; docs/compare.md has the definitions.
"""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from pcsweep.compare.study import StudyCell
from pcsweep.config.errors import BadSetting
from pcsweep.metric import baselines_of
from pcsweep.statistics.bootstrap import interval, mean, means
from pcsweep.statistics.drawing import Drawing, Drawn
from pcsweep.statistics.paired import effect_size, over_seeds
from pcsweep.statistics.permutation import flipped
from pcsweep.study import shards
from pcsweep.study.axes import sort_key
from pcsweep.study.labels import OF_MASKS
from pcsweep.study.values import ShardValues, values_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Contrast:
    """A cell of A against its partner of B.

    Args:
        cell: of A.
        shards: identities of A's and B's shards that were read.
        images: how many are in both, in A alone, and in B alone.
        seeds: how many noise seeds of A and of B went in.
        paired_seeds: whether an image is paired with itself under the same noise seed.
        left_seeds: noise seeds of A and of B that the other does not have, left out.
        timesteps: in both.
        statistics: by column, one value per timestep; a digest tells which tests are the same.
        baselines: of the images in both, by label.
    """

    cell: StudyCell
    shards: tuple[list[str], list[str]]
    images: tuple[int, int, int]
    seeds: tuple[int, int]
    paired_seeds: bool
    left_seeds: tuple[int, int]
    timesteps: list[int]
    statistics: Mapping[str, np.ndarray]
    baselines: Mapping[str, float]


def contrast(pair: tuple[StudyCell, StudyCell], metric: str, drawn: Drawn) -> tuple[Contrast | None, list[str]]:
    """The statistics of partners, None where one of them cannot be read; and what is wrong with their shards, which stay.

    Raises:
        BadSetting: they have no image or timestep in common, or one of them lacks the metric.
    """
    (of_a, damaged_a), (of_b, damaged_b) = (read_shards(cell.paths) for cell in pair)
    damaged = [*damaged_a, *damaged_b]
    if not of_a or not of_b:
        return None, damaged
    common = sorted((seed for seed in of_a if seed in of_b), key=sort_key)
    used_a, used_b = ([each[seed] for seed in common or sorted(each, key=sort_key)] for each in (of_a, of_b))
    first_a, first_b = (_first_of_alike(each) for each in (used_a, used_b))
    _check_metric(metric, first_a.metrics, first_b.metrics, pair)
    images = sorted(set(first_a.images) & set(first_b.images))
    timesteps = sorted(_timesteps(first_a, metric) & _timesteps(first_b, metric))
    _check_common(images, timesteps, (first_a, first_b), pair)
    a, b = (
        np.stack([_values(each.values, metric, timesteps, images) for each in used])  # (seeds, timesteps, images)
        for used in (used_a, used_b)
    )
    return Contrast(
        cell=pair[0],
        shards=([each.identity for each in used_a], [each.identity for each in used_b]),
        images=(len(images), len(first_a.images) - len(images), len(first_b.images) - len(images)),
        seeds=(len(used_a), len(used_b)),
        paired_seeds=bool(common),
        left_seeds=(len(of_a) - len(common), len(of_b) - len(common)) if common else (0, 0),
        timesteps=timesteps,
        statistics=statistics_of(a, b, drawn(len(images)), bool(common)),
        baselines=_baselines((first_a, first_b), metric, images),
    ), damaged


@dataclass(frozen=True, eq=False)
class ReadShard:
    """A shard's identity, and what it holds."""

    identity: str
    values: ShardValues


def read_shards(paths: Iterable[Path]) -> tuple[dict[Any, ReadShard], list[str]]:
    """The shards that can be read by noise seed, and what is wrong with the others."""
    found: dict[Any, ReadShard] = {}
    damaged = []
    for path in paths:
        try:
            shard = shards.read(path)
        except shards.DamagedShard as error:
            log.warning("Damaged shard left out: %s", error)
            damaged.append(str(error))
        except FileNotFoundError:
            log.warning("%s went away while the studies were compared", path)
        else:
            found[shard.settings["noise"].get("seed")] = ReadShard(path.stem, values_of(shard))
    return found, damaged


def _first_of_alike(seeds: Sequence[ReadShard]) -> ShardValues:
    """What the first of a cell's noise seeds holds; the others must have its images and timesteps."""
    first = seeds[0].values
    if any(each.values.images != first.images or each.values.timesteps != first.timesteps for each in seeds):
        raise BadSetting(f"Shard {seeds[0].identity}: expected the images and timesteps of the cell's other noise seeds.")
    return first


def _study(cell: StudyCell) -> str:
    return cell.paths[0].parent.parent.name


def _check_metric(metric: str, of_a: Iterable[str], of_b: Iterable[str], pair: tuple[StudyCell, StudyCell]) -> None:
    both = [name for name in of_a if name in set(of_b) and name not in OF_MASKS]
    if metric not in both:
        studies = " and ".join(_study(cell) for cell in pair)
        raise BadSetting(
            f"Expected `metric` to be one that {studies} measured ({', '.join(both) or 'none'}), but got {metric!r}."
        )


def _check_common(
    images: list[str], timesteps: list[int], of: tuple[ShardValues, ShardValues], pair: tuple[StudyCell, StudyCell]
) -> None:
    a, b = map(_study, pair)
    if not images:
        some = [each.images for each in of]
        raise BadSetting(
            f"Expected {a} and {b} to have images in common, but none of {len(some[0])} in {a} (such as {some[0][0]}) is among "
            f"{len(some[1])} in {b} (such as {some[1][0]})."
        )
    if timesteps[:1] != [0]:
        raise BadSetting(
            f"Expected {a} and {b} to have t = 0 in common, but {a} has {of[0].timesteps}, and {b} {of[1].timesteps}."
        )


def _timesteps(read: ShardValues, metric: str) -> set[int]:
    """At which a metric was measured."""
    return {timestep for timestep, there in zip(read.timesteps, read.measured(metric), strict=True) if there}


def _values(
    read: ShardValues, metric: str, timesteps: Sequence[int], images: Sequence[str]
) -> Float32[np.ndarray, "timesteps images"]:
    places = {name: place for place, name in enumerate(read.images)}
    rows, columns = [read.timesteps.index(timestep) for timestep in timesteps], [places[name] for name in images]
    return read.metrics[metric][np.ix_(rows, columns)]


def _baselines(of: tuple[ShardValues, ShardValues], metric: str, images: Sequence[str]) -> dict[str, float]:
    """By label, what maps that look at no image reach on these images, where it was measured and is the same in both."""
    there = [each for each in baselines_of(metric) if all(each.metric in read.metrics for read in of)]
    found = {each.label: [mean(_values(read, each.metric, [0], images)).item() for read in of] for each in there}
    return {label: a for label, (a, b) in found.items() if a == b}


def statistics_of(
    a: Float32[np.ndarray, "seeds_a timesteps images"],
    b: Float32[np.ndarray, "seeds_b timesteps images"],
    drawing: Drawing,
    paired: bool,
) -> dict[str, np.ndarray]:
    """The columns of the table by name, (timesteps,) each: of the metric at t, and named `gain_…` of its gain on t = 0.

    Args:
        a, b: the metric, NaN where undefined; the first timestep is t = 0.
        drawing: for so many images.
        paired: whether the noise seeds of `a` are those of `b`, in this order; if not, their means are paired.
    """
    both = [each.astype(np.float64) for each in (a, b)]  # (seeds, timesteps, images)
    gained = [each - each[:, :1] for each in both]  # each seed on its own t = 0
    if not paired:
        both, gained = ([over_seeds(each)[None] for each in pair] for pair in (both, gained))  # (1, timesteps, images)
    values, gains = (_paired(of_a, of_b, drawing) for of_a, of_b in (both, gained))
    gains["p"][0] = np.nan  # nothing is gained at t = 0
    names = {"a": "mean_a", "b": "mean_b"}
    found = {names.get(name, name): value for name, value in values.items()}
    found |= {f"nan_{name}": np.isnan(each).sum(axis=(0, -1)) for name, each in (("a", a), ("b", b))}
    return found | {f"gain_{name}": value for name, value in gains.items()}


def _paired(
    a: Float64[np.ndarray, "seeds timesteps images"], b: Float64[np.ndarray, "seeds timesteps images"], drawing: Drawing
) -> dict[str, np.ndarray]:
    """Statistics of b − a, and a digest of the images' differences; a value whose partner is undefined is left out."""
    difference = b - a  # (seeds, timesteps, images)
    of_image = over_seeds(difference)  # (timesteps, images)
    undefined = np.isnan(difference)
    mean_a, mean_b = (mean(over_seeds(np.where(undefined, np.nan, each))) for each in (a, b))
    low, high = interval(means(of_image, drawing.counts))
    return {
        "a": mean_a,
        "b": mean_b,
        "difference": mean(of_image),
        "difference_low": low,
        "difference_high": high,
        "effect": effect_size(of_image),
        "pairs": (~np.isnan(of_image)).sum(axis=-1),
        "p": flipped(of_image, drawing.signs).p,
        "digest": np.array([hashlib.sha256(row.tobytes()).hexdigest() for row in of_image]),
    }
