"""Layers in machine code against the library's own transposed convolution, in double precision."""

import math

import pytest
import torch
from torch.nn import functional
from toy_layer import close, material

from pcsweep.network.convolution.direct import Direct
from pcsweep.network.convolution.geometry import Axis, Geometry
from pcsweep.network.convolution.native import dft, library
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.plan import Plan
from pcsweep.network.convolution.workspace import Workspace

WIDE = 2 * library.lanes()
GEOMETRIES = {  # height, width, tile
    "one tile": (Axis(14, 10, 2, 4), Axis(14, 10, 2, 4), 14),
    "four tiles": (Axis(14, 10, 2, 4), Axis(14, 10, 2, 4), 7),
    "a short last tile": (Axis(13, 6, 2, 2), Axis(13, 6, 2, 2), 5),
    "unlike sides": (Axis(6, 5, 1, 2), Axis(11, 3, 1, 1), 6),
    "unlike strides": (Axis(7, 6, 2, 2), Axis(7, 9, 3, 3), 7),
    "padding of its own": (Axis(9, 4, 2, 1), Axis(9, 4, 2, 2), 4),
    "output padding": (Axis(5, 5, 2, 2, 1), Axis(5, 5, 2, 2, 1), 5),
    "no padding": (Axis(8, 3, 1), Axis(8, 3, 1), 4),
    "more padding than taps": (Axis(12, 3, 1, 3), Axis(12, 3, 1, 3), 4),
    "one tap": (Axis(8, 1, 1), Axis(8, 1, 1), 8),
    "one cell": (Axis(1, 2, 2), Axis(1, 2, 2), 1),
    "radix three and five": (Axis(28, 3, 1, 1), Axis(16, 3, 1, 1), 28),
}


def case(height, width, channels=(WIDE, WIDE), batch=3):
    return material(height, width, channels, batch)


def exact(geometry, kernel):
    return Direct(kernel.double(), geometry)


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("channels", [(WIDE, WIDE), (2 * WIDE, WIDE), (WIDE, 3 * WIDE)])
def test_both_directions_are_the_librarys(name, channels):
    height, width, tile = GEOMETRIES[name]
    geometry, kernel, maps, errors, (above, below) = case(height, width, channels)
    plan = Plan(geometry, channels, tile)
    assert plan.covered
    native, direct = NativeSpectral(kernel, plan), exact(geometry, kernel)
    for rectified in (False, True):
        forward, adjoint = direct.forward(maps.double(), below.double()), direct.adjoint(errors.double(), above.double())
        close(native.forward(maps, below, rectified), (forward.relu() if rectified else forward).float())
        close(native.adjoint(errors, above, rectified), (adjoint.relu() if rectified else adjoint).float())
    alone = NativeSpectral(kernel, plan, directions=(True,))
    close(alone.adjoint(errors), direct.adjoint(errors.double()).float())


@pytest.mark.parametrize("rectified", [False, True])
def test_the_adjoint_of_an_error(rectified):
    height, width, tile = GEOMETRIES["four tiles"]
    geometry, kernel, maps, below, (_, bias) = case(height, width)
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), tile))
    prediction = native.forward(maps, bias, rectified).clone()
    error = (prediction - below) * (prediction > 0) if rectified else prediction - below
    close(native.adjoint_of_error(prediction, below, rectified), exact(geometry, kernel).adjoint(error.double()).float())


def test_more_channels_than_a_panel_holds():
    height, width, tile = Axis(4, 2, 2), Axis(4, 2, 2), 4
    geometry, kernel, maps, errors, _ = case(height, width, (WIDE, 6 * WIDE), batch=1)
    assert Plan(geometry, (WIDE, 6 * WIDE), tile).wide > 512
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, 6 * WIDE), tile))
    close(native.adjoint(errors), exact(geometry, kernel).adjoint(errors.double()).float())


@pytest.mark.parametrize("adjoint", [False, True])
def test_an_image_does_not_depend_on_others_nor_on_threads_to_the_bit(adjoint):
    height, width, tile = GEOMETRIES["a short last tile"]
    geometry, kernel, maps, errors, _ = case(height, width, batch=7)
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), tile))
    given, call = (errors, native.adjoint) if adjoint else (maps, native.forward)
    together, threads = call(given).clone(), torch.get_num_threads()
    for number in range(len(given)):
        assert torch.equal(call(given[number : number + 1])[0], together[number])
    try:
        torch.set_num_threads(3)
        assert torch.equal(call(given), together)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("channels", [(WIDE, WIDE), (WIDE, 6 * WIDE)])
