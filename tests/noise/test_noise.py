"""Noise: which space, how much, and the same for the same image wherever it is computed."""

import importlib
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

import pcsweep.noise
from pcsweep.config.schema import choose
from pcsweep.model import Model, Preprocessing
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.noise import corrupt, generator_for
from pcsweep.noise.gaussian import gaussian
from pcsweep.noise.none import none

KEYS = ("space", "clip", "seed", "severity", "per_timestep")  # of every noise
CONF = Path(__file__).parents[2] / "conf"
IMAGE = torch.full((3, 64, 64), 0.5)
_network = PredictiveNetwork(nn.Sequential(nn.Conv2d(3, 2, 1)), [PCoder("0", nn.ConvTranspose2d(2, 3, 1))])
MODEL = Model(_network, mean=(0.5, 0.4, 0.3), std=(0.25, 0.5, 0.2), class_names=(), preprocessing=Preprocessing(64, 64))


def by(sigma):
    return lambda image, generator: gaussian(image, generator, sigma=sigma)


def test_every_noise_file_has_a_yaml_that_chooses_it():
    files = {path.stem for path in Path(pcsweep.noise.__path__[0]).glob("*.py")} - {"__init__"}
    assert files == {path.stem for path in (CONF / "noise").glob("*.yaml")}
    for name in files:
        config = OmegaConf.to_container(
            OmegaConf.merge({"seed": 0}, {"noise": OmegaConf.load(CONF / "noise" / f"{name}.yaml")}), resolve=True
        )
        choice = choose("noise", {key: value for key, value in config["noise"].items() if key not in KEYS})
        noisy = choice.function(IMAGE, generator_for("a", 0), **choice.arguments)
        assert noisy.shape == IMAGE.shape
        assert importlib.import_module(f"pcsweep.noise.{name}").__doc__


def test_an_image_has_its_own_noise_that_only_grows_with_sigma():
    first = gaussian(IMAGE, generator_for("a", 0), sigma=0.1) - IMAGE
    again = gaussian(IMAGE, generator_for("a", 0), sigma=0.2) - IMAGE
    torch.testing.assert_close(2 * first, again)
    for other in (generator_for("b", 0), generator_for("a", 1)):
        assert (gaussian(IMAGE, other, sigma=0.1) - IMAGE - first).abs().max() > 0.1
    assert first.std().item() == pytest.approx(0.1, rel=0.02)


def test_the_space_decides_the_unit():
    in_pixels = corrupt(IMAGE, by(0.1), generator_for("a", 0), MODEL, space="pixel")
    in_normalized = corrupt(IMAGE, by(0.1), generator_for("a", 0), MODEL, space="normalized")
    clean = MODEL.normalize(IMAGE)
    std = torch.tensor(MODEL.std)[:, None, None]
    torch.testing.assert_close((in_pixels - clean) * std, in_normalized - clean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(corrupt(IMAGE, none, generator_for("a", 0), MODEL), clean)


@pytest.mark.parametrize("space", ["pixel", "normalized"])
def test_clipping_keeps_the_range_of_pixels_and_is_off_by_default(space):
    wild = MODEL.denormalize(corrupt(IMAGE, by(3.0), generator_for("a", 0), MODEL, space=space))
    tame = MODEL.denormalize(corrupt(IMAGE, by(3.0), generator_for("a", 0), MODEL, space=space, clip=True))
    assert wild.min() < -0.5
    assert wild.max() > 1.5
    torch.testing.assert_close(tame, wild.clamp(0, 1), atol=1e-5, rtol=1e-4)
