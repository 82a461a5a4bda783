"""One look after the other: what is read and asked again, and what is not."""

import json
from pathlib import Path

import pytest
from toy_slurm import answering

from pcsweep.study import plans, submissions
from pcsweep.study.schema import SCHEMA_VERSION
from pcsweep.sweep.seen import Lookout


def plan(folder: Path, name: str, *points: str) -> None:
    (folder / "planned").mkdir(parents=True, exist_ok=True)
    entries = [{"identity": each, "settings": {"x": each}, "skipped": False} for each in points]
    (folder / "planned" / f"{name}.json").write_text(
        json.dumps({"command": "c", "schema_version": SCHEMA_VERSION, "points": entries})
    )


def test_a_plan_is_read_again_where_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(plans, "planned", lambda folder, planned=plans.planned: read.append(folder) or planned(folder))
    lookout = Lookout(tmp_path)
    assert list(lookout.look().points) == []
    assert lookout.look().settled
    plan(tmp_path, "1", "a", "b")
    first = lookout.look()
    assert list(first.labels) == ["a", "b"]
    assert not first.settled
    assert lookout.look().points is first.points
    plan(tmp_path, "2", "c")
    assert list(lookout.look().labels) == ["a", "b", "c"]
    assert len(read) == 3


def test_the_queue_is_asked_now_and_then_and_when_something_was_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    answering(monkeypatch, tmp_path / "commands", squeue=f"echo x >> {asked}")
    plan(tmp_path / "s", "1", "a", "b")
    now = [0.0]
    submissions.with_jobs(submissions.new(tmp_path / "s", [["a"]], [1], "", []), ["7"])
    lookout = Lookout(tmp_path / "s", lambda: now[0])

    def times() -> int:
        lookout.look()
        return asked.read_text().count("x")

    assert [times(), times()] == [1, 1]
    now[0] += 0.6
    assert [times(), times()] == [2, 2]
    known = submissions.read_all(tmp_path / "s")
    submissions.with_jobs(submissions.new(tmp_path / "s", [["b"]], [1], "", known), ["8"])
    assert [times(), times()] == [3, 3]


def test_of_a_finished_study_no_queue_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tmp_path / "asked"
    answering(monkeypatch, tmp_path / "commands", squeue=f"echo x >> {asked}")
    plan(tmp_path / "s", "1", "a")
    (tmp_path / "s" / "shards").mkdir()
    (tmp_path / "s" / "shards" / "a.parquet").touch()
    submissions.with_jobs(submissions.new(tmp_path / "s", [["a"]], [1], "", []), ["7"])
    lookout = Lookout(tmp_path / "s")
    assert lookout.look().settled
    assert not asked.exists()
    plan(tmp_path / "s", "2", "b")
    assert not lookout.look().settled
    assert asked.exists()
