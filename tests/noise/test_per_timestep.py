"""Noise that is drawn anew at every timestep: the control of what averaging over time alone recovers."""

import numpy as np
import pytest
import torch
from configured import LOADED, compute, planned
from hydra import compose, initialize_config_dir
from reference import trajectory

from pcsweep.compute.again import recomputed, reconstructions
from pcsweep.config.errors import BadSetting
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.noise import generator_for
from pcsweep.study import shards

ANEW = "noise.per_timestep=true"


@pytest.fixture
def configured(tmp_path):
    def of(*words):
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            return compose("config", overrides=["dataset.limit=3", "timesteps=2", f"output_root={tmp_path}", *words])

    return of


def measured(config):
    compute(config)
    return shards.read(planned(config).shard).table


def test_each_timestep_has_its_draw_and_the_first_is_the_one_without(configured):
    of, once = (point_from(configured(*words), LOADED) for words in ([ANEW], []))
    model, images = LOADED.model(of.model), LOADED.dataset(of.dataset)
    samples = [images[index] for index in of.selection(LOADED)]
    given, still = of.batch(samples, model), once.batch(samples, model)
    stimulus = given.stimulus(torch.device("cpu"))
    assert torch.equal(stimulus.at(0), still.noisy)
    assert still.stimulus(torch.device("cpu")).stays
    drawn = {t: stimulus.at(t) for t in (2, 0, 1)}
    assert not torch.equal(drawn[1], drawn[0])
    assert not torch.equal(drawn[1], drawn[2])
    (alone,) = [of.batch(samples[1:2], model)]
    for t, noisy in drawn.items():
        assert torch.equal(alone.stimulus(torch.device("cpu")).at(t)[0], noisy[1])  # whatever company it is in
        assert torch.equal(noisy[len(samples) :], noisy[len(samples) - 1 : len(samples)].expand_as(noisy[len(samples) :]))


def test_a_timesteps_generator_is_no_other_images_or_seeds():
    names = [("a", 0, 0), ("a", 0, 1), ("a", 0, 2), ("a", 1, 1), ("b", 0, 1), ("1", 0, 0), ("0:a", 0, 0), ("a:1", 0, 0)]
    first = {torch.rand(1, generator=generator_for(*name)).item() for name in names}
    assert len(first) == len(names)


@pytest.mark.parametrize("rule", [["pcoder.beta=0.6", "pcoder.lambda=0.2"], ["pcoder=adaptation"]])
def test_a_point_has_its_own_identity_and_rows_of_t_0_are_those_of_one_draw(configured, rule):
    one, many = measured(configured(*rule)), measured(configured(*rule, ANEW))
    settings = [planned(configured(*rule, *words)).settings["noise"] for words in ([], ["noise.per_timestep=false"], [ANEW])]
    assert settings[0] == settings[1]
    assert settings[2] == {**settings[0], "per_timestep": True}
    t = np.asarray(one["timestep"])
    logits = [np.asarray(table["target_logit"]) for table in (one, many)]
    np.testing.assert_array_equal(logits[0][t == 0], logits[1][t == 0])
    assert (logits[0][t > 0] != logits[1][t > 0]).all()


def test_what_is_measured_is_that_of_the_equations(configured):
    words = ["pcoder.beta=0.6", "pcoder.lambda=0.2", "pcoder.alpha=0.02", "noise=shot", ANEW]
    point = point_from(configured(*words), LOADED)
    table = measured(configured(*words))
    model, images = LOADED.model(point.model), LOADED.dataset(point.dataset)
    network = model.network.cpu()
    for index in point.selection(LOADED):
        sample = images[index]
        over_time = [point.corrupt(sample, model, t)[None] for t in range(3)]
        expected = trajectory(network.stages, network.predictors, network.sqrt_cs, point.rules, network.head, over_time, 2)
        rows = table.filter(np.asarray(table["image_id"]) == sample.image_id)
        for t, (_, logits) in enumerate(expected):
            found = rows.filter(np.asarray(rows["timestep"]) == t)["target_logit"][0].as_py()
            assert found == pytest.approx(logits[0, sample.class_index].item(), abs=1e-4)


def test_batches_and_packs_change_nothing_to_the_bit(configured, tmp_path):
    from pcsweep.compute.run import run_pack

    tables = []
    for batch, folder in ((8, "small"), (64, "large")):
        words = [ANEW, f"batch_size={batch}", f"output_root={tmp_path / folder}", "dataset.limit=17"]
        pack = [planned(configured(*words, f"pcoder.beta={beta}")) for beta in (0.5, 0.7)]
        if batch == 64:
            assert run_pack(pack, LOADED) == [0, 1]
        else:
            for each in pack:
                run_pack([each], LOADED)
        tables.append([shards.read(each.shard).table for each in pack])
    for small, large in zip(*tables, strict=True):
        assert small.equals(large)


def test_maps_are_drawn_again_as_they_were(configured):
    config = configured(ANEW, "pcoder.beta=0.6")
    table, point = measured(config), planned(config).point
    image_id = table["image_id"][0].as_py()
    (exhibit,) = recomputed(point, [image_id], LOADED)
    assert [exhibit.iou[t] for t in range(3)] == pytest.approx(table["iou"].to_pylist()[:3], abs=1e-6)
    assert len(reconstructions(point, image_id, LOADED)) == 3


@pytest.mark.parametrize("name", ["blur", "contrast", "jpeg", "none"])
def test_what_draws_nothing_is_refused(configured, name):
    with pytest.raises(BadSetting, match=f"`noise.per_timestep` to be false, since the noise pcsweep.noise.{name}.* draws"):
        point_from(configured(f"noise={name}", f"++{ANEW}"), LOADED)


def test_a_feedforward_cell_is_no_fixed_point():
    from pcsweep.study.axes import is_fixed

    pcoder = {"active": [1, 2], "beta": [1.0, 1.0], "lambda": [0.0, 0.0], "alpha": [0.0, 0.0]}
    assert is_fixed({"noise": {"name": "gaussian", "sigma": 0.2}, "pcoder": pcoder})
    assert not is_fixed({"noise": {"name": "gaussian", "sigma": 0.2, "per_timestep": True}, "pcoder": pcoder})
