"""ImageNet-C's severities: what they set, in which space, beside what, and what points of old say of them."""

import json
from inspect import signature
from pathlib import Path

import pytest
import torch
from configured import LOADED, planned
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import function_of
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder

TABLE = {  # of Hendrycks and Dietterich (2019)
    "gaussian": ("sigma", [0.08, 0.12, 0.18, 0.26, 0.38]),
    "shot": ("c", [60, 25, 12, 5, 3]),
    "impulse": ("share", [0.03, 0.06, 0.09, 0.17, 0.27]),
    "salt_and_pepper": ("share", [0.03, 0.06, 0.09, 0.17, 0.27]),
    "speckle": ("sigma", [0.15, 0.2, 0.35, 0.45, 0.6]),
    "blur": ("sigma", [1, 2, 3, 4, 6]),
    "contrast": ("factor", [0.4, 0.3, 0.2, 0.1, 0.05]),
    "jpeg": ("quality", [25, 18, 15, 10, 7]),
}
DRAWING = ["gaussian", "shot", "impulse", "salt_and_pepper", "speckle"]


def configured(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("config", overrides=["dataset.limit=3", "timesteps=1", *words])


def point(*words):
    return point_from(configured(*words), LOADED)


def distances(name):
    """Mean squared change of the images of a point, severity by severity."""
    found = []
    for severity in range(1, 6):
        of = point(f"noise={name}", f"noise.severity={severity}")
        model, images = LOADED.model(of.model), LOADED.dataset(of.dataset)
        samples = [images[index] for index in of.selection(LOADED)]
        changes = [(model.denormalize(of.corrupt(sample, model)) - sample.image).square().mean() for sample in samples]
        found.append(torch.stack(changes).mean().item())
    return found


@pytest.mark.parametrize("name", TABLE)
def test_a_severity_sets_the_parameter_on_clipped_pixels_and_is_part_of_the_identity(name):
    key, values = TABLE[name]
    for severity, value in enumerate(values, start=1):
        settings = planned(configured(f"noise={name}", f"noise.severity={severity}")).settings["noise"]
        assert settings[key] == value
        assert settings["severity"] == severity
        assert settings["space"] == "pixel"
        assert settings["clip"] is (name != "salt_and_pepper")  # of which nothing lies outside
        assert "per_timestep" not in settings


@pytest.mark.parametrize("name", TABLE)
def test_more_severe_is_further_from_the_image(name):
    found = distances(name)
    assert found == sorted(found)
    assert found[0] < found[-1]


@pytest.mark.parametrize("name", TABLE)
def test_the_yaml_and_the_signature_have_one_default(name):
    key, _ = TABLE[name]
    yaml = OmegaConf.load(Path(conf_folder()) / "noise" / f"{name}.yaml")
    function, _ = function_of("noise", yaml["_target_"])
    assert yaml[key] == signature(function).parameters[key].default


def test_without_a_severity_a_point_is_what_it_was():
    settings = planned(configured("noise.sigma=0.3")).settings["noise"]
    assert json.dumps(settings, sort_keys=True) == json.dumps(
        {"clip": False, "name": "gaussian", "seed": 0, "sigma": 0.3, "space": "normalized"}
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["noise.sigma=0.3", "noise.severity=3"],
            "or `noise.severity`, not both, but got sigma=0.3 and severity=3, .*=0.18",
        ),
        (["noise=shot", "noise.c=25", "noise.severity=5"], "`noise.c` or `noise.severity`, not both, .* which is c=3"),
        (["noise.severity=6"], "`noise.severity` to be less than or equal to 5, but got 6"),
        (["noise.severity=0"], "`noise.severity` to be greater than or equal to 1, but got 0"),
        (["noise.severity=1", "noise.space=normalized"], "`noise.space` to be pixel with `noise.severity`"),
        (["noise=none", "+noise.severity=1"], "`noise.severity` to be null, since the noise none has no severities, but got 1"),
        (["noise.sigma=null"], "`noise.sigma` to be a valid number, but got null"),
        (["noise=shot", "noise.space=normalized"], "`noise.space` to be pixel, since this noise is defined on values in"),
        (["noise=impulse", "noise.space=normalized"], "`noise.space` to be pixel, since"),
        (["noise=speckle", "noise.space=normalized"], "`noise.space` to be pixel, since"),
        (["noise=jpeg", "noise.space=normalized"], "`noise.space` to be pixel, since"),
        (["noise=jpeg", "noise.quality=0"], "`noise.quality` to be greater than or equal to 1, but got 0"),
        (["noise=shot", "noise.c=0"], "`noise.c` to be greater than 0, but got 0"),
        (["noise=impulse", "noise.share=1.2"], "`noise.share` to be less than or equal to 1, but got 1.2"),
        (["noise=blur", "noise.sigma=0"], "`noise.sigma` to be greater than 0"),
        (["noise=shot", "+noise.lam=3"], "Unknown setting `noise.lam`. Valid ones: `noise.c`.*`noise.severity`"),
    ],
)
def test_what_contradicts_itself_or_means_nothing_is_refused(words, said):
    with pytest.raises(BadSetting, match=said):
        point(*words)


def test_the_same_value_and_the_yamls_may_stand_beside_a_severity():
    alike = [
        point("noise.sigma=0.18", "noise.severity=3"),
        point("noise.sigma=null", "noise.severity=3"),
        point("noise.severity=3"),
    ]
    assert len({str(each.noise.arguments) for each in alike}) == 1
    assert point("noise=shot", "noise.severity=4").label.endswith("shot c=5.0 severity=4")
    assert "space" not in point("noise=salt_and_pepper").label


def test_salt_and_pepper_works_after_normalisation_and_spaces_differ():
    of = {space: point("noise=salt_and_pepper", "noise.share=0.3", f"noise.space={space}") for space in ("pixel", "normalized")}
    model, sample = LOADED.model(of["pixel"].model), LOADED.first_sample(of["pixel"].dataset, 3, 0)
    clean = model.normalize(sample.image)
    noisy = {space: each.corrupt(sample, model) for space, each in of.items()}
    assert noisy["normalized"].max() == clean.max()
    assert noisy["normalized"].min() == clean.min()
    assert model.denormalize(noisy["pixel"]).max().item() == pytest.approx(1, abs=1e-6)
    hit = {space: (each != clean).any(0) for space, each in noisy.items()}
    assert (hit["normalized"] & ~hit["pixel"]).sum() < 0.02 * clean[0].numel()  # the same pixels; some are extreme themselves


@pytest.mark.parametrize("name", DRAWING)
def test_an_images_noise_is_its_own_and_the_same_again(name):
    of = point(f"noise={name}", "noise.severity=3")
    other_seed = point(f"noise={name}", "noise.severity=3", "noise.seed=1")
    model, images = LOADED.model(of.model), LOADED.dataset(of.dataset)
    first = images[0]
    noisy = of.corrupt(first, model)
    of.corrupt(images[1], model)
    assert torch.equal(of.corrupt(first, model), noisy)
    assert not torch.equal(other_seed.corrupt(first, model), noisy)
