"""Maps and metrics at every pcoder: `attribution.layer=all`."""

from functools import partial

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from configured import LOADED, compute
from hydra import compose, initialize_config_dir
from stored import all_shards
from torch import nn

from pcsweep.attribution.every_layer import at_every_layer, attributed_at
from pcsweep.attribution.grad_cam import grad_cam, weighted
from pcsweep.attribution.hires_cam import hires_cam
from pcsweep.attribution.scene import Scene
from pcsweep.config.errors import BadSetting
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.measure.batch import batch
from pcsweep.measure.layers import maps_at_layers
from pcsweep.measure.measurement import Measurement
from pcsweep.metric.iou import iou
from pcsweep.metric.saliency import scaled
from pcsweep.model.pminivgg import pminivgg
from pcsweep.network.engine.run import ROWS
from pcsweep.pcoder import rules
from pcsweep.study import shards

MOVING, OTHER, CONTROL = [(0.6, 0.2, 0.01)] * 4, [(0.4, 0.0, 0.0)] * 4, [(1.0, 0.0, 0.0)] * 4


@pytest.fixture(scope="module")
def model():
    made = pminivgg()
    made.network.requires_grad_(False)
    return made


@pytest.fixture(scope="module")
def samples():
    images = Shapes(count=ROWS + 3)
    return [images[index] for index in range(len(images))]


def noisy(sample, model):
    generator = torch.Generator().manual_seed(sample.class_index)
    return model.normalize(sample.image + 0.3 * torch.randn(sample.image.shape, generator=generator))


def attribute(scene):
    if isinstance(scene, Scene):
        return grad_cam(scene.head, scene.representation, scene.target)
    return attributed_at(scene, grad_cam, {"layer": "all"})


def measured(model, samples, points, rule="predictive_coding", **changed):
    how = {
        "model": model,
        "rule": rules()[rule],
        "points": points,
        "attribution": attribute,
        "target": "label",
        "timesteps": 2,
        "threshold": 0.5,
        "thresholds": (0.25,),
        "metrics": ["iou", "mass"],
        "precision": "fp32",
        "rows": 16,
        "every_layer": True,
    }
    return Measurement(**how | changed).of(batch(samples, partial(noisy, model=model)))


def same(one, other):
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert np.array_equal(values, other[name], equal_nan=values.dtype.kind == "f"), name


def test_at_the_start_each_is_captums_grad_cam_of_the_whole_network_at_that_module(model, samples):
    backbone = nn.Sequential(*model.network.stages, model.network.head)
    images = batch(samples[:ROWS], partial(noisy, model=model)).noisy
    target = torch.tensor([sample.class_index for sample in samples[:ROWS]])
    (moment,) = model.network.moments(images, rules()["predictive_coding"], [MOVING], 0, 16)
    found = maps_at_layers(model.network, moment, target, images, attribute)
    for n, maps in enumerate(found):
        cam = LayerGradCam(backbone, backbone[n]).attribute(images.requires_grad_(), target, relu_attributions=True)
        torch.testing.assert_close(maps, cam.detach().squeeze(1), rtol=1e-4, atol=1e-6)
    assert [len({tuple(each.shape[1:]) for each in found}), len(found)] == [4, 4]


def test_the_metric_of_each_layer_is_that_of_its_own_map(model, samples):
    (columns,) = measured(model, samples[:ROWS], [MOVING], timesteps=0)
    images = batch(samples[:ROWS], partial(noisy, model=model)).noisy
    target = torch.tensor([sample.class_index for sample in samples[:ROWS]])
    (moment,) = model.network.moments(images, rules()["predictive_coding"], [MOVING], 0, 16)
    mask, ignore = (torch.stack([getattr(sample, name) for sample in samples[:ROWS]]) for name in ("mask", "ignore"))
    for n, maps in enumerate(maps_at_layers(model.network, moment, target, images, attribute)):
        expected = iou(scaled(maps, (64, 64)), mask, ignore, 0.5)
        np.testing.assert_array_equal(columns["iou_n"][:, n], expected.numpy())