def test_what_is_written_past_the_cache_is_the_same_to_the_bit(monkeypatch, channels):
    """Where a product is complete after one part of the channels, and where it takes several."""
    height, width, tile = GEOMETRIES["four tiles"]
    geometry, kernel, maps, errors, (above, below) = case(height, width, channels)
    made = []
    for least in (math.inf, 0):
        monkeypatch.setattr("pcsweep.network.convolution.native.plan._STREAMED", least)
        plan = Plan(geometry, channels, tile)
        streamed = least == 0 and 4 * library.lanes() == 64
        assert [plan.streamed(adjoint) for adjoint in (False, True)] == [streamed, streamed]
        native = NativeSpectral(kernel, plan)
        prediction = native.forward(maps, below, rectified=True)
        made.append((prediction, native.adjoint(errors, above), native.adjoint_of_error(prediction, errors, rectified=True)))
    for plain, streamed in zip(*made, strict=True):
        assert torch.equal(plain, streamed)


def test_few_images_at_a_time_when_spectra_are_large(monkeypatch):
    height, width, tile = GEOMETRIES["four tiles"]
    geometry, kernel, maps, _, _ = case(height, width, batch=5)
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), tile))
    together = native.forward(maps)
    monkeypatch.setattr("pcsweep.network.convolution.native.layer._SPECTRA", 1)
    assert torch.equal(native.forward(maps), together)


def test_undefined_values_stay_in_their_image():
    height, width, tile = GEOMETRIES["one tile"]
    geometry, kernel, maps, _, _ = case(height, width, batch=2)
    maps[0, 0, 0, 0] = torch.nan
    made = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), tile)).forward(maps, rectified=True)
    assert made[0].isnan().all()
    assert made[1].isfinite().all()


def test_results_in_their_place_are_overwritten_by_the_next_call():
    height, width, tile = GEOMETRIES["one tile"]
    geometry, kernel, maps, _, _ = case(height, width)
    workspace = Workspace()
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), tile), workspace, "here")
    first = native.forward(maps)
    assert first.data_ptr() == native.forward(2 * maps).data_ptr()


def test_no_images():
    height, width, tile = GEOMETRIES["one tile"]
    geometry, kernel, maps, _, _ = case(height, width)
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), tile))
    assert native.forward(maps[:0]).shape == (0, WIDE, *geometry.output)


@pytest.mark.parametrize(
    ("height", "channels", "tile"),
    [
        (Axis(5, 5, 2, 2), (WIDE, WIDE), 5),  # an output of nine is no whole number of phases
        (Axis(8, 3, 1, 1), (WIDE, 3), 8),
        (Axis(8, 3, 1, 1), (WIDE + 8, WIDE), 8),
        (Axis(56, 3, 1, 1), (WIDE, WIDE), 56),
    ],
)
def test_what_is_not_covered(height, channels, tile):
    assert not Plan(Geometry(height, height), channels, tile).covered


def test_what_a_layer_costs():
    axis = Axis(14, 3, 1, 1)
    plan = Plan(Geometry(axis, axis), (WIDE, 2 * WIDE), 14)
    assert plan.periods == (16, 16)
    assert plan.frequencies == 16 * 16 // 2 + 2
    assert plan.bytes == NativeSpectral(torch.zeros(WIDE, 2 * WIDE, 3, 3), plan).kernel.nbytes
    products = 3 * plan.frequencies * WIDE * 2 * WIDE
    assert products < plan.multiplications(False) < 1.2 * products
    assert Plan(plan.geometry, (WIDE, WIDE), 7).tiles(False) == 4


def test_multiplications_of_a_transform():
    assert [dft.multiplications(period) for period in (1, 2, 4)] == [0, 0, 0]
    assert dft.multiplications(8) == 8  # two turns by an eighth, four products each: as many as are written
    assert dft.multiplications(16) < 16 * 16


def test_a_convolution_of_one_side_padded_by_hand_is_the_same():
    axis = Axis(10, 3, 1, 1)
    geometry, kernel, _, errors, _ = case(axis, axis)
    native = NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), 10), directions=(True,))
    close(native.adjoint(errors), functional.conv2d(errors.double(), kernel.double(), padding=1).float())
