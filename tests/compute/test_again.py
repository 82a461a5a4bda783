"""Images computed anew are those of the shard to the bit, and the reconstructions those of the first predictor."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from configured import LOADED, compute
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file, save_file
from torch import nn

import pcsweep.model
from pcsweep.compute.again import at_every_layer, point_of, recomputed, reconstructions
from pcsweep.config.errors import BadSetting
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.loaded import Loaded
from pcsweep.measure import png
from pcsweep.measure.exhibit import exhibition
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.study import shards

WEIGHTS = Path(pcsweep.model.__file__).with_name("pminivgg.safetensors")


def composed(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("config", overrides=["timesteps=3", "dataset.limit=10", "pictures=10", *words])


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A function from words of the command line to the point's shard and the point."""
    root = tmp_path_factory.mktemp("study")
    known = {}

    def measure(*words):
        if words not in known:
            config = composed(*words, f"output_root={root}", f"study=s{len(known)}")
            compute(config)
            point = point_from(config, LOADED)
            known[words] = shards.read(shards.place(point.shard_folder, shards.identity(point.decisive(LOADED)))), point
        return known[words]

    return measure


def assert_same(exhibit, other):
    assert (exhibit.image_id, exhibit.category) == (other.image_id, other.category)
    for name in ("image", "noisy", "mask", "ignore"):
        np.testing.assert_array_equal(getattr(exhibit, name), getattr(other, name))
    np.testing.assert_equal(exhibit.saliency, other.saliency)
    np.testing.assert_equal(exhibit.iou, other.iou)


@pytest.mark.parametrize(
    "words",
    [
        ("noise.sigma=0.6", "pcoder.beta=0.4", "pcoder.lambda=0.5"),
        ("precision=bf16",),
        ("attribution.target=predicted_at_0", "noise.sigma=2", "noise.space=pixel", "noise.clip=true"),
        ("pcoder.active=[2]", "metrics=[iou]"),
    ],
    ids=["feedback", "bf16", "predicted target", "one pcoder"],
)
def test_computed_anew_all_is_as_the_shard_has_it_in_any_order(measured, words):
    shard, point = measured(*words)
    kept = exhibition(shard.path).exhibits
    assert len(kept) == 10  # more than are computed at once
    backwards = [exhibit.image_id for exhibit in reversed(kept)]
    found = recomputed(point, backwards, LOADED)
    assert [exhibit.image_id for exhibit in found] == backwards
    for exhibit, other in zip(found, reversed(kept), strict=True):
        assert_same(exhibit, other)
    (alone,) = recomputed(point_of(shard, LOADED), backwards[:1], LOADED)
    assert_same(alone, kept[-1])


def test_no_image_is_no_exhibit(measured):
    assert recomputed(measured("noise=none")[1], [], LOADED) == []


def test_where_no_iou_is_asked_for_there_is_none():
    point = point_from(composed("metrics=[pointing]"), LOADED)
    (exhibit,) = recomputed(point, ["test-000004"], LOADED)
    assert exhibit.iou == {0: None, 1: None, 2: None, 3: None}
    assert list(exhibit.saliency) == [0, 1, 2, 3]


def test_an_image_outside_the_selection_is_found(measured):
    _, point = measured("noise=none")
    image_ids = LOADED.dataset(point.dataset).image_ids
    outside = next(index for index in range(len(image_ids)) if index not in point.selection(LOADED))
    (exhibit,) = recomputed(point, [image_ids[outside]], LOADED)
    assert exhibit.image_id == image_ids[outside]
    np.testing.assert_array_equal(exhibit.noisy, exhibit.image)  # without noise


def test_an_unknown_image_and_a_skipped_point_are_refused(measured):
    _, point = measured("noise=none")
    with pytest.raises(BadSetting, match="Expected images of shapes, but got 'test-999999'"):
        recomputed(point, ["test-000001", "test-999999"], LOADED)
    skipped = point_from(composed("pcoder.beta=0.9", "pcoder.lambda=0.9"), LOADED)
    for draw in (lambda: recomputed(skipped, ["test-000001"], LOADED), lambda: reconstructions(skipped, "test-000001", LOADED)):
        with pytest.raises(BadSetting, match="Expected coefficients without β . λ > 1, .* but got β=0.9 λ=0.9"):
            draw()


def test_a_reconstruction_is_the_first_predictor_of_the_first_representation():
    point = point_from(composed("noise.sigma=0.5", "pcoder.beta=0.3", "pcoder.lambda=0.4"), LOADED)
    dataset, model = LOADED.dataset(point.dataset), LOADED.model(point.model)
    noisy = point.corrupt(dataset[3], model)
    found = reconstructions(point, dataset.image_ids[3], LOADED)
    assert len(found) == 4
    states = model.network.unroll(noisy[None], point.rules, 3)
    for state, reconstruction in zip(states, found, strict=True):
        with torch.no_grad():
            expected = model.network.predictors[0](state.representations[0])[0]
        assert reconstruction.error == pytest.approx((expected - noisy).square().mean().item(), rel=1e-4)
        picture = png.pixels(png.of_image(model.denormalize(expected.detach())))
        assert np.abs(picture.astype(int) - reconstruction.image).max() <= 1  # rounding


