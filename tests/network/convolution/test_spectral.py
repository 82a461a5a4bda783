"""Where results of transformed layers lie, how many images are transformed at once, and the size of a transformed kernel."""

import pytest
import torch
from hypothesis import given
from torch import nn
from toy_layer import cases, close, examples

from pcsweep.network.convolution import spectral
from pcsweep.network.convolution.geometry import Axis, Geometry
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.spectral_cost import spectral_cost
from pcsweep.network.convolution.workspace import Workspace


@examples
@given(cases(dtypes=(torch.float32,)))
def test_a_transformed_kernel_is_as_large_as_its_cost_says(case):
    algorithm = case.algorithm("spectral")
    assert all(
        spectral_cost(case.geometry, algorithm.channels, case.tile, adjoint).bytes == algorithm.bytes for adjoint in (False, True)
    )


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.ConvTranspose2d(3, 2, 6, 2, 2).double().requires_grad_(False)


GEOMETRY = Geometry(Axis(9, 6, 2, 2), Axis(9, 6, 2, 2))


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_results_with_a_place_are_overwritten_by_the_next_call(layer, direction):
    workspace = Workspace()
    one, other = (Spectral(weight, GEOMETRY, 5, workspace, results="x") for weight in (layer.weight, -layer.weight))
    own = getattr(Spectral(layer.weight, GEOMETRY, 5), direction)
    maps = torch.randn(2, *((3, 9, 9) if direction == "forward" else (2, 18, 18)), dtype=torch.float64)
    first = getattr(one, direction)(maps)
    assert first.equal(own(maps))
    second = getattr(other, direction)(maps + 1)
    assert second.equal(-own(maps + 1))
    assert first.equal(second)


def test_results_of_both_directions_have_places_of_their_own(layer):
    algorithm = Spectral(layer.weight, GEOMETRY, 5, Workspace(), results="x")
    made = algorithm.forward(torch.randn(2, 3, 9, 9).double())
    kept = made.clone()
    algorithm.adjoint(torch.randn(2, 2, 18, 18).double())
    assert made.equal(kept)


def test_results_without_a_place_are_kept(layer):
    algorithm = Spectral(layer.weight, GEOMETRY, 5, Workspace())
    maps = torch.randn(2, 3, 9, 9).double()
    made = algorithm.forward(maps)
    kept = made.clone()
    algorithm.forward(maps + 1)
    assert made.equal(kept)


@pytest.mark.parametrize("limit", ["_SPECTRA", "_CACHED"])
@pytest.mark.parametrize("images", [1, 3, 4])
def test_images_that_do_not_fit_at_once_are_transformed_in_turn(monkeypatch, layer, limit, images):
    given, error = torch.randn(5, 3, 9, 9).double(), torch.randn(5, 2, 18, 18).double()
    algorithm = Spectral(layer.weight, GEOMETRY, 4)
    expected = algorithm.forward(given), algorithm.adjoint(error)
    tiles, channels, phased = 3 * 3, 3, 2 * 4
    transformed = tiles * algorithm.bytes // (channels * phased) * (channels + phased)
    monkeypatch.setattr(spectral, limit, images * {"_SPECTRA": transformed, "_CACHED": given[0].numel() * 8}[limit])
    close(algorithm.forward(given), expected[0])
    close(algorithm.adjoint(error), expected[1])


@pytest.mark.parametrize("results", [None, "x"])
def test_an_empty_batch_has_its_shape(layer, results):
    algorithm = Spectral(layer.weight, GEOMETRY, 5, Workspace(), results)
    assert algorithm.forward(torch.zeros(0, 3, 9, 9).double(), layer.bias).shape == (0, 2, 18, 18)
    assert algorithm.adjoint(torch.zeros(0, 2, 18, 18).double(), torch.zeros(3).double()).shape == (0, 3, 9, 9)
