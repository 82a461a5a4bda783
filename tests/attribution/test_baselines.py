"""The baselines: what is known of each, and that none looks at anything but the image's size, or its content as a seed."""

import math

import pytest
import torch
from torch import nn

from pcsweep.attribution.center import center
from pcsweep.attribution.random import random
from pcsweep.attribution.scene import Scene, attributed, has_layer
from pcsweep.attribution.uniform import uniform
from pcsweep.metric.centre import gaussian
from pcsweep.metric.saliency import scaled


class Untouchable(nn.Module):
    def forward(self, x):
        raise AssertionError("a baseline asks the network")


IMAGES = torch.randn(4, 3, 20, 28, generator=torch.Generator().manual_seed(0))


def scene_of(images=IMAGES, points=1):
    return Scene(Untouchable(), torch.zeros(len(images) * points, 6, 5, 7), torch.zeros(len(images) * points).long(), images)


@pytest.mark.parametrize(("function", "settings"), [(center, {}), (uniform, {}), (random, {"seed": 3})])
def test_needs_no_network_has_no_layer_and_depends_on_no_company(function, settings):
    assert not has_layer(function)
    together = attributed(function, settings, scene_of())
    assert together.min() >= 0
    for row in range(4):
        assert torch.equal(attributed(function, settings, scene_of(IMAGES[row : row + 1]))[0], together[row])
    assert torch.equal(attributed(function, settings, scene_of(points=2)), torch.cat([together, together]))


def test_center_is_the_metrics_own_baseline_at_its_width():
    mask = torch.zeros(4, 20, 28, dtype=torch.bool)
    torch.testing.assert_close(center(IMAGES), gaussian(mask))
    narrow = center(IMAGES[:1, :, :1, :3], sigma=1 / 3)  # σ is one pixel
    torch.testing.assert_close(narrow, torch.tensor([[[math.exp(-0.5), 1.0, math.exp(-0.5)]]]))


def test_uniform_is_one_everywhere():
    assert torch.equal(scaled(uniform(IMAGES), (20, 28)), torch.ones(4, 20, 28))


def test_random_differs_from_image_to_image_and_from_seed_to_seed_and_draws_from_no_global_generator():
    state = torch.get_rng_state()
    maps = attributed(random, {"seed": 0}, scene_of())
    assert torch.equal(torch.get_rng_state(), state)
    assert maps.shape == (4, 5, 7)
    assert len({each.numpy().tobytes() for each in maps}) == 4
    assert not torch.equal(attributed(random, {"seed": 1}, scene_of()), maps)
    assert torch.equal(attributed(random, {"seed": 0}, scene_of()), maps)
    many = attributed(random, {"seed": 0}, scene_of(torch.randn(300, 3, 4, 4, generator=torch.Generator().manual_seed(1))))
    assert many.mean().item() == pytest.approx(0.5, abs=0.02)  # 10,500 draws
