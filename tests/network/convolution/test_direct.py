"""Which layers are computed by blocks of outputs."""

import pytest
from hypothesis import given
from toy_layer import cases, examples

from pcsweep.network.convolution.direct import Blocks
from pcsweep.network.convolution.geometry import Axis, Geometry


@examples
@given(cases(blocks=True))
def test_blocks_suit_what_they_are_tested_on(case):
    assert Blocks.suit((case.weight.shape[0], case.weight.shape[1]), case.geometry)


@pytest.mark.parametrize(
    ("channels", "axis", "suits"),
    [
        ((8, 7), Axis(8, 3, padding=1), True),
        ((8, 8), Axis(8, 3, padding=1), False),
        ((7, 3), Axis(8, 3, padding=1), False),
        ((8, 3), Axis(7, 3, padding=1), False),
        ((8, 3), Axis(8, 4, stride=2, padding=1), False),
        ((8, 3), Axis(9, 2, padding=2), False),
    ],
)
def test_blocks_suit_narrow_layers_of_stride_one_and_even_size(channels, axis, suits):
    assert Blocks.suit(channels, Geometry(axis, axis)) is suits
