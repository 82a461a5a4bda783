"""Rows of a grid point that there are already: in shards of the same point on fewer or on more images of the same order."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pcsweep.grid.identified import IdentifiedPoint
from pcsweep.grid.loaded import Loaded
from pcsweep.study import shards


@dataclass(frozen=True)
class KnownShard:
    """A shard of the same point on another number of images.

    Args:
        images: how many.
        identity: its name.
    """

    images: int
    identity: str


def with_known(planned: IdentifiedPoint, counts: Iterable[int], loaded: Loaded) -> IdentifiedPoint:
    """The point with the shards that there are of it on these other numbers of images.

    Its images are the first of one order, so a shard on fewer has rows of its first ones, and one on more has all.

    Args:
        planned: the point; one that is skipped stays as it is.
        counts: numbers of images.
        loaded: where its model and dataset are.
    """
    point = planned.point
    if planned.identity is None:
        return planned
    own = len(point.selection(loaded))
    found = []
    for count in sorted({*counts} - {own}, reverse=True):
        identity = shards.identity(replace(point, limit=count).decisive(loaded))
        if shards.place(point.shard_folder, identity).exists():
            found.append(KnownShard(count, identity))
    return replace(planned, known=tuple(found))
