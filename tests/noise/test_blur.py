"""Gaussian blur against scipy's, with the border and the cut that scikit-image has."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pcsweep.noise import generator_for
from pcsweep.noise.blur import blur

IMAGE = torch.rand(3, 60, 41, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 30.0])
def test_it_is_scipys_filter_with_the_nearest_pixel_beyond_the_border(sigma):
    expected = gaussian_filter(IMAGE.double().numpy(), sigma=(0, sigma, sigma), mode="nearest", truncate=4.0)
    np.testing.assert_allclose(blur(IMAGE, generator_for("a", 0), sigma=sigma).numpy(), expected, atol=1e-6)


def test_an_even_image_stays_and_detail_goes_with_sigma():
    even = torch.full((3, 20, 20), 0.3)
    torch.testing.assert_close(blur(even, generator_for("a", 0), sigma=5.0), even)
    left = [blur(IMAGE, generator_for("a", 0), sigma=sigma).std().item() for sigma in (1.0, 2.0, 3.0, 4.0, 6.0)]
    assert left == sorted(left, reverse=True)
