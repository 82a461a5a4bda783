"""Low contrast: towards the mean of each channel, which stays."""

import numpy as np
import pytest
import torch

from pcsweep.noise import generator_for
from pcsweep.noise.contrast import contrast

IMAGE = torch.rand(3, 30, 20, generator=torch.Generator().manual_seed(1)) * torch.tensor([1.0, 0.5, 0.2])[:, None, None]


@pytest.mark.parametrize("factor", [0.4, 0.3, 0.2, 0.1, 0.05])
def test_each_channel_is_drawn_to_its_own_mean(factor):
    pixels = np.moveaxis(IMAGE.double().numpy(), 0, -1)
    means = pixels.mean(axis=(0, 1), keepdims=True)
    expected = np.moveaxis((pixels - means) * factor + means, -1, 0)
    found = contrast(IMAGE, generator_for("a", 0), factor=factor)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    torch.testing.assert_close(found.std((1, 2)), factor * IMAGE.std((1, 2)))
