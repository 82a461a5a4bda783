"""Impulse noise: how many values, of which channels, by what, and the same ones at every share."""

import numpy as np
import pytest
import torch

from pcsweep.noise import generator_for
from pcsweep.noise.impulse import impulse

IMAGE = 0.2 + 0.6 * torch.rand(3, 200, 200, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("share", [0.03, 0.06, 0.09, 0.17, 0.27])
def test_each_value_is_replaced_by_itself_with_the_draws_of_the_generator(share):
    noisy = impulse(IMAGE, generator_for("a", 0), share=share).numpy()
    generator = generator_for("a", 0)
    drawn, kind = (torch.rand(3, 200, 200, generator=generator).numpy() for _ in range(2))
    expected = IMAGE.numpy().copy()
    expected[(drawn < share) & (kind < 0.5)] = 1
    expected[(drawn < share) & (kind >= 0.5)] = 0
    np.testing.assert_array_equal(noisy, expected)
    hit = noisy != IMAGE.numpy()
    assert hit.mean() == pytest.approx(share, rel=0.05)
    assert (noisy[hit] == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert (hit[0] & hit[1]).mean() == pytest.approx(share**2, rel=0.25)  # channels by themselves


def test_what_is_hit_is_hit_at_larger_shares_too_and_all_at_one():
    less, more = (impulse(IMAGE, generator_for("a", 0), share=share) for share in (0.06, 0.17))
    hit = less != IMAGE
    assert torch.equal(more[hit], less[hit])
    assert set(impulse(IMAGE, generator_for("a", 0), share=1.0).unique().tolist()) == {0.0, 1.0}
    assert torch.equal(impulse(IMAGE, generator_for("a", 0), share=0.0), IMAGE)
