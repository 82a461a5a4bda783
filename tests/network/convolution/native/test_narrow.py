"""Layers onto few channels against the library's own transposed convolution, in double precision."""

import pytest
import torch
from toy_layer import close, material

from pcsweep.network.convolution.closed_form import ClosedForm
from pcsweep.network.convolution.direct import Direct
from pcsweep.network.convolution.geometry import Axis, Geometry
from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.convolution.workspace import Workspace

WIDE = 2 * library.lanes()
GEOMETRIES = {  # height, width
    "five taps": (Axis(16, 5, 1, 2), Axis(16, 5, 1, 2)),
    "unlike sides": (Axis(5, 3, 1, 1), Axis(24, 7, 1, 3)),
    "one tap": (Axis(3, 1), Axis(8, 1)),
    "an output that is wider": (Axis(4, 9, 1, 2), Axis(8, 9, 1, 0)),
    "an output that is narrower": (Axis(9, 3, 1, 2), Axis(16, 9, 1, 8)),
    "more taps than cells": (Axis(2, 5, 1, 2), Axis(8, 13, 1, 6)),
}


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("channels", [(WIDE, 3), (2 * WIDE, 1), (WIDE, 2)])
def test_both_directions_are_the_librarys(name, channels):
    height, width = GEOMETRIES[name]
    assert NativeNarrow.suit(channels, Geometry(height, width))
    geometry, kernel, maps, errors, (above, below) = material(height, width, channels)
    native, direct = NativeNarrow(kernel, geometry), Direct(kernel.double(), geometry)
    close(native.forward(maps), direct.forward(maps.double()).float())
    close(native.forward(maps, below, rectified=True), direct.forward(maps.double(), below.double()).relu().float())
    close(native.adjoint(errors), direct.adjoint(errors.double()).float())
    close(native.adjoint(errors, above), direct.adjoint(errors.double(), above.double()).float())


def test_an_image_does_not_depend_on_others_to_the_bit():
    geometry, kernel, maps, errors, _ = material(*GEOMETRIES["five taps"], (WIDE, 3), batch=4)
    native = NativeNarrow(kernel, geometry)
    for given, call in ((maps, native.forward), (errors, native.adjoint)):
        together = call(given)
        assert all(torch.equal(call(given[number : number + 1])[0], together[number]) for number in range(len(given)))


@pytest.mark.parametrize("rectified", [False, True])
def test_as_a_predictor_it_is_differentiated(rectified):
    geometry, kernel, maps, below, (_, bias) = material(*GEOMETRIES["five taps"], (WIDE, 3))
    made = [ClosedForm(way, bias, rectified, Workspace()) for way in (NativeNarrow(kernel, geometry), Direct(kernel, geometry))]
    (prediction, gradient), (expected, differentiated) = (each.predict_and_differentiate(maps, below) for each in made)
    close(prediction, expected)
    close(gradient, differentiated)


@pytest.mark.parametrize(
    ("axis", "channels"),
    [
        (Axis(12, 5, 1, 2), (WIDE, 3)),  # twelve columns are no whole groups of pixels
        (Axis(16, 5, 1, 2), (WIDE, 4)),
        (Axis(16, 5, 1, 2), (WIDE + 8, 3)),
        (Axis(16, 6, 2, 2), (WIDE, 3)),
        (Axis(16, 1, 1, 1), (WIDE, 3)),
    ],
)
def test_what_does_not_suit(axis, channels):
    assert not NativeNarrow.suit(channels, Geometry(axis, axis))
