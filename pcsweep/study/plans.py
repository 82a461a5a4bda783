"""What was asked of a study: the points that its notes in `planned/` name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcsweep.study import notes
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


def planned(folder: Path) -> list[PlannedPoint]:
    """The points of every `planned/*.json`, each once; planned by several commands, as the last, under all names."""
    points: dict[str, PlannedPoint] = {}
    for path in notes.paths(folder):
        try:
            plan = notes.read(path, _PlanNote)[0]
            found = [_point(each, plan) for each in plan.points]
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
    return list(points.values())


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
    )
