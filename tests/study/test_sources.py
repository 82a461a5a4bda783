"""Where the shards of a study were computed by code that is not the same, it is said."""

import json
import os

import pytest

from pcsweep.study.plans import planned, superseded
from pcsweep.study.sources import differing, other_than_now, sources_of


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"a": '])
def test_a_shard_that_does_not_say_it_is_of_any_code(text):
    assert sources_of({"sources": text}) == sources_of({}) == {}


def test_the_same_code_is_not_worth_a_line():
    each = [{"mine": "aa"}, {"mine": "aa", "pcsweep/noise/salt.py": "bb"}, {}]
    assert differing(each) == []
    assert other_than_now(each, {"mine": "aa", "pcsweep/noise/salt.py": "bb", "pcsweep/metric/iou.py": "cc"}) == ""


def test_other_code_is_counted():
    each = [{"mine": "aa" * 32}, {"mine": "aa" * 32}, {"mine": "bb" * 32, "pcsweep/noise/salt.py": "cc"}]
    (line,) = differing(each)
    said = "Not the same code of mine in all shards: aaaaaaaa in 2 shards, bbbbbbbb in 1 shard"
    assert line == f"{said} (cells of each are apart: source_sha256)"
    told = other_than_now(each, {"mine": "bb" * 32})
    assert told.startswith(
        "2 shards computed with other code of mine than there is now; points are computed with it as it is now"
    )
    told = other_than_now(each, {"mine": "bb" * 32, "pcsweep/noise/salt.py": "dd"})
    assert told.startswith("3 shards computed with other code of mine, pcsweep/noise/salt.py than there is now, and a finished")


def write_plan(folder, when, identity, **noise):
    point = {
        "identity": identity,
        "skipped": False,
        "settings": {"noise": {"name": "mine.salt", **noise}, "pcoder": {"beta": [0.1]}},
    }
    path = folder / "planned" / f"{identity}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"command": f"pcsweep {identity}", "schema_version": 3, "points": [point]}))
    os.utime(path, (when, when))


def names(folder):
    return [point.identity for point in planned(folder / "planned")]


def test_a_point_that_was_planned_again_after_an_edit_is_waited_for_once(tmp_path):
    write_plan(tmp_path, 3.0, "b", source_sha256="new", share=0.1)
    write_plan(tmp_path, 2.0, "c", source_sha256="old", share=0.1)
    write_plan(tmp_path, 1.0, "a", source_sha256="older", share=0.1)
    write_plan(tmp_path, 1.0, "d", source_sha256="old", share=0.2)
    write_plan(tmp_path, 1.0, "e", share=0.3)
    assert names(tmp_path) == ["b", "d", "e"]
    assert superseded(tmp_path / "planned") == ["a", "c"]
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "a.parquet").touch()
    assert names(tmp_path) == ["a", "b", "d", "e"]
    write_plan(tmp_path, 4.0, "c", source_sha256="old", share=0.1)  # the edit was taken back
    assert names(tmp_path) == ["a", "c", "d", "e"]
