"""Which cells of a study are not in its table: skipped, missing, or without some of their noise seeds."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pcsweep.study.axes import Coordinates, key
from pcsweep.study.labels import rule_of_row, rules_of
from pcsweep.study.plans import PlannedPoint


@dataclass(frozen=True)
class Gaps:
    """Cells that are not in the table, by coordinates.

    Args:
        skipped: have no update with their coefficients (β + λ > 1), so that they were never computed.
        missing: are planned, and have no verified shard.
        missing_seeds: are there, but not with these noise seeds.
        commands: compute what is missing.
    """

    skipped: list[Coordinates]
    missing: list[Coordinates]
    missing_seeds: list[Coordinates]
    commands: list[str]


def gaps_of(
    places: Sequence[Coordinates],
    points: Sequence[PlannedPoint],
    computed: Collection[str],
    place: Callable[[Mapping[str, Any]], Coordinates],
) -> Gaps:
    """What is planned and not computed; without a plan, what the product of the observed coefficients lacks.

    Args:
        places: of the cells that are there.
        points: that are planned.
        computed: identities of the shards that are there.
        place: coordinates of a point, from its settings.
    """
    here = {key(each) for each in places}
    uncomputed = [(point, place(point.settings)) for point in points if not point.skipped and point.identity not in computed]
    if points:
        skipped = _each_once(place(point.settings) for point in points if point.skipped)
        missing = _each_once(each for _, each in uncomputed)
    else:
        skipped, missing = product_gaps(places)
    return Gaps(
        skipped=skipped,
        missing=[each for each in missing if key(each) not in here],
        missing_seeds=[
            {**each, "noise.seed": point.settings["noise"].get("seed")} for point, each in uncomputed if key(each) in here
        ],
        commands=list(dict.fromkeys(point.command for point, _ in uncomputed)),
    )


def _each_once(places: Iterable[Coordinates]) -> list[Coordinates]:
    return list({key(place): place for place in places}.values())


def product_gaps(cells: Sequence[Coordinates]) -> tuple[list[Coordinates], list[Coordinates]]:
    """Without a plan: what the product of the observed coefficients on a heatmap's axes lacks, as (skipped, missing)."""
    skipped: list[Coordinates] = []
    missing: list[Coordinates] = []
    for rule in rules_of(cells):
        scalar = [cell for cell in cells if rule_of_row(cell) == rule and all(cell[name] is not None for name in rule.axes)]
        there = {key(cell) for cell in scalar}
        others = {key({**cell, **dict.fromkeys(rule.axes)}): cell for cell in scalar}
        pairs = product(*(sorted({cell[name] for cell in scalar}) for name in rule.axes))
        for pair, other in product(pairs, others.values()):
            place = {**other, **dict(zip(rule.axes, pair, strict=True))}
            if key(place) not in there:
                (skipped if rule.is_skipped(place) else missing).append(place)
    return skipped, missing