def test_without_feedback_and_error_the_reconstruction_stays():
    point = point_from(composed("pcoder.beta=1", "pcoder.lambda=0", "pcoder.alpha=0"), LOADED)
    first, *later = reconstructions(point, "test-000004", LOADED)
    for reconstruction in later:
        np.testing.assert_array_equal(reconstruction.image, first.image)
        assert reconstruction.error == first.error > 0


def test_a_predictor_that_undoes_its_stage_reconstructs_the_noisy_image():
    point = point_from(composed("noise.sigma=0.5"), LOADED)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10))
    network = PredictiveNetwork(nn.Sequential(OrderedDict(stage=nn.Identity(), head=head)), [PCoder("stage", nn.Identity())])
    loaded = Loaded()
    loaded.model = lambda choice: replace(LOADED.model(choice), network=network)
    point = replace(point, active=(1,), asked=((0.5, 0.0, 0.1),))
    (exhibit,) = recomputed(point, ["test-000004"], loaded)
    for reconstruction in reconstructions(point, "test-000004", loaded):
        np.testing.assert_array_equal(reconstruction.image, exhibit.noisy)
        assert reconstruction.error == 0


def with_config(shard, text):
    return replace(shard, metadata={**shard.metadata, "config": text})


def test_a_shard_says_which_point_it_is_of(measured):
    shard, point = measured("noise.sigma=0.6", "pcoder.beta=0.4", "pcoder.lambda=0.5")
    found = point_of(shard, LOADED)
    assert found == point
    elsewhere = shard.metadata["config"].replace("device: auto", "device: cuda:99")
    assert elsewhere != shard.metadata["config"]
    assert point_of(with_config(shard, elsewhere), LOADED).settings.device == "auto"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "][", "The configuration of shard [0-9a-f]{12} cannot be used here: "),
        (lambda text: "- 1", "cannot be used here: it is no mapping"),
        (lambda text: text.replace("\nnoise:", "\nnoises:"), "cannot be used here: Expected a choice of `noise`"),
        (
            lambda text: text.replace("pcsweep.noise.gaussian.gaussian", "os.system"),
            "cannot be used here: Expected `noise._target_`",
        ),
        (lambda text: text.replace("sigma: 0.6", "sigma: 0.7"), "have changed since .*different now: `noise.sigma`"),
        (lambda text: text.replace("sigma: 0.6", "sigma: ${oc.env:HOME}"), "Expected `noise.sigma` .* but got '..oc.env:HOME.'"),
    ],
    ids=["no YAML", "a list", "a group missing", "a foreign target", "another value", "an interpolation"],
)
def test_a_configuration_that_is_not_the_shards_is_refused(measured, change, message):
    shard, _ = measured("noise.sigma=0.6", "pcoder.beta=0.4", "pcoder.lambda=0.5")
    with pytest.raises(BadSetting, match=message):
        point_of(with_config(shard, change(shard.metadata["config"])), LOADED)


def test_a_shard_without_configuration_is_refused(measured):
    shard, _ = measured("noise.sigma=0.6", "pcoder.beta=0.4", "pcoder.lambda=0.5")
    metadata = {key: text for key, text in shard.metadata.items() if key != "config"}
    with pytest.raises(BadSetting, match="cannot be used here: it has no `config`"):
        point_of(replace(shard, metadata=metadata), LOADED)


def test_weights_that_are_others_now_or_gone_are_said(measured, tmp_path):
    path = tmp_path / "weights.safetensors"
    tensors = load_file(WEIGHTS)
    save_file(tensors, path)
    shard, _ = measured(f"model.weights={path}", "noise.sigma=0.1")
    save_file({name: (tensor * 1.5).to(tensor.dtype) for name, tensor in tensors.items()}, path)
    with pytest.raises(
        BadSetting, match="weights or images of shard .* have changed .*`model.weights_sha256`.*compute its point anew"
    ):
        point_of(shard, Loaded())
    path.unlink()
    with pytest.raises(BadSetting, match="cannot be used here: .*weights.safetensors"):
        point_of(shard, Loaded())


@pytest.mark.parametrize("target", ["label", "predicted", "predicted_at_0"])
def test_at_every_pcoder_the_maps_have_the_shards_iou(measured, target):
    shard, point = measured("noise.sigma=0.5", "attribution.layer=all", f"attribution.target={target}")
    first = shard.table["image_id"][0].as_py()
    (exhibit,) = recomputed(point, [first], LOADED)
    found = at_every_layer(point, exhibit, LOADED)
    rows = {row["timestep"]: row for row in shard.table.to_pylist() if row["image_id"] == first}
    for t in range(4):
        drawn = [layer.iou[t] for layer in found]
        np.testing.assert_allclose(drawn, rows[t]["iou_n"], atol=1e-6)
        assert exhibit.iou[t] == pytest.approx(found[-1].iou[t], abs=1e-6)
        np.testing.assert_allclose(exhibit.saliency[t], found[-1].saliency[t], atol=1e-5)


def test_without_them_there_are_no_maps_of_other_pcoders(measured):
    shard, point = measured("pcoder.active=[2]", "metrics=[iou]")
    (exhibit,) = recomputed(point, [shard.table["image_id"][0].as_py()], LOADED)
    assert at_every_layer(point, exhibit, LOADED) == []
