"""What was asked of a study: the points that its notes in `planned/` name."""

import json
import marshal
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcsweep.config.labelling import Labelling
from pcsweep.config.sources import SOURCE
from pcsweep.study import cells, notes
from pcsweep.study.identity import canonical, identity
from pcsweep.study.schema import SCHEMA_VERSION


@dataclass(frozen=True)
class PlannedPoint:
    """One planned grid point."""

    identity: str | None  # None where skipped
    settings: Mapping[str, Any]
    skipped: bool  # β + λ > 1: never computed
    command: str
    hyperparameter: str = ""  # names of its set of coefficients
    figure: str = "heatmap"
    label: str = ""  # for people
    labelling: Labelling = Labelling()  # the last that was said of it
    changed: str = ""  # what is said beside the command: that it is another than was given, since a list of cells has changed


@dataclass(frozen=True)
class _PointNote:
    """What a plan says of a point."""

    identity: str | None
    settings: dict[str, Any]
    skipped: bool
    hyperparameter: str | None = None
    figure: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class _PlanNote:
    """What `planned/*.json` says."""

    command: str
    points: tuple[_PointNote, ...]
    schema_version: Any = None
    lists: tuple[cells.ListNote, ...] = ()
    note: str = ""
    tags: tuple[str, ...] = ()


def planned(folder: Path) -> list[PlannedPoint]:
    """The points of every `planned/*.json`, each once; planned by several commands, as the last, under all names.

    Without those that nobody waits for any more, see `superseded`.
    """
    points, superseded = _sorted_out(folder)
    return [point for name, point in points.items() if name not in superseded]


def superseded(folder: Path) -> list[str]:
    """The identities of points that are not there, and were planned again after an edit of the user's own code."""
    return sorted(_sorted_out(folder)[1])


def _sorted_out(folder: Path) -> tuple[dict[str, PlannedPoint], set[str]]:
    """All points by name, and the names of those that are superseded."""
    points: dict[str, PlannedPoint] = {}
    when: dict[str, float] = {}
    said: dict[str, list[tuple[float, Labelling]]] = {}
    shared = _Shared()
    for path in notes.paths(folder):
        try:
            plan, status = notes.read(path, _PlanNote)
            command, changed = cells.command_now(plan.command, plan.lists, folder.parent)
            plan = replace(plan, command=command)
            found = [replace(_point(each, plan), settings=shared.of(each.settings), changed=changed) for each in plan.points]
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            notes.name_once(path, str(error), "plan")
            continue
        for point in found:
            name = point.identity or json.dumps(canonical(point.settings), sort_keys=True)
            before = points[name].hyperparameter.split(", ") if name in points else []
            names = dict.fromkeys(word for word in (*before, point.hyperparameter) if word)
            points[name] = replace(point, hyperparameter=", ".join(names))
            if point.labelling:
                said.setdefault(name, []).append((status.st_mtime, point.labelling))
            when[name] = max(when.get(name, 0.0), status.st_mtime)
    for name, each in said.items():
        points[name] = replace(points[name], labelling=_last(each))
    return points, _superseded(points, when, folder.parent / "shards")


class _Shared:
    """Settings of many points, in which what is equal is there once: most of them differ in one group alone."""

    def __init__(self) -> None:
        self._known: dict[bytes, Any] = {}

    def of(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The same settings."""
        return {name: self._known.setdefault(marshal.dumps(value, 2), value) for name, value in settings.items()}


def _last(said: Sequence[tuple[float, Labelling]]) -> Labelling:
    """The last note, and the last tags, of what was said and when."""
    found = Labelling()
    for _, each in sorted(said, key=lambda one: one[0]):
        found = Labelling(each.note or found.note, each.tags or found.tags)
    return found


def _superseded(points: Mapping[str, PlannedPoint], when: Mapping[str, float], shards: Path) -> set[str]:
    """Of points that differ in the user's own code alone, all but the last, as far as they have no shard."""
    alike: dict[str, list[str]] = {}
    for name, point in points.items():
        if any(isinstance(each, Mapping) and SOURCE in each for each in point.settings.values()):
            alike.setdefault(json.dumps(without_source(point.settings), sort_keys=True), []).append(name)
    return {
        name
        for names in alike.values()
        for name in sorted(names, key=lambda each: when[each])[:-1]
        if not (shards / f"{name}.parquet").exists()
    }


def without_source(settings: Mapping[str, Any], groups: Collection[str] | None = None) -> dict[str, Any]:
    """The settings without the hashes of the user's own code in these groups, or in all."""
    return {
        group: {key: value for key, value in each.items() if key != SOURCE or group not in (groups or settings)}
        if isinstance(each, Mapping)
        else each
        for group, each in settings.items()
    }


def _point(entry: _PointNote, plan: _PlanNote) -> PlannedPoint:
    name = entry.identity
    if name is not None and plan.schema_version != SCHEMA_VERSION:  # an earlier version called its shard otherwise
        name = identity(entry.settings)
    return PlannedPoint(
        identity=name,
        settings=entry.settings,
        skipped=entry.skipped,
        command=plan.command,
        hyperparameter=entry.hyperparameter or "",
        figure=entry.figure or "heatmap",
        label=entry.label or "",
        labelling=Labelling(plan.note, plan.tags),
    )
