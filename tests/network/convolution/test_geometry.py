"""Tiles and periods against sums written out, and the geometry of layers against the layers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from toy_layer import axes, cases, examples

from pcsweep.network.convolution.geometry import Axis, from_cells, of_convolution, of_transposed, to_cells


@examples
@given(cases())
def test_cells_keep_every_output(case):
    assert from_cells(to_cells(case.error, case.geometry), case.geometry).equal(case.error)


@examples
@given(cases())
def test_the_geometry_is_that_of_the_layer(case):
    assert of_transposed(case.layer, case.given.shape[2:]) == case.geometry
    assert case.geometry.output == tuple(case.layer(case.given).shape[2:])


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (nn.ConvTranspose2d(4, 4, 3, groups=2), (5, 5)),
        (nn.ConvTranspose2d(4, 4, 3, dilation=2), (5, 5)),
        (nn.ConvTranspose2d(4, 4, 3, dilation=(1, 2)), (5, 5)),
        (nn.ConvTranspose2d(4, 4, 3, padding=(2, 0)), (2, 5)),
    ],
)
def test_other_transposed_layers_have_no_geometry(layer, size):
    assert of_transposed(layer, size) is None


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, stride=2),
        nn.Conv2d(4, 4, 3, stride=(1, 2)),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 9, padding=1),
    ],
)
def test_other_convolutions_have_no_geometry(layer):
    assert of_convolution(layer, (6, 6)) is None


def tiles_that_differ(axis: Axis, length: int, period: int) -> int:
    """Of both directions, the tiles on which a circular convolution of positive numbers is not the linear one."""
    taps = {}
    for position in range(axis.kernel):
        cell, phase = divmod(position - axis.padding, axis.stride)
        taps.setdefault(cell, []).append((phase, position + 1))
    kernel = {cell: sum(value for _, value in found) for cell, found in taps.items()}
    differing = 0
    for adjoint, count in ((False, axis.size), (True, axis.cells)):
        straight = {-cell if adjoint else cell: value for cell, value in kernel.items()}
        circular = [sum(value for cell, value in straight.items() if cell % period == place) for place in range(period)]
        for tile in axis.tiles(length, adjoint):
            linear = [sum((h + 1) * straight.get(j - h, 0) for h in range(count)) for j in tile.outputs]
            turned = [sum((h + 1) * circular[(j - h) % period] for h in tile.inputs) for j in tile.outputs]
            differing += linear != turned
    return differing


@pytest.mark.parametrize(
    ("axis", "length", "period"),
    [
        (Axis(14, 14, 2, 6), 14, 17),
        (Axis(28, 14, 2, 6), 28, 31),
        (Axis(56, 14, 2, 6), 28, 34),
        (Axis(16, 3, 1, 1), 16, 17),
        (Axis(16, 3, 1, 1), 8, 10),
        (Axis(10, 5, 1, 0), 14, 14),
        (Axis(9, 12, 4, 4), 3, 5),
        (Axis(7, 10, 2, 4, 1), 8, 10),
    ],
)
def test_the_period_is_the_smallest_without_collisions(axis, length, period):
    assert axis.period(length) == period
    assert tiles_that_differ(axis, length, period) == 0
    assert tiles_that_differ(axis, length, period - 1) > 0


@examples
@given(axes(), st.integers(1, 20))
def test_a_circular_convolution_of_that_period_is_the_linear_one(axis, length):
    period = axis.period(length)
    assert tiles_that_differ(axis, length, period) == 0
    assert period == len(axis.taps) or tiles_that_differ(axis, length, period - 1) > 0


@examples
@given(axes(), st.integers(1, 20), st.booleans())
def test_tiles_cover_every_output_once(axis, length, adjoint):
    tiles = axis.tiles(length, adjoint)
    assert [j for tile in tiles for j in tile.outputs] == list(range(axis.size if adjoint else axis.cells))
    assert all(len(tile.outputs) == length for tile in tiles[:-1])
    assert 0 < len(tiles[-1].outputs) <= length
