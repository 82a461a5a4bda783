"""Which cells of a study are not in its table: skipped, missing, or without some of their noise seeds."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.study import axes
from pcsweep.study.axes import Coordinates, key
from pcsweep.study.plans import PlannedPoint


@dataclass(frozen=True)
class Gaps:
    """Cells by coordinates.

    Args:
        skipped: have no update rule (β + λ > 1), so that they were never computed.
        missing: are planned, and have no verified shard.
        missing_seeds: are there, but not with these noise seeds.
        commands: compute what is missing.
    """

    skipped: list[Coordinates]
    missing: list[Coordinates]
    missing_seeds: list[Coordinates]
    commands: list[str]


def gaps_of(
    places: Sequence[Coordinates], points: Sequence[PlannedPoint], computed: Collection[str], facets: Sequence[str]
) -> Gaps:
    """What is planned and not computed; without a plan, what the product of the observed β and λ lacks.

    Args:
        places: of the cells that are there.
        points: that are planned.
        computed: identities of the shards that are there.
        facets: the columns beside the axes.
    """
    gone = [(point, _planned_place(point, facets)) for point in points if not point.skipped and point.identity not in computed]
    if points:
        skipped = _each_once(_planned_place(point, facets) for point in points if point.skipped)
        missing = _each_once(place for _, place in gone)
    else:
        skipped, missing = product_gaps(places)
    here = {key(place) for place in places}
    return Gaps(
        skipped=skipped,
        missing=[place for place in missing if key(place) not in here],
        missing_seeds=[
            {**place, "noise.seed": point.settings["noise"].get("seed")} for point, place in gone if key(place) in here
        ],
        commands=list(dict.fromkeys(point.command for point, _ in gone)),
    )


def _each_once(places: Iterable[Coordinates]) -> list[Coordinates]:
    return list({key(place): place for place in places}.values())


def _planned_place(point: PlannedPoint, facets: Sequence[str]) -> Coordinates:
    return {**axes.coordinates(point.settings), **axes.further_coordinates(point.settings, facets)}


def product_gaps(cells: Sequence[Coordinates]) -> tuple[list[Coordinates], list[Coordinates]]:
    """Without a plan: what the product of the observed β and λ lacks, as (skipped, missing)."""
    scalar = [cell for cell in cells if all(cell[name] is not None for name in RULE.axes)]
    there = {key(cell) for cell in scalar}
    others = {key({**cell, **dict.fromkeys(RULE.axes)}): cell for cell in scalar}
    skipped: list[Coordinates] = []
    missing: list[Coordinates] = []
    pairs = product(*(sorted({cell[name] for cell in scalar}) for name in RULE.axes))
    for pair, other in product(pairs, others.values()):
        place = {**other, **dict(zip(RULE.axes, pair, strict=True))}
        if key(place) not in there:
            (skipped if RULE.is_skipped(place) else missing).append(place)
    return skipped, missing
