"""The cells of a study, from its shards' metadata and its plans; no row is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcsweep.aggregate.grouping import Groups, grouped, without_seed
from pcsweep.config.errors import BadSetting
from pcsweep.search.rows import of_search
from pcsweep.study import axes, plans
from pcsweep.study.axes import Coordinates
from pcsweep.study.mixing import planned_where


@dataclass(frozen=True, eq=False)
class StudyCell:
    """A cell of one study.

    Args:
        paths: its shards, one per noise seed.
        settings: that they share.
        seeds: of the noise, in the shards' order.
        place: on the axes and further columns of both studies, once these are known.
    """

    paths: list[Path]
    settings: Mapping[str, Any]
    seeds: list[Any]
    place: Coordinates = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Study:
    """What there is of a study.

    Args:
        name: of its folder.
        cells: that have a shard.
        points: that were planned.
        damaged: what is wrong with shards whose metadata cannot be read.
    """

    name: str
    cells: list[StudyCell]
    points: list[plans.PlannedPoint]
    damaged: list[str]

    @property
    def settings(self) -> list[Mapping[str, Any]]:
        """Of every cell, there or planned."""
        return [*(cell.settings for cell in self.cells), *(without_seed(point.settings) for point in self.points)]


def study_in(folder: Path) -> Study:
    """The study of that folder; nothing is moved or written.

    Raises:
        BadSetting: it has no shard that can be read, or its shards differ in settings that must not be mixed.
    """
    where = of_search(folder, None)
    groups = grouped(folder / "shards", where)
    cells = [_cell(paths, groups) for paths in groups.paths if paths[0] not in groups.damaged]
    if not cells:
        raise BadSetting(f"Expected shards in {folder / 'shards'}, but there are none{_but(groups)}.")
    try:
        axes.check_alike([cell.settings for cell in cells])
    except ValueError as error:
        raise BadSetting(f"Study {folder.name}: {error}") from error
    return Study(folder.name, cells, planned_where(folder, where), list(groups.damaged.values()))


def _cell(paths: list[Path], groups: Groups) -> StudyCell:
    settings = [groups.settings[path] for path in paths]
    return StudyCell(paths, without_seed(settings[0]), [each["noise"].get("seed") for each in settings])


def _but(groups: Groups) -> str:
    """What there is instead of shards that can be read."""
    but = f" but {groups.older} of an earlier version" if groups.older else ""
    damaged = "; ".join(groups.damaged.values())
    return but + (f" {'and' if but else 'but'} damaged ones: {damaged}" if damaged else "")
