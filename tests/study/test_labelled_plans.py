"""What plans keep of notes and tags, and who can still read them."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toy_study import settings

from pcsweep.config.labelling import Labelling
from pcsweep.study import notes, plans, shards


@dataclass(frozen=True)
class EarlierPoint:
    """As version 0.1 read it."""

    identity: str | None
    settings: dict[str, Any]
    skipped: bool


@dataclass(frozen=True)
class EarlierPlan:
    """As version 0.1 read it."""

    command: str
    points: tuple[EarlierPoint, ...]
    schema_version: Any = None


def plan(folder: Path, name: str, when: float, **said: Any) -> Path:
    point = settings(0.5, 0.1)
    entry = {"identity": shards.identity(point), "settings": point, "skipped": False}
    path = folder / "planned" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"command": name, "schema_version": shards.SCHEMA_VERSION, **said, "points": [entry]}))
    os.utime(path, (when, when))
    return path


def labelling(folder: Path) -> Labelling:
    (point,) = plans.planned(folder / "planned")
    return point.labelling


def test_the_last_note_and_the_last_tags_count(tmp_path: Path) -> None:
    plan(tmp_path, "c", 100.0, note="first", tags=["x"])
    assert labelling(tmp_path) == Labelling("first", ("x",))
    plan(tmp_path, "a", 300.0)  # without any, such as of an earlier version
    assert labelling(tmp_path) == Labelling("first", ("x",))
    plan(tmp_path, "b", 200.0, note="second")
    assert labelling(tmp_path) == Labelling("second", ("x",))


def test_an_earlier_version_reads_them(tmp_path: Path) -> None:
    path = plan(tmp_path, "a", 100.0, note="first", tags=["x"])
    found, _ = notes.read(path, EarlierPlan)
    assert found.command == "a"
    assert len(found.points) == 1
