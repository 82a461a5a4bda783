"""Predictors without autograd against the same by autograd."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pcsweep.network.convolution.closed_form import ClosedForm, Differentiated, transposed_convolution
from pcsweep.network.convolution.direct import Blocks, Direct, Phases
from pcsweep.network.convolution.geometry import Axis, Geometry
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.workspace import Workspace

ALGORITHMS = {
    "direct": lambda kernel, geometry, tile, workspace: Direct(kernel, geometry),
    "phases": lambda kernel, geometry, tile, workspace: Phases(kernel, geometry),
    "blocks": lambda kernel, geometry, tile, workspace: Blocks(kernel, geometry),
    "spectral": Spectral,
    "spectral in place": lambda *given: Spectral(*given, results="predictor"),
}


@st.composite
def cases(draw, stride_one):
    kernel, stride = draw(st.integers(2, 7)), 1 if stride_one else draw(st.integers(1, 3))
    padding, size, tile = draw(st.integers(0, kernel // 2)), draw(st.integers(kernel // 2 + 1, 9)), draw(st.integers(1, 12))
    size += stride_one and (size - 1 + kernel) % 2
    below, batch, bias, seed = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.booleans()), draw(st.integers(0, 1000))
    axis = Axis(size, kernel, stride, padding)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layer = nn.ConvTranspose2d(8, below, kernel, stride, padding, bias=bias).double().requires_grad_(False)
        maps = torch.randn(batch, 8, size, size).double(), torch.randn(batch, below, axis.output, axis.output).double()
    if draw(st.booleans()):
        maps = tuple(each.contiguous(memory_format=torch.channels_last) for each in maps)
    return layer, Geometry(axis, axis), tile, *maps


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("name", ALGORITHMS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data())
def test_predictions_and_gradients_are_those_of_autograd(name, rectified, data):
    layer, geometry, tile, representation, below = data.draw(cases(stride_one=name == "blocks"))
    workspace = Workspace()
    way = ALGORITHMS[name](layer.weight, geometry, tile, workspace)
    closed = ClosedForm(way, layer.bias, rectified, workspace)
    module = nn.Sequential(layer, nn.ReLU()) if rectified else layer
    expected = Differentiated(module, below.shape[1:], "r").predict_and_differentiate(representation, below)
    given = representation.clone(), below.clone()
    torch.testing.assert_close(closed.predict(representation), expected[0], rtol=1e-9, atol=1e-9)
    for computed, oracle in zip(closed.predict_and_differentiate(representation, below), expected, strict=True):
        torch.testing.assert_close(computed, oracle, rtol=1e-9, atol=1e-9 * max(1.0, oracle.abs().max().item()))
    assert representation.equal(given[0])
    assert below.equal(given[1])


@pytest.mark.parametrize("name", ALGORITHMS)
def test_where_nothing_is_predicted_no_gradient_flows(name):
    axis, workspace = Axis(4, 3, 1, 1), Workspace()
    way = ALGORITHMS[name](torch.zeros(8, 2, 3, 3), Geometry(axis, axis), 2, workspace)
    made = ClosedForm(way, torch.tensor([-1.0, 0.0]), True, workspace).predict_and_differentiate(
        torch.randn(1, 8, 4, 4), torch.randn(1, 2, 4, 4)
    )
    assert all(each.equal(torch.zeros_like(each)) for each in made)


def test_differentiating_is_of_half_the_squared_error():
    representation, below = torch.randn(2, 3, 4, 4).double(), torch.randn(2, 3, 4, 4).double()
    made = Differentiated(nn.Sigmoid(), below.shape[1:], "r").predict_and_differentiate(representation, below)
    prediction = representation.sigmoid()
    assert made[0].equal(prediction)
    torch.testing.assert_close(made[1], (prediction - below) * prediction * (1 - prediction))
    assert not any(each.requires_grad for each in made)


def test_differentiating_leaves_parameters_alone():
    module = nn.ConvTranspose2d(2, 3, 3, padding=1)
    with torch.no_grad():
        made = Differentiated(module, torch.Size([3, 4, 4]), "r").predict_and_differentiate(
            torch.randn(1, 2, 4, 4), torch.randn(1, 3, 4, 4)
        )
    assert made[1].any()
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("call", ["predict", "predict_and_differentiate"])
def test_a_prediction_of_another_shape_is_refused(call):
    predictor = Differentiated(nn.ConvTranspose2d(2, 3, 3), torch.Size([3, 4, 4]), "features.4")
    given = (torch.randn(1, 2, 4, 4), torch.randn(1, 3, 4, 4))[: 1 if call == "predict" else 2]
    with pytest.raises(ValueError, match=r"predictor on 'features.4' to return \(3, 4, 4\).*but got \(3, 6, 6\)"):
        getattr(predictor, call)(*given)


LAYER = nn.ConvTranspose2d(4, 3, 3)


class Own(nn.Sequential):
    """May compute anything."""


@pytest.mark.parametrize(
    ("predictor", "rectified"),
    [
        (LAYER, False),
        (nn.Sequential(LAYER), False),
        (nn.Sequential(LAYER, nn.ReLU()), True),
        (nn.Sequential(LAYER, nn.ReLU(inplace=True)), True),
        (nn.Sequential(nn.Sequential(nn.Identity(), nn.Sequential(LAYER)), nn.Identity(), nn.Sequential(nn.ReLU())), True),
        (nn.Sequential(nn.Sequential(), LAYER, nn.Identity()), False),
    ],
)
def test_a_transposed_convolution_is_recognised(predictor, rectified):
    layer, follows = transposed_convolution(predictor)
    assert layer is LAYER
    assert follows is rectified


@pytest.mark.parametrize(
    "predictor",
    [
        nn.Identity(),
        nn.Sequential(),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3),
        nn.Sequential(nn.Upsample(scale_factor=2), LAYER),
        nn.Sequential(nn.ReLU(), LAYER),
        nn.Sequential(LAYER, nn.ConvTranspose2d(3, 3, 3)),
        nn.Sequential(LAYER, nn.Sigmoid()),
        nn.Sequential(LAYER, nn.ReLU6()),
        nn.Sequential(LAYER, nn.ReLU(), nn.ReLU()),
        nn.Sequential(LAYER, nn.ReLU(), nn.Sequential(nn.Sigmoid())),
        nn.ConvTranspose1d(4, 3, 3),
        Own(LAYER),
        nn.Sequential(Own(LAYER), nn.ReLU()),
    ],
)
def test_other_predictors_are_not(predictor):
    assert transposed_convolution(predictor) is None