@pytest.mark.parametrize(("rule", "point"), [("predictive_coding", MOVING), ("adaptation", [(0.5, 0.3)] * 4)])
def test_the_last_is_what_is_measured_at_the_last_pcoder_alone(model, samples, rule, point):
    (everywhere,), (alone,) = (measured(model, samples, [point], rule, every_layer=each) for each in (True, False))
    for name in ("iou", "mass"):
        np.testing.assert_allclose(everywhere[name], alone[name], rtol=1e-5, atol=1e-6)
        assert np.array_equal(everywhere[f"{name}_n"][:, -1], everywhere[name], equal_nan=True)
        assert everywhere[f"{name}_n"].shape == (len(samples) * 3, 4)
    assert not [name for name in alone if name.endswith("_n")]


def test_a_result_depends_on_neither_its_pack_nor_its_batch(model, samples):
    pack = measured(model, samples, [MOVING, CONTROL, OTHER])
    for point, columns in zip((MOVING, CONTROL, OTHER), pack, strict=True):
        same(measured(model, samples, [point])[0], columns)
    (few,) = measured(model, samples[2:5], [MOVING])
    for name, values in few.items():
        rows = slice(2 * 3, 5 * 3)
        assert np.array_equal(values, pack[0][name][rows], equal_nan=values.dtype.kind == "f"), name


def test_the_control_stays_where_it_was_at_every_layer(model, samples):
    for point in (CONTROL, OTHER):
        (columns,) = measured(model, samples, [point])
        found = columns["iou_n"].reshape(len(samples), 3, 4)  # (images, timesteps, layers)
        assert np.isfinite(found).any(axis=(0, 1)).all()
        np.testing.assert_allclose(found, np.repeat(found[:, :1], 3, axis=1), atol=2e-3)


def test_where_nothing_reaches_the_logits_within_a_timestep_the_map_is_undefined(model, samples):
    (columns,) = measured(model, samples, [[*[(0.6, 0.2, 0.0)] * 3, (0.0, 0.0, 0.0)]])
    found = columns["iou_n"].reshape(len(samples), 3, 4)
    assert np.isnan(found[:, 1:, :3]).all()
    assert not np.isnan(found[:, 0]).all()
    assert not np.isnan(found[:, :, 3]).all()


def test_an_attribution_that_asks_for_the_one_head_is_refused_at_every_layer():
    def own(head, representation, target):
        return representation.sum(1)

    with pytest.raises(ValueError, match=r"attribution.layer=all\) to ask for activation, .*, but own asks for 'head'"):
        at_every_layer(own)


def test_the_formula_from_the_gradient_is_used_where_a_file_has_one():
    assert at_every_layer(grad_cam) is weighted
    assert at_every_layer(hires_cam) is hires_cam


@pytest.fixture
def config(tmp_path):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield lambda *words: compose("config", overrides=["dataset.limit=4", "timesteps=1", f"output_root={tmp_path}", *words])


def test_a_shard_of_every_layer_is_another_point_with_further_columns(config, tmp_path):
    compute(config("attribution.layer=all", "noise.sigma=0.4"))
    (shard,) = all_shards(tmp_path / "default/shards")
    assert shard.settings["attribution"] == {"name": "grad_cam", "layer": "all"}
    assert {"iou_n", "mass_n", "pointing_n", "rank_n"} <= set(shard.table.column_names)
    assert [len(each) for each in shard.table["iou_n"].to_pylist()] == [4] * 8
    assert shards.identity(point_from(config("noise.sigma=0.4"), LOADED).decisive(LOADED)) != shard.path.stem


@pytest.mark.parametrize("name", ["hires_cam", "eigen_cam", "ablation_cam"])
def test_other_attributions_are_taken_at_every_layer_as_well(config, tmp_path, name):
    compute(config(f"attribution={name}", "attribution.layer=all"))
    (shard,) = all_shards(tmp_path / "default/shards")
    found = np.stack(shard.table["iou_n"].to_pylist())
    assert found.shape == (8, 4)
    assert np.isfinite(found).any(axis=0).all()


def test_a_layer_that_is_none_is_answered_with_all_of_them(config):
    with pytest.raises(BadSetting, match="Expected `layer` to be null, all or one of the head's modules"):
        point_from(config("attribution.layer=al"), LOADED)
