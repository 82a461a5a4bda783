"""What a shard says of its own cost."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from configured import LOADED, planned
from hydra import compose, initialize_config_dir

from pcsweep.compute import account, run
from pcsweep.grid.entry import conf_folder
from pcsweep.study import shards
from pcsweep.study.spent import PHASES, Spent, spent_of

GIB = 2**30


@pytest.fixture
def points(tmp_path: Path) -> Callable[..., list[Any]]:
    always = [f"output_root={tmp_path}", "dataset.limit=6", "timesteps=2"]

    def made(*words: str) -> list[Any]:
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            return [planned(compose("config", overrides=[*always, *words, f"pcoder.beta={beta}"])) for beta in (0.2, 0.4, 0.6)]

    return made


def told(pack: list[Any]) -> list[Spent]:
    found = [spent_of(shards.metadata(each.shard)) for each in pack]
    assert all(found)
    return [each for each in found if each]


def test_a_packs_seconds_are_divided_among_its_points(points: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "16384")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    pack, before = points("batch_size=8"), datetime.now(UTC)
    run.run_pack(pack, LOADED)
    after, found = datetime.now(UTC), told(pack)
    for number, each in enumerate(found):
        assert (each.points, each.rows, each.batch_size, each.task, each.memory_asked) == (3, 8, 8, "12_3", 16 * GIB)
        assert before <= each.started <= each.ended <= after
        assert each.threads == torch.get_num_threads()
        assert {"dynamics", "attribution", "metrics", "noise", "other"} <= set(each.seconds) <= set(PHASES)
        assert ("writing" in each.seconds) == (number > 0)
        assert 0 < each.memory < each.memory_limit
        assert (each.gpu_memory, each.gpu_limit) == (None, None)
        own = {phase: seconds for phase, seconds in each.seconds.items() if phase != "writing"}
        assert 3 * sum(own.values()) <= (each.ended - each.started).total_seconds() + 0.01
        assert own["dynamics"] == found[0].seconds["dynamics"] > 0
    measured = float(shards.metadata(pack[0].shard)["seconds"])
    assert found[0].total - found[0].seconds.get("loading", 0) == pytest.approx(measured, abs=0.15)
    assert found[0].ended < found[1].ended < found[2].ended


def test_a_point_alone_says_its_cost_too(points: Callable[..., list[Any]]) -> None:
    first = points()[0]
    run.run(first, LOADED)
    (each,) = told([first])
    assert (each.points, each.batch_size) == (1, "auto")
    assert "writing" not in each.seconds
    assert each.rows % 8 == 0


def test_metrics_that_ask_the_network_take_its_time(points: Callable[..., list[Any]]) -> None:
    pack = points("metrics=[iou,insertion,deletion]")[:1]
    run.run_pack(pack, LOADED)
    (each,) = told(pack)
    assert each.seconds["metrics"] > each.seconds["attribution"]
    assert each.seconds["metrics"] > 0.5 * each.seconds["dynamics"]


def test_on_a_gpu_its_memory_is_told(points: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    point = points("dataset.cache=somewhere")[0].point
    called: list[str] = []
    monkeypatch.setattr(torch.cuda, "init", lambda: called.append("init"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: called.append(str(device)))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3 * GIB)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: type("Properties", (), {"total_memory": 80 * GIB}))
    found = account.Account("cuda:1", 2).spent(point, 16, 0)
    assert called == ["init", "cuda:1"]
    assert (found.gpu_memory, found.gpu_limit, found.rows, found.cached) == (3 * GIB, 80 * GIB, 16, True)
