"""Adebayo's test on the embedded network: which attributions ask what its head has learned."""

import pytest
from configured import compute, planned
from hydra import compose, initialize_config_dir

from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.sanity import DEPENDS, UNCHANGED
from pcsweep.grid.entry import conf_folder
from pcsweep.study import shards

ASKING, BLIND = ("grad_cam", "hires_cam"), "eigen_cam"


def config(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        given = ["dataset.limit=40", "timesteps=1", "noise.sigma=0.1", "metrics=[iou]", "maps=all"]
        return compose("config", overrides=[*given, *words])


def shard_of(attribution, how):
    return shards.read(planned(config(f"attribution={attribution}", f"model.randomized={how}")).shard)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("study"))
        for how in ("null", "head", "1"):
            for attribution in (*ASKING, BLIND):
                compute(config(f"attribution={attribution}", f"model.randomized={how}"))
        yield aggregate(planned(config()).folder, 500, 9).sanity


def test_maps_that_ask_for_a_class_change_with_the_head(table):
    rows = [row for row in table.to_pylist() if row["attribution.name"] in ASKING and row["depth"]]
    assert len(rows) == 2 * 2 * 2  # attributions, depths, timesteps
    assert {row["verdict"] for row in rows} == {DEPENDS}
    assert all(row["iou_difference_high"] < 0 for row in rows)
    assert all(row["rank_correlation_n"] + row["rank_correlation_nan"] == 40 for row in rows)


def test_eigen_cam_does_not_change_with_the_head_and_does_with_a_stage(table):
    rows = [row for row in table.to_pylist() if row["attribution.name"] == BLIND]
    with_head, with_stage = ([row for row in rows if row["depth"] == depth] for depth in (1, 2))
    assert {row["verdict"] for row in with_head} == {UNCHANGED}
    for row in with_head:
        assert row["rank_correlation"] == row["rank_correlation_low"] == row["rank_correlation_high"] == 1
        assert (row["rank_correlation_n"], row["iou_difference"]) == (40, 0)
    assert all(row["rank_correlation_high"] < 1 for row in with_stage)


def test_with_the_head_alone_drawn_anew_the_map_without_a_class_is_the_same_to_the_bit_at_every_t(table):
    plain, head = (shard_of(BLIND, how).table for how in ("null", "head"))
    assert plain["map"].equals(head["map"])
    assert not plain["target_logit"].equals(head["target_logit"])
