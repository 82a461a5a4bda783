"""Salt and pepper: whole pixels, by 1 and 0 of pixels, or by the extremes of the normalised image."""

import numpy as np
import pytest
import torch

from pcsweep.noise import generator_for
from pcsweep.noise.salt_and_pepper import salt_and_pepper

IMAGE = 0.2 + 0.6 * torch.rand(3, 200, 150, generator=torch.Generator().manual_seed(1))
SHARES = [0.03, 0.05, 0.1, 0.15, 0.2, 0.3]


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("space", ["pixel", "normalized"])
def test_whole_pixels_are_hit_half_by_salt_and_half_by_pepper(space, share):
    image = IMAGE if space == "pixel" else 5 * IMAGE - 2
    noisy = salt_and_pepper(image, generator_for("a", 0), share=share, space=space).numpy()
    drawn = torch.rand(200, 150, generator=generator_for("a", 0)).numpy()
    clean = image.numpy()
    bright, dark = (1.0, 0.0) if space == "pixel" else (clean.max(), clean.min())
    expected = clean.copy()
    expected[:, drawn < np.float32(share / 2)] = bright
    expected[:, drawn >= np.float32(1 - share / 2)] = dark
    np.testing.assert_array_equal(noisy, expected)
    for value in (bright, dark):
        hit = (noisy == value).all(0)
        assert hit.mean() == pytest.approx(share / 2, rel=0.1)


def test_what_is_hit_is_hit_at_larger_shares_too():
    noisy = [salt_and_pepper(IMAGE, generator_for("a", 0), share=share) for share in SHARES]
    for less, more in zip(noisy, noisy[1:], strict=False):
        hit = less != IMAGE
        assert torch.equal(more[hit], less[hit])
