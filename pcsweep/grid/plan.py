"""What a sweep has to do: every point checked and identified before any is computed, and the finished ones found."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import progress
from pcsweep.grid.composed import point_from
from pcsweep.grid.identified import IdentifiedPoint, identified
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.notes import check_studies, note, say_sources
from pcsweep.machine.threads import listed
from pcsweep.pcoder.rule import why_skipped
from pcsweep.study import damaged, shards
from pcsweep.study.tidying import tidy

if TYPE_CHECKING:
    from pcsweep.config.variations import Configuration

_log = logging.getLogger(__name__)

Called = Callable[[Sequence[int]], str]


@dataclass(frozen=True)
class Plan:
    """What a sweep still has to do.

    Args:
        points: all of them.
        waiting: the numbers of those to be run, each identity once.
        done: how many are.
        loaded: where their models and datasets are.
    """

    points: Sequence[IdentifiedPoint]
    waiting: tuple[int, ...]
    done: int
    loaded: Loaded = field(compare=False, repr=False)

    @property
    def skipped(self) -> int:
        """How many have no update with their coefficients, such as β + λ > 1."""
        return sum(planned.identity is None for planned in self.points)

    def packs(self, most: int) -> list[list[int]]:
        """The numbers of the waiting points that are computed together, at most so many at once."""
        found = packed([self.points[number] for number in self.waiting], most)
        return [[self.waiting[place] for place in places] for places in found]

    def decode(self) -> None:
        """Decodes the images of the waiting points, so that broken ones are refused before any point is computed.

        Raises:
            BadSetting: images that cannot be used.
        """
        waiting = [self.points[number].point for number in self.waiting]
        for asked in dict.fromkeys((point.dataset, point.selection(self.loaded), point.cache) for point in waiting):
            self.loaded.samples(*asked)

    def note(self) -> None:
        """Notes in each study's folder what was asked for, so that aggregation and status can say what is missing."""
        for folder in {planned.folder for planned in self.points}:
            tidy(folder)
            note(folder, [planned for planned in self.points if planned.folder == folder])

    def __str__(self) -> str:
        twice = len(self.points) - self.skipped - self.done - len(self.waiting)
        why = why_skipped(planned.point.rule for planned in self.points)
        words = [f"{self.done} of {len(self.points)} already done", f"{self.skipped} skipped{why}"]
        words += [f"{twice} the same as another"] if twice else []
        return ", ".join([*words, f"{len(self.waiting)} to run"])


def points_from(
    configs: "Iterable[Configuration]",
    numbers: Sequence[int],
    loaded: Loaded,
    here: bool = True,
    called: "Called | None" = None,
) -> list[IdentifiedPoint]:
    """The grid points of a sweep by number, with a bar while that takes long.

    Args:
        configs: one per point; each is composed when it is its turn, and not kept.
        numbers: 0, 1, … in the order of the configurations.
        loaded: where their models and datasets are, or will be.
        here: whether this machine computes them.
        called: names points by their numbers, at the beginning of a message, where they have other names.

    Raises:
        BadSetting: one line for every kind of refusal, with the numbers of the points that are refused.
    """
    points: dict[int, IdentifiedPoint] = {}
    refused: dict[str, list[int]] = {}
    with progress("checking", len(numbers), "points") as advance:
        for number, config in zip(numbers, configs, strict=True):
            try:
                points[number] = identified(point_from(config, loaded, here), loaded)
            except BadSetting as error:
                refused.setdefault(str(error), []).append(number)
            advance(1)
    if refused:
        name = called or partial(_numbered, count=len(numbers))
        raise BadSetting("\n".join(f"{name(sorted(each))}{error}" for error, each in refused.items()))
    return [points[number] for number in sorted(points)]


def plan(configs: "Iterable[Configuration]", numbers: Sequence[int], here: bool = True, called: "Called | None" = None) -> Plan:
    """Checks every grid point of a sweep before any is computed, and finds what is done.

    Args:
        configs: one per point.
        numbers: 0, 1, … in the order of the configurations.
        here: whether this machine computes them.
        called: as for `points_from`.

    Raises:
        BadSetting: one line for every kind of refusal.
    """
    loaded = Loaded()
    points = points_from(configs, numbers, loaded, here, called)
    first: dict[Path, int] = {}
    for number, planned in enumerate(points):
        if planned.identity is not None:
            first.setdefault(planned.shard, number)
    there = {shard for shard in first if shard.exists()}
    with progress("verifying", len(there), "shards") as advance:
        for shard in sorted(there):
            if not is_done(points[first[shard]]):
                there.discard(shard)
            advance(1)
    waiting = tuple(number for shard, number in first.items() if shard not in there)
    check_studies([points[number] for number in waiting])
    say_sources([planned for planned in points if planned.identity is not None])
    done = sum(planned.identity is not None and planned.shard in there for planned in points)
    return Plan(points, waiting, done, loaded)


def _numbered(numbers: Sequence[int], count: int) -> str:
    """Such as `point 3: ` or `points 0, 1, 4: `; nothing for the only one."""
    if count == 1:
        return ""
    return f"point{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}: "


def is_done(planned: IdentifiedPoint) -> bool:
    """Like `damaged.is_done`, and says so where a damaged shard was set aside."""
    assert planned.identity is not None  # not skipped
    folder = planned.point.shard_folder
    try:
        return damaged.is_done(folder, planned.identity)
    except shards.DamagedShard as error:
        _log.warning("Computing again, the file is kept in %s: %s", damaged.damaged_folder(folder), error)
        return False


def packed(points: Sequence[IdentifiedPoint], most: int) -> list[list[int]]:
    """The numbers of the points in packs of at most so many, in the order of the first of each."""
    alike: dict[str, list[int]] = {}
    texts: dict[tuple[Any, ...], str] = {}  # by what points share as objects, of which most share all
    for number, point in enumerate(points):
        shared = *point.shared_objects, str(point.point.rule)
        if shared not in texts:
            texts[shared] = _but_for_coefficients(point)
        alike.setdefault(texts[shared], []).append(number)
    return [numbers[start : start + most] for numbers in alike.values() for start in range(0, len(numbers), most)]


def _but_for_coefficients(planned: IdentifiedPoint) -> str:
    """All that points of a pack have in common, whether it decides a number or not."""
    point = planned.point
    further = point.settings, point.model, point.dataset, point.cache, point.rule
    return json.dumps([{**planned.settings, "pcoder": None}, *map(str, further)], sort_keys=True)
