"""What a sweep has to compute: packs of points that are computed together, and tasks of packs that one job computes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pcsweep.sweep.job import Pack, SweepPoint

if TYPE_CHECKING:
    from pcsweep.grid.plan import Plan


FEWEST = 1  # images times points at once; what is computed is a multiple of eight
_SMALLER = 4  # times fewer points are in a task after one was lost


@dataclass(frozen=True)
class StudyWork:
    """What is to be computed of one study.

    Args:
        folder: of the study.
        tasks: the packs of each.
        labels: the points' names for people, by identity.
        mem_gb: what each task asks for instead of the launcher's setting; None: that.
    """

    folder: Path
    tasks: tuple[tuple[Pack, ...], ...]
    labels: Mapping[str, str]
    mem_gb: int | None = None

    def identities(self) -> list[list[str]]:
        """Of the points of each task."""
        return [[identity(point) for pack in packs for point in pack] for packs in self.tasks]

    def without(self, gone: frozenset[str]) -> "StudyWork":
        """Only the points that nobody else computes; the names of all."""
        left = [[[point for point in pack if identity(point) not in gone] for pack in packs] for packs in self.tasks]
        return replace(self, tasks=tuple(kept for packs in left if (kept := tuple(pack for pack in packs if pack))))


def works(tasks: Sequence[Sequence[Pack]]) -> list[StudyWork]:
    """The tasks, study by study: a sweep may have several, a task has one."""
    points = [point for packs in tasks for pack in packs for point in pack]
    return [
        StudyWork(
            place,
            tuple(tuple(packs) for packs in tasks if any(folder(pack[0]) == place for pack in packs if pack)),
            {identity(point): label(point) for point in points if folder(point) == place},
        )
        for place in dict.fromkeys(map(folder, points))
    ]


def tasks_of(
    plan: "Plan", points: Sequence[SweepPoint], pack: int, fitting: Callable[[str], int], lost: Mapping[str, int]
) -> list[tuple[Pack, ...]]:
    """The waiting points as tasks, each of points that differ in their coefficients alone.

    What was lost with a task, for want of memory or time perhaps, comes in smaller tasks, point by point, so that one point that
    cannot be computed does not take others with it for ever.

    Args:
        plan: says which points are waiting.
        points: of the sweep, in the order of the plan.
        pack: points of a pack, at most.
        fitting: how many points like the one of this identity fit into a task.
        lost: how many points the task had in which a point was lost, by its identity.
    """
    tasks: list[tuple[Pack, ...]] = []
    for numbers in plan.packs(max(1, len(plan.points))):
        alike = [points[number] for number in numbers]
        sound = [point for point in alike if identity(point) not in lost]
        if sound:
            tasks += _cut(sound, _even(len(sound), fitting(identity(sound[0])), pack), pack)
        for size in sorted({lost[identity(point)] for point in alike if identity(point) in lost}, reverse=True):
            unsound = [point for point in alike if lost.get(identity(point)) == size]
            tasks += _cut(unsound, max(1, size // _SMALLER), 1)
    return tasks


def _cut(points: Sequence[SweepPoint], task: int, pack: int) -> list[tuple[Pack, ...]]:
    """Tasks of so many points, in packs of so many."""
    parts = [points[start : start + task] for start in range(0, len(points), task)]
    return [tuple(part[start : start + pack] for start in range(0, len(part), pack)) for part in parts]


def _even(points: int, most: int, pack: int) -> int:
    """The size of tasks of about the same size, at most so large, and made of whole packs where they are larger than one."""
    size = math.ceil(points / math.ceil(points / most))
    whole = math.ceil(size / pack) * pack
    return whole if whole <= most else min(size, max(most // pack * pack, min(size, pack)))


def smallest(point: SweepPoint) -> SweepPoint:
    """The same point computed with as few rows at once as can be, which changes no result."""
    if point.planned is None:
        return point
    settings = replace(point.planned.point.settings, batch_size=FEWEST)
    return replace(point, planned=replace(point.planned, point=replace(point.planned.point, settings=settings)))


def identity(point: SweepPoint) -> str:
    """Of a planned point that is not skipped."""
    assert point.planned is not None
    assert point.planned.identity is not None
    return point.planned.identity


def label(point: SweepPoint) -> str:
    """For people."""
    assert point.planned is not None
    return point.planned.point.label


def folder(point: SweepPoint) -> Path:
    """Of the point's study."""
    assert point.planned is not None
    return point.planned.folder
