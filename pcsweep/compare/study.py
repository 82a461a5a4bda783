"""The cells of a study, from its shards' metadata and its plans; no row is read."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcsweep.aggregate.grouping import Groups, grouped, without_seed
from pcsweep.config.errors import BadSetting
from pcsweep.study import axes, plans, shards
from pcsweep.study.axes import Coordinates

log = logging.getLogger(__name__)


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
    groups = grouped(folder / "shards")
    cells, damaged = _cells(groups)
    if not cells:
        raise BadSetting(f"Expected shards in {folder / 'shards'}, but there are none{_but(groups, damaged)}.")
    try:
        axes.check_alike([cell.settings for cell in cells])
    except ValueError as error:
        raise BadSetting(f"Study {folder.name}: {error}") from error
    return Study(folder.name, cells, plans.planned(folder / "planned"), damaged)


def _cells(groups: Groups) -> tuple[list[StudyCell], list[str]]:
    """A cell for each group with a shard whose metadata verifies; and what is wrong with the other shards."""
    cells, damaged = [], []
    for paths in groups.paths:
        settings, texts = _settings(paths)
        damaged += texts
        if settings:
            seeds = [each["noise"].get("seed") for each in settings.values()]
            cells.append(StudyCell(list(settings), without_seed(next(iter(settings.values()))), seeds))
    return cells, damaged


def _settings(paths: Iterable[Path]) -> tuple[dict[Path, dict[str, Any]], list[str]]:
    """The settings of the shards whose metadata verifies, and what is wrong with the others."""
    settings: dict[Path, dict[str, Any]] = {}
    damaged = []
    for path in paths:
        try:
            settings[path] = json.loads(shards.verified_metadata(path)["settings"])
        except shards.DamagedShard as error:
            damaged.append(str(error))
        except FileNotFoundError:
            log.warning("%s went away while the study was read", path)
    return settings, damaged


def _but(groups: Groups, damaged: list[str]) -> str:
    """What there is instead of shards that can be read."""
    but = f" but {groups.older} of an earlier version" if groups.older else ""
    return but + (f" {'and' if but else 'but'} damaged ones: {'; '.join(damaged)}" if damaged else "")
