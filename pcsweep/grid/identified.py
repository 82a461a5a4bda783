"""A grid point with its identity: made once, when it is planned, and never computed again."""

from collections.abc import Iterable, Mapping
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
    def shared_objects(self) -> tuple[int, ...]:
        """Numbers of the objects that it is made of beside its pcoder group, equal for points that share these."""
        point = self.point
        others = (value for name, value in self.settings.items() if name != "pcoder")
        made = point.settings, point.model, point.dataset, point.cache, point.noise, point.noise_settings, point.attribution
        return (*map(id, (*others, *made)),)

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


@dataclass(frozen=True, eq=False)
class SharedSettings:
    """What points that differ in their pcoder group alone share.

    Args:
        point: one of them, which keeps alive what they are known by.
        settings: in canonical form, without that group.
        texts: of these by name, for the identity.
    """

    point: GridPoint
    settings: Mapping[str, Any]
    texts: Mapping[str, str]


def different(points: Iterable[IdentifiedPoint]) -> list[IdentifiedPoint]:
    """One of each kind of points that share everything but their pcoder group."""
    return list({(planned.shared_objects, planned.point.rule.name): planned for planned in points}.values())


def identified(point: GridPoint, loaded: Loaded) -> IdentifiedPoint:
    """The point with its identity; what it shares with others is made once, and is theirs too."""
    choices = point.model, point.dataset, point.noise, point.attribution
    objects = *choices, point.settings, point.noise_settings, point.perturbation
    known_by: tuple[Any, ...] = (*map(id, objects), point.target, point.layer, point.limit)
    shared = loaded.others.get(known_by)
    if shared is None:
        others: dict[str, Any] = shards.canonical(point.decisive_others(loaded))
        shared = loaded.others[known_by] = SharedSettings(point, others, shards.identity_texts(others))
    own: dict[str, Any] = {"pcoder": shards.canonical(point.decisive_pcoder)}
    settings = {"model": shared.settings["model"], "noise": shared.settings["noise"], **own, **shared.settings}
    texts = {**shared.texts, **shards.identity_texts(own)}
    return IdentifiedPoint(point, settings, None if point.skipped else shards.identity_of(texts))
