"""The published weights do what their card says, on fresh images."""

from pathlib import Path

import pytest
import torch

from pcsweep.dataset.shapes import Shapes
from pcsweep.model import pminivgg as module
from pcsweep.model.pminivgg import pminivgg
from pcsweep.noise import corrupt, generator_for
from pcsweep.noise.gaussian import gaussian

FRESH = Shapes(split="test", count=200, seed=77)


def accuracy(sigma):
    model = pminivgg()
    noisy = [
        corrupt(s.image, lambda i, g: gaussian(i, g, sigma=sigma), generator_for(s.image_id, 0), model, space="pixel")
        for s in (FRESH[n] for n in range(len(FRESH)))
    ]
    with torch.no_grad():
        predicted = model.network(torch.stack(noisy)).argmax(1)
    return (predicted == torch.arange(len(FRESH)) % 10).float().mean().item()


def test_clean_accuracy_and_a_graceful_fall():
    clean, some, much = (accuracy(sigma) for sigma in (0.0, 0.2, 0.4))
    assert clean >= 0.95
    assert clean >= some > much > 0.15


def test_the_weights_are_small_and_the_normalisation_inverts():
    assert Path(module.__file__).with_suffix(".safetensors").stat().st_size <= 3_000_000
    model, image = pminivgg(), FRESH[0].image
    torch.testing.assert_close(model.denormalize(model.normalize(image)), image)


def test_the_update_rule_is_part_of_the_fingerprint():
    assert pminivgg().network.sqrt_cs == pytest.approx([(3 * 25) ** 0.5, (16 * 36) ** 0.5, (32 * 36) ** 0.5, (48 * 36) ** 0.5])
    assert pminivgg(gradient_scaling=False).network.sqrt_cs == (None,) * 4
    assert pminivgg(gradient_scaling=False).fingerprint != pminivgg().fingerprint
    assert pminivgg("random", seed=1).fingerprint != pminivgg("random", seed=2).fingerprint
