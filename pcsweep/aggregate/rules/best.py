"""The best cell of a rule under a condition: chosen on one half of the images, with its values on the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from pcsweep.aggregate.rules.candidate import Candidate
from pcsweep.metric import baselines_of
from pcsweep.statistics.bootstrap import mean
from pcsweep.study import shards
from pcsweep.study.labels import direction
from pcsweep.study.values import ShardValues, values_of


@dataclass(frozen=True, eq=False)
class Halves:
    """What all rules are judged by.

    Args:
        metric: a mean over images.
        images: identifiers in order, the same for every rule.
        confirming: which of them confirm; the others choose.
        timesteps: from t = 0 on, the same for every rule.
    """

    metric: str
    images: list[str]
    confirming: Bool[np.ndarray, " images"]
    timesteps: list[int]

    def values(self, read: ShardValues, metric: str) -> Float32[np.ndarray, "timesteps images"]:
        """A metric of all its images and timesteps, in its order."""
        places = {name: place for place, name in enumerate(read.images)}
        rows = [read.timesteps.index(timestep) for timestep in self.timesteps]
        found: np.ndarray = read.metrics[metric][np.ix_(rows, [places[name] for name in self.images])]
        return found


@dataclass(frozen=True, eq=False)
class ReadCell:
    """The values of a cell, all images.

    Args:
        seeds: by noise seed.
        baselines: by label, what maps that look at no image reach on the images that confirm.
    """

    seeds: Mapping[Any, Float32[np.ndarray, "timesteps images"]]
    baselines: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class BestOfRule:
    """What one half of the images chooses of a rule's cells and timesteps under a condition.

    Args:
        rule: label of the rule.
        condition: what its cells share with those of other rules.
        cells: how many could be chosen: those that can change.
        candidate: the choice; None where nothing could be chosen, since all cells are controls or nothing is defined.
        step: place of its timestep among all.
        read: its values.
    """

    rule: str
    condition: dict[str, Any]
    cells: int
    candidate: Candidate | None = None
    step: int = 0
    read: ReadCell | None = None


def best_of(rule: str, condition: dict[str, Any], candidates: Sequence[Candidate], halves: Halves) -> BestOfRule:
    """The best value(t) / value(0) on the choosing half, at t > 0: the highest, or the lowest where lower is better.

    Of equal ones it is the first. Its shards are read.

    Args:
        rule: label of the rule.
        condition: that the candidates share.
        candidates: in order.
        halves: of the images.
    """
    able = [each for each in candidates if not each.fixed]
    choosing = np.array([each.choosing[1:] for each in able])  # (cells, timesteps after t = 0)
    if not choosing.size or np.isnan(choosing).all():
        return BestOfRule(rule, condition, len(able))
    cell, step = np.unravel_index(np.nanargmax(direction(halves.metric) * choosing), choosing.shape)
    chosen = able[int(cell)]
    return BestOfRule(rule, condition, len(able), chosen, int(step) + 1, read_cell(chosen.paths, halves))


def read_cell(paths: Sequence[Path], halves: Halves) -> ReadCell:
    """A cell's values, and what baselines reach where they were measured."""
    seeds: dict[Any, np.ndarray] = {}
    for path in paths:
        shard = shards.read(path)
        read = values_of(shard)
        seeds[shard.settings["noise"].get("seed")] = halves.values(read, halves.metric)
    there = [each for each in baselines_of(halves.metric) if each.metric in read.metrics]
    means = {each.label: float(mean(halves.values(read, each.metric)[0, halves.confirming])) for each in there}
    return ReadCell(seeds, {label: value for label, value in means.items() if value == value})
