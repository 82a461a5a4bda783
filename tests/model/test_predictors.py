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


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.ConvTranspose2d(2, 3, 5, padding=2), (2, 1, 1)),
        (nn.ConvTranspose2d(2, 3, 5, padding=4), (2, 7, 6)),
        (nn.ConvTranspose2d(2, 3, 40, padding=3), (2, 90, 50)),
        (nn.ConvTranspose2d(2, 3, (9, 4), stride=(3, 2), padding=(1, 3), output_padding=(2, 1)), (2, 5, 40)),
        (nn.ConvTranspose2d(2, 3, 2, stride=3), (2, 6, 7)),
        (nn.ConvTranspose2d(4, 6, 5, padding=2, groups=2), (4, 8, 8)),
        (nn.ConvTranspose2d(2, 3, 5, padding=3, dilation=2), (2, 8, 8)),
    ],
)
@pytest.mark.parametrize("rectified", [False, True])
def test_reach_in_closed_form_is_what_is_counted(layer, shape, rectified):
    own = nn.Sequential(layer, nn.ReLU()) if rectified else layer
    assert reach(own, shape) == reach(nn.Sequential(own, nn.Flatten(0, 0)), shape)  # which has no closed form


def test_reach_of_a_closed_form_computes_nothing(monkeypatch):
    monkeypatch.setattr(nn.ConvTranspose2d, "forward", None)
    assert reach(nn.Sequential(nn.ConvTranspose2d(512, 512, 14, stride=2, padding=6), nn.ReLU()), (512, 14, 14)) == 512 * 196
