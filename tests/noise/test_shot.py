"""Shot noise against the distribution of Poisson, and against the same draws."""

import numpy as np
import pytest
import torch
from scipy import stats

from pcsweep.noise import generator_for
from pcsweep.noise.shot import shot

IMAGE = torch.rand(3, 40, 50, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("c", [60.0, 25.0, 12.0, 5.0, 3.0])
def test_a_value_is_a_count_over_c_with_the_draws_of_the_generator(c):
    noisy = shot(IMAGE, generator_for("a", 0), c=c)
    expected = torch.poisson(IMAGE * c, generator=generator_for("a", 0)).double().numpy() / c
    np.testing.assert_allclose(noisy.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("c", [60.0, 3.0])
@pytest.mark.parametrize("value", [0.1, 0.7, 1.0])
def test_the_counts_are_those_of_poisson(c, value):
    counts = shot(torch.full((3, 100, 100), value), generator_for("a", 0), c=c) * c
    torch.testing.assert_close(counts, counts.round(), atol=1e-4, rtol=0)
    counts = counts.round()
    found = np.bincount(counts.flatten().int().numpy(), minlength=150)[:150]
    expected = counts.numel() * stats.poisson(np.float64(np.float32(value)) * c).pmf(np.arange(150))
    often = expected > 5
    assert stats.chisquare(found[often], expected[often] * found[often].sum() / expected[often].sum()).pvalue > 1e-4
    assert found[expected < 1e-9].sum() == 0


def test_black_stays_black():
    assert not shot(torch.zeros(3, 8, 8), generator_for("a", 0), c=3.0).any()
