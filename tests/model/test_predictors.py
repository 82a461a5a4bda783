"""The shapes of default predictors, and how far predictors reach."""

import pytest
import torch
from torch import nn

from pcsweep.model.build.predictors import default_predictor, reach


def test_reach_is_the_closed_form_of_a_transposed_convolution():
    assert reach(nn.ConvTranspose2d(64, 3, 5, padding=2), (64, 224, 224)) == 3 * 25
    assert reach(nn.Sequential(nn.ConvTranspose2d(512, 256, 14, stride=2, padding=6), nn.ReLU()), (512, 28, 28)) == 256 * 196
    assert reach(default_predictor((8, 14, 14), (4, 28, 28)), (8, 14, 14)) == 4 * 36  # two pixels up and one around
    assert reach(default_predictor((8, 14, 14), (4, 14, 14)), (8, 14, 14)) == 4 * 9
    assert reach(nn.ConvTranspose2d(2, 3, 5, padding=2), (2, 1, 1)) == 3  # nothing but the border
    assert reach(nn.Conv2d(8, 3, 33, padding=16), (8, 64, 64)) == 3 * 33**2


@pytest.mark.parametrize(
    ("above", "below"), [((8, 7, 7), (4, 14, 14)), ((8, 7, 7), (4, 13, 13)), ((5, 9, 9), (3, 9, 9)), ((5, 3, 4), (3, 10, 8))]
)
def test_a_default_predictor_has_the_shape_of_what_is_below(above, below):
    assert default_predictor(above, below)(torch.randn(2, *above)).shape == (2, *below)
