"""Where numbers come from: told by the shards themselves."""

from pathlib import Path
from typing import Any

import pytest
from toy_study import damage, put, settings

from pcsweep.report.origins import Damaged, Origins, damaged, origins
from pcsweep.report.origins import settings as compared
from pcsweep.study import shards
from pcsweep.study.damaged import set_aside


def told_of(folder: Path, *metadata: dict[str, str]) -> Origins:
    """Of one shard for each."""
    points = [settings(0.5, 0.1, noise__seed=seed) for seed in range(len(metadata))]
    for point, texts in zip(points, metadata, strict=True):
        put(folder, point, texts)
    return origins(folder / "shards", [shards.identity(point) for point in points])


def test_hours_are_summed_by_device(tmp_path: Path) -> None:
    found = told_of(
        tmp_path,
        {"device": "NVIDIA H100", "seconds": "1800"},
        {"device": "cpu", "seconds": "3600"},
        {"device": "NVIDIA H100", "seconds": "5400"},
        {"device": "", "seconds": "no number"},
    )
    assert found.hours == pytest.approx({"NVIDIA H100": 2, "cpu": 1, "unknown": 0})
    assert found.told["device"] == {"NVIDIA H100": 2, "cpu": 1, "unknown": 1}


def test_several_versions_are_counted_the_most_frequent_first(tmp_path: Path) -> None:
    found = told_of(tmp_path, {"code_version": "0.1.0"}, {"code_version": "0.2.0"}, {"code_version": "0.2.0", "git": "abc dirty"})
    assert list(found.told["code_version"].items()) == [("0.2.0", 2), ("0.1.0", 1)]
    assert found.told["git"] == {"unknown": 2, "abc dirty": 1}
    assert list(found.told) == ["code_version", "git", "libraries", "python", "host", "device"]


def test_jobs_are_counted_once_and_no_job_is_none(tmp_path: Path) -> None:
    assert told_of(tmp_path, {"job": "7_1"}, {"job": "7_1"}, {"job": "7_2"}, {"job": ""}).jobs == 2


def test_settings_are_what_all_share_and_what_varies(tmp_path: Path) -> None:
    found = told_of(tmp_path, {"config": "first: 1"}, {"config": "second: 2"})
    assert found.varying == {"noise.seed": ["0", "1"]}
    assert found.common["noise.name"] == '"gaussian"'
    assert found.common["thresholds"] == "[0.25, 0.5]"
    assert found.config == "first: 1"


def test_values_are_in_order_and_a_setting_that_is_not_everywhere_varies() -> None:
    flats: list[dict[str, Any]] = [{"a": 10, "b": "é"}, {"a": 9, "b": "é"}, {"a": 9, "b": "é", "c": None}, {"b": "é", "d": [1]}]
    common, varying = compared(flats)
    assert common == {"b": '"é"', "c": "null"}
    assert varying == {"a": ["9", "10", "null"], "d": ["[1]", "null"]}


def test_damaged_files_are_replaced_or_not(tmp_path: Path) -> None:
    points = [settings(0.5, 0.1), settings(0.5, 0.2)]
    kept = []
    for point in points:
        path = put(tmp_path, point)
        damage(path)
        kept.append(set_aside(path).name)
    assert damaged(tmp_path / "no" / "thing") == []
    put(tmp_path, points[1])
    assert damaged(tmp_path / "shards") == sorted([Damaged(kept[0], False), Damaged(kept[1], True)], key=lambda file: file.name)
