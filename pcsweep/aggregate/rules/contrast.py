"""The best cells of all rules against each other, image by image."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from pcsweep.aggregate.rules.best import BestOfRule, Halves, ReadCell, best_of
from pcsweep.aggregate.rules.candidate import SideBySide
from pcsweep.statistics.drawing import Drawn
from pcsweep.statistics.paired import over_seeds
from pcsweep.statistics.permutation import false_discovery
from pcsweep.statistics.rivals import PairedDifference, paired_difference
from pcsweep.study.axes import sort_key


@dataclass(frozen=True, eq=False)
class RulePair:
    """One rule's best cell less another's under the same condition, on the half of the images that had no say in the choice.

    Args:
        a, b: the best cells; differences are those of b less a.
        seeds: how many noise seeds of a and of b went in.
        seeds_paired: whether each noise seed was paired with itself; if not, means over seeds were.
        values: of the metric, each at its chosen timestep.
        gains: of its gains on t = 0.
        q, gain_q: false discovery rates over all pairs and conditions.
    """

    a: BestOfRule
    b: BestOfRule
    seeds: tuple[int, int]
    seeds_paired: bool
    values: PairedDifference
    gains: PairedDifference
    q: float = np.nan
    gain_q: float = np.nan


@dataclass(frozen=True, eq=False)
class RuleContrast:
    """Rules side by side.

    Args:
        halves: of the images.
        rules: labels, in order.
        columns: of conditions.
        facets: columns beside the axes that tell cells apart.
        bests: of each condition the best cell of each rule.
        pairs: of each condition all pairs of rules that have one.
    """

    halves: Halves
    rules: list[str]
    columns: tuple[str, ...]
    facets: tuple[str, ...]
    bests: list[BestOfRule]
    pairs: list[RulePair]

    @property
    def varying(self) -> tuple[str, ...]:
        """The columns in which conditions differ, σ last; σ alone where there is one condition."""
        names = [name for name in self.columns if len({str(each.condition[name]) for each in self.bests}) > 1]
        return tuple(names) or ("sigma",)


def contrasted(sides: SideBySide, facets: Sequence[str], halves: Halves, drawn: Drawn) -> RuleContrast:
    """Chooses the best cell of each rule under each condition, and pairs them.

    Args:
        sides: the cells of all rules.
        facets: their columns beside the axes.
        halves: of the images.
        drawn: the signs for a number of images.
    """
    bests = [
        best_of(label, condition, found, halves)
        for condition in sides.conditions
        for key, label in sides.variants.labels.items()
        if (found := sides.of(condition, key))
    ]
    signs = drawn(int(halves.confirming.sum())).signs
    rivals = [(a, b) for a, b in combinations(bests, 2) if a.condition == b.condition and a.read and b.read]
    pairs = [_pair(a, b, halves, signs) for a, b in rivals]
    return RuleContrast(halves, list(sides.variants.labels.values()), sides.columns, tuple(facets), bests, _with_q(pairs))


def turned(pair: RulePair) -> RulePair:
    """The other way round."""
    values, gains = pair.values.turned(), pair.gains.turned()
    return replace(pair, a=pair.b, b=pair.a, seeds=(pair.seeds[1], pair.seeds[0]), values=values, gains=gains)


def _pair(a: BestOfRule, b: BestOfRule, halves: Halves, signs: Float32[np.ndarray, "patterns images"]) -> RulePair:
    """Under the same noise seeds an image is paired with itself; without one in common, its means over seeds are paired."""
    assert a.read  # as whoever pairs them has seen
    assert b.read
    common = [seed for seed in a.read.seeds if seed in b.read.seeds]
    both = [_confirming(read, each.step, common, halves) for each, read in ((a, a.read), (b, b.read))]
    counts = len(both[0][0]), len(both[1][0])
    if not common:
        both = [(over_seeds(values)[None], over_seeds(gains)[None]) for values, gains in both]
    (values_a, gains_a), (values_b, gains_b) = both
    values, gains = paired_difference(values_a, values_b, signs), paired_difference(gains_a, gains_b, signs)
    return RulePair(a, b, counts, bool(common), values, gains)


def _confirming(
    read: ReadCell, step: int, common: Sequence[Any], halves: Halves
) -> tuple[Float64[np.ndarray, "seeds images"], Float64[np.ndarray, "seeds images"]]:
    """At a timestep the metric and its gain of the images that confirm, of the noise seeds in common, or else of all."""
    seeds = sorted(common or read.seeds, key=sort_key)
    every = np.stack([read.seeds[seed] for seed in seeds]).astype(np.float64)[
        :, :, halves.confirming
    ]  # (seeds, timesteps, images)
    values = every[:, step]  # (seeds, images)
    return values, values - every[:, 0]


def _with_q(pairs: Sequence[RulePair]) -> list[RulePair]:
    """Over all of them, of values and of gains apart."""
    q = false_discovery(np.array([pair.values.p for pair in pairs], np.float64))
    gain_q = false_discovery(np.array([pair.gains.p for pair in pairs], np.float64))
    return [replace(pair, q=float(one), gain_q=float(other)) for pair, one, other in zip(pairs, q, gain_q, strict=True)]
