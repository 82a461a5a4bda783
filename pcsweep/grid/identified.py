"""A grid point with its identity: made once, when it is planned, and never computed again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsweep.config.errors import BadSetting
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint
from pcsweep.study import shards

if TYPE_CHECKING:
    from pcsweep.grid.known import KnownShard


@dataclass(frozen=True, eq=False)
class IdentifiedPoint:
    """A grid point as it was when it was planned.

    Args:
        point: what is computed.
        settings: every setting that decides a number, in canonical form.
        identity: their hash; None where the point is skipped.
        known: shards of the same point on other numbers of images, from many to few, whose rows need not be computed again.
    """

    point: GridPoint
    settings: Mapping[str, Any]
    identity: str | None
    known: "tuple[KnownShard, ...]" = ()

    @property
    def folder(self) -> Path:
        """Of its study."""
        return self.point.settings.folder

    @property
    def shard(self) -> Path:
        """Where the shard of a point that is not skipped is, or will be."""
        assert self.identity is not None
        return shards.place(self.point.shard_folder, self.identity)

    def check_unchanged(self, loaded: Loaded) -> None:
        """Refuses a point whose model or images are others now than when it was planned.

        Raises:
            BadSetting: says so.
        """
        if shards.identity(self.point.decisive(loaded)) != self.identity:
            point = self.point
            what = [f"The weights of {point.model.name}", f"the images of {point.dataset.name}"]
            what += [f"the code of {module}" for module in point.own_modules]
            raise BadSetting(
                f"{', '.join(what[:-1])} or {what[-1]} have changed since this point was planned; give the command again to plan "
                "it anew."
            )


def identified(point: GridPoint, loaded: Loaded) -> IdentifiedPoint:
    """The point with its identity."""
    settings: dict[str, Any] = shards.canonical(point.decisive(loaded))
    return IdentifiedPoint(point, settings, None if point.skipped else shards.identity(settings))
