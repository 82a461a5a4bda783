"""Speckle: in proportion to each value, with the same draws at every sigma."""

import numpy as np
import pytest
import torch

from pcsweep.noise import generator_for
from pcsweep.noise.speckle import speckle

IMAGE = torch.rand(3, 100, 120, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sigma", [0.15, 0.2, 0.35, 0.45, 0.6])
def test_noise_is_a_share_of_the_value(sigma):
    noisy = speckle(IMAGE, generator_for("a", 0), sigma=sigma).double().numpy()
    normal = torch.randn(3, 100, 120, generator=generator_for("a", 0)).double().numpy()
    clean = IMAGE.double().numpy()
    np.testing.assert_allclose(noisy, clean * (1 + sigma * normal), atol=1e-6)
    assert (noisy / clean - 1).std() == pytest.approx(sigma, rel=0.02)
    assert (noisy / clean).mean() == pytest.approx(1, abs=4 * sigma / np.sqrt(clean.size))


def test_black_stays_black():
    assert not speckle(torch.zeros(3, 8, 8), generator_for("a", 0), sigma=0.6).any()
