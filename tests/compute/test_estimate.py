"""How long points will take: as their like took; else in proportion to their work."""

import pytest
import torch
from configured import LOADED
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.compute.cost import tap_by_tap
from pcsweep.compute.estimate import estimate
from pcsweep.compute.passes import Passes, passes_of
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import Plan, points_from
from pcsweep.study import shards
from pcsweep.study.folder import study_folder


@pytest.fixture
def points(tmp_path):
    """Points of these words, each beside `dataset.limit=2 timesteps=1`."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    same = [f"output_root={tmp_path}", "dataset.limit=2", "timesteps=1"]

    def planned(*words):
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            return points_from([compose("config", overrides=[*same, *each.split()]) for each in words], range(len(words)), LOADED)

    return planned


def finish(planned, seconds):
    metadata = {} if seconds is None else {"seconds": str(seconds)}
    shards.write(planned.point.shard_folder, planned.point.decisive(LOADED), {"timestep": []}, metadata)


def estimated(points, waiting, gpus=0, cores=1):
    found = estimate(Plan(points, tuple(waiting), len(points) - len(waiting), LOADED), gpus, cores)
    assert list(found.seconds) == [points[number].identity for number in waiting]
    return found


def test_points_take_as_long_as_most_of_their_like_took(points):
    planned = points(*(f"pcoder.beta=0.{n}" for n in range(1, 6)), "pcoder.lambda=0.95")  # the last is skipped
    for each, seconds in zip(planned, [1.0, 9.0, 2.0], strict=False):
        finish(each, seconds)
    found = estimated(planned, [3, 4])
    assert found.measured
    assert set(found.seconds.values()) == {2.0}
    assert found.of(list(found.seconds)) == 4.0


def test_another_kind_of_point_is_not_judged_by_them(points):
    planned = points("noise.sigma=0.1", "noise.sigma=0.4", "timesteps=2", "dataset.limit=3")
    finish(planned[0], 50.0)
    found = estimated(planned, [1, 2, 3])
    assert not found.measured
    measured, *assumed = found.seconds.values()
    assert measured == 50.0
    assert all(0 < seconds < 10 for seconds in assumed)
    for number in (2, 3):
        finish(planned[number], 50.0 + number)
    fresh = points("noise.sigma=0.2 timesteps=2", "noise.sigma=0.2 dataset.limit=3", "noise.sigma=0.2")
    again = estimated([*planned, *fresh], [4, 5, 6])
    assert again.measured
    assert list(again.seconds.values()) == [52.0, 53.0, 50.0]


def test_metrics_that_ask_the_network_again_are_another_kind_and_take_longer(points):
    words = ["", "metrics=[iou,insertion]", "metrics=[iou,insertion] faithfulness.steps=33", "metrics=[insertion,deletion]"]
    planned = points(*words, "metrics=[insertion] faithfulness.timesteps=[0]")
    usual, one, twice, two, at_0 = estimated(planned, range(5)).seconds.values()
    assert usual < at_0 < one
    assert twice - usual == pytest.approx(2 * (one - usual))
    assert two - usual == pytest.approx(2 * (one - usual))
    assert one - usual == pytest.approx(3 * (at_0 - usual))  # at t = 0 one timestep, at T = 1 two more
    finish(planned[0], 50.0)
    assert not estimated(planned, [1]).measured
    finish(planned[1], 60.0)
    assert list(estimated([*planned, *points("metrics=[iou,mass,insertion] noise.sigma=0.3")], [5]).seconds.values()) == [60.0]


def test_what_cannot_be_read_says_nothing(points):
    planned = points(*(f"pcoder.beta=0.{n}" for n in range(1, 6)))
    finish(planned[0], None)
    finish(planned[1], "soon")
    (planned[2].point.shard_folder / f"{planned[2].identity}.parquet").write_text("no shard")
    assert not estimated(planned, [4]).measured
    finish(planned[3], 7.0)
    assert estimated(planned, [4]).seconds == {planned[4].identity: 7.0}


def test_nothing_waiting_takes_no_time(points):
    planned = points("pcoder.beta=0.1")
    finish(planned[0], 3.0)
    found = estimated(planned, [])
    assert found.seconds == {}
    assert found.measured


def test_the_assumption_grows_with_the_work_and_falls_with_the_means(points):
    planned = points("timesteps=1", "timesteps=3", "timesteps=1 dataset.limit=4")
    one, more_steps, more_images = estimated(planned, [0, 1, 2]).seconds.values()
    assert more_steps == pytest.approx(2 * one)
    assert more_images == pytest.approx(2 * one)
    seconds = [
        estimated(planned[:1], [0], gpus, cores).of([planned[0].identity]) for gpus, cores in ((0, 1), (0, 8), (1, 1), (2, 1))
    ]
    assert seconds == sorted(seconds, reverse=True)
    assert len(set(seconds)) == 4
    assert estimated(planned[:1], [0], 1, 8).seconds == estimated(planned[:1], [0], 1, 1).seconds


def test_passes_of_the_head_that_an_attribution_takes_are_counted(points):
    plain, slow = points("attribution=hires_cam", "attribution=ablation_cam")
    head = tap_by_tap(LOADED.model(slow.point.model).network, torch.zeros(1, 3, 64, 64), slow.point.rule).head
    assert passes_of(plain.point, LOADED) == Passes(0, 0)
    assert passes_of(slow.point, LOADED) == Passes(65, 65 * head)  # 64 channels, and none taken away
    found = estimated([plain, slow], [0, 1])
    difference = found.seconds[slow.identity] - found.seconds[plain.identity]
    assert difference == pytest.approx(2 * 2 * 65 * head / 2e11)  # two images at t = 0 and 1


def test_another_attribution_is_another_kind(points):
    planned = points("attribution=hires_cam", "attribution=ablation_cam")
    finish(planned[0], 50.0)
    assert estimated(planned, [1]).seconds[planned[1].identity] < 10
