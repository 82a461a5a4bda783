"""Shapes of what a stage returns, without its products."""

import pytest
import torch
from torch import nn

from pcsweep.network.backbone import cut
from pcsweep.network.engine.shapes import Outline

LAYERS = {
    "stride": nn.Conv2d(3, 5, (3, 2), stride=2, padding=1, dilation=2),
    "same": nn.Conv2d(3, 5, 3, padding="same"),
    "reflected": nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect"),
    "grouped": nn.Conv2d(3, 6, 3, groups=3),
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(3 * 9 * 8, 7)),
    "pool": nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout()),
    "transposed": nn.ConvTranspose2d(3, 4, 4, stride=2),
}


def outlined(layer: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    (stage, _) = cut(nn.Sequential(layer, nn.Identity()).eval(), ["0"])
    with torch.no_grad():
        return Outline(stage).run(maps)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_types_are_those_of_the_layer(name, dtype):
    layer, maps = LAYERS[name].to(dtype), torch.randn(2, 3, 9, 8, dtype=dtype)
    found, expected = outlined(layer, maps), layer(maps)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    with torch.autocast("cpu", torch.bfloat16):
        assert outlined(layer, maps).dtype == layer(maps).dtype


def test_products_are_left_out():
    assert not outlined(nn.Conv2d(3, 4, 3), torch.randn(1, 3, 5, 5)).any()


def test_what_a_layer_refuses_is_refused():
    for layer in (nn.Conv2d(4, 2, 3), nn.Linear(7, 2)):
        with pytest.raises(RuntimeError):
            outlined(layer, torch.zeros(1, 3, 5, 5))
