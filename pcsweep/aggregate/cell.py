"""The shards of one cell → its statistics. A cell has one shard, or one for each noise seed."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from pcsweep.aggregate.grouping import cell_identity, without_seed
from pcsweep.config.errors import BadSetting
from pcsweep.metric import TABLE
from pcsweep.metric.row import Pool
from pcsweep.statistics.cell import Summary, joined, summarise, summarise_pooled
from pcsweep.statistics.confirmation import Confirmation, Pair, confirm, confirm_pooled, confirming_half
from pcsweep.statistics.drawing import Drawing, Drawn
from pcsweep.statistics.paired import PairedValues, paired
from pcsweep.statistics.permutation import Flipped, flipped, least
from pcsweep.study import axes, shards
from pcsweep.study.damaged import read_or_set_aside
from pcsweep.study.values import MEASURED, ShardValues, values_of

TESTED = frozenset(name for name in MEASURED if TABLE[name].tested)  # without being asked for

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One cell's statistics.

    Args:
        shards: identities of its shards, one per noise seed.
        settings: that the identities are hashes of, without the noise seed, and the images.
        seeds: of the noise, in the order of the shards.
        metrics, timesteps: what the statistics are of.
        measured: at which of these timesteps each metric was measured; statistics at others are NaN, and of nothing.
        summary: the statistics.
        confirmation: the estimates of one half of the images and of the other.
        tests: of the metrics that are tested, at t > 0.
        images: how many there are.
        categories: how many classes they have.
        least_p: the smallest p that so many images and patterns of signs allow.
        layers: by metric, where the attribution was taken at every pcoder: the statistics, (layers, timesteps) each.
        hyperparameter, figure: name of its set of coefficients, and the figure asked for, when it was computed.
    """

    shards: tuple[str, ...]
    settings: Mapping[str, Any]
    seeds: tuple[Any, ...]
    metrics: list[str]
    timesteps: list[int]
    measured: Bool[np.ndarray, "metrics timesteps"]
    summary: Summary
    confirmation: Confirmation
    tests: Mapping[str, Flipped]
    images: int
    categories: int
    least_p: float
    layers: Mapping[str, Summary] = field(default_factory=dict)
    hyperparameter: str = ""
    figure: str = "heatmap"

    @property
    def identity(self) -> str:
        """Its name."""
        return cell_identity(self.shards)


def reduced(
    paths: Iterable[Path], drawn: Drawn, tested: Collection[str] = TESTED
) -> tuple[Cell | None, list[shards.DamagedShard]]:
    """The statistics of a cell's shards, None where no shard can be read; and what is wrong with shards that are damaged.

    Damaged shards are moved aside.

    Args:
        paths: of the cell's shards.
        drawn: the random draws for a number of images.
        tested: the metrics whose gains are tested.

    Raises:
        BadSetting: the shards have different images or timesteps, or a shard lacks rows.
    """
    found, damaged = [], []
    for path in paths:
        try:
            found.append(read_or_set_aside(path))
        except shards.DamagedShard as error:
            damaged.append(error)
        except FileNotFoundError:
            log.warning("%s went away while the study was read", path)
    return (_cell_of(found, drawn, tested) if found else None), damaged


def _cell_of(found: Sequence[shards.Shard], drawn: Drawn, tested: Collection[str]) -> Cell:
    found = sorted(found, key=lambda shard: (axes.sort_key(_noise_seed(shard)), shard.path))
    read = [values_of(shard) for shard in found]
    _check_alike(found, read)
    images, timesteps = read[0].images, read[0].timesteps
    settings = without_seed(found[0].settings)
    drawing = drawn(len(images))
    names = [name for name in read[0].metrics if all(name in each.metrics for each in read)]
    values = paired(np.stack([np.stack([each.metrics[name] for name in names]) for each in read]))
    confirming = confirming_half(images, read[0].classes, drawing.seed)
    pooled = _pooled(read, drawing, confirming)
    can_change = len(timesteps) > 1 and not axes.is_fixed(settings)
    digest = hashlib.sha256("\n".join(images).encode()).hexdigest()
    return Cell(
        shards=tuple(shard.path.stem for shard in found),
        settings={**settings, "images": f"{len(images)} images {digest[:8]}"},
        seeds=tuple(map(_noise_seed, found)),
        metrics=[*names, *pooled],
        timesteps=timesteps,
        measured=np.array([np.all([each.measured(name) for each in read], axis=0) for name in (*names, *pooled)]),
        summary=joined([summarise(values, drawing), *(each for each, _ in pooled.values())]),
        confirmation=joined([confirm(values, confirming), *(each for _, each in pooled.values())]),
        tests=_tests(names, values, drawing, tested) if can_change else {},
        images=len(images),
        categories=len(np.unique(read[0].classes)),
        least_p=least(len(images), drawing.permutations),
        layers=_at_layers(read, drawing),
        **{name: text for name in ("hyperparameter", "figure") if (text := found[0].metadata.get(name))},
    )


def _at_layers(read: Sequence[ShardValues], drawing: Drawing) -> dict[str, Summary]:
    """Of each metric that all shards have at every pcoder."""
    names = [name for name in read[0].layers if all(name in each.layers for each in read)]
    return {name: summarise(paired(np.stack([each.layers[name] for each in read])), drawing) for name in names}


def _noise_seed(shard: shards.Shard) -> Any:
    return shard.settings["noise"].get("seed")


def _check_alike(found: Sequence[shards.Shard], read: Sequence[ShardValues]) -> None:
    first = read[0]
    if any(each.images != first.images or each.timesteps != first.timesteps for each in read):
        raise BadSetting(f"{found[0].path}: expected the images and timesteps of the cell's other noise seeds")


def _pooled(
    read: Sequence[ShardValues], drawing: Drawing, confirming: Bool[np.ndarray, " images"]
) -> dict[str, tuple[Summary, Confirmation]]:
    """The metrics of all images together, by name."""
    found = {}
    halves = [[shard.of(half) for shard in read] for half in (~confirming, confirming)]
    for name, metric in TABLE.items():
        if metric.pooled and (pool := metric.pooled(read)):
            summary = summarise_pooled(pool.own, pool.pairs, drawing, pool.nan)
            del pool  # as large as its halves together
            choosing, other = (_pair(metric.pooled(half)) for half in halves)
            found[name] = summary, confirm_pooled(choosing, other, int(confirming.sum()), drawing.seed)
    return found


def _pair(pool: Pool | None) -> Pair:
    assert pool  # as there is one of all images
    return pool.pairs or (pool.own, None)


def _tests(names: Sequence[str], values: PairedValues, drawing: Drawing, tested: Collection[str]) -> dict[str, Flipped]:
    """Tests the gains at t > 0, each metric as a family of its own."""
    chosen = [place for place, name in enumerate(names) if name in tested]
    if not chosen:
        return {}
    gain: Float64[np.ndarray, "metrics timesteps images"] = values.gain[chosen, 1:]
    tests = flipped(gain, drawing.signs)
    return {names[place]: tests.of(family) for family, place in enumerate(chosen)}
