"""Every algorithm against the layer and its gradient by autograd."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode
from toy_layer import cases, close, convolutions, examples

from pcsweep.network.convolution.geometry import of_convolution
from pcsweep.network.convolution.spectral import Spectral


def of(name: str):
    return cases(blocks=name == "blocks")


NAMES = pytest.mark.parametrize("name", ["direct", "phases", "blocks", "spectral"])


@NAMES
@examples
@given(data=st.data())
def test_forward_is_the_layer(name, data):
    case = data.draw(of(name))
    bias = None if case.layer.bias is None else case.layer.bias.detach()
    close(case.algorithm(name).forward(case.given, bias), case.layer(case.given).detach())


@NAMES
@examples
@given(data=st.data())
def test_the_adjoint_is_the_gradient(name, data):
    case = data.draw(of(name))
    given = case.given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((case.layer(given) * case.error).sum(), given)
    algorithm = case.algorithm(name)
    close(algorithm.adjoint(case.error), gradient)
    close(algorithm.adjoint(case.error, case.bias), gradient + case.bias[:, None, None])


@NAMES
@examples
@given(data=st.data())
def test_both_directions_are_adjoint_to_one_another(name, data):
    case = data.draw(cases(blocks=name == "blocks", dtypes=(torch.float64,)))
    algorithm = case.algorithm(name)
    there = (algorithm.forward(case.given) * case.error).sum().item()
    back = (case.given * algorithm.adjoint(case.error)).sum().item()
    assert there == pytest.approx(back, rel=1e-10, abs=1e-9)


@NAMES
@settings(examples, max_examples=40)
@given(data=st.data())
def test_an_algorithm_multiplies_as_often_as_it_says(name, data):
    case = data.draw(of(name))
    algorithm = case.algorithm(name)
    for adjoint, call, maps in ((False, algorithm.forward, case.given), (True, algorithm.adjoint, case.error)):
        with FlopCounterMode(display=False) as counter:
            call(maps[:1])
        assert counter.get_total_flops() == 2 * algorithm.multiplications(adjoint)


@examples
@given(convolutions())
def test_a_convolution_is_the_adjoint_of_a_transposed_one(case):
    layer, maps, tile = case
    geometry = of_convolution(layer, maps.shape[2:])
    assert geometry is not None
    assert geometry.output == tuple(maps.shape[2:])
    bias = None if layer.bias is None else layer.bias.detach()
    close(Spectral(layer.weight.detach(), geometry, tile).adjoint(maps, bias), layer(maps).detach())
