"""Unrolling in time: the states of `run`, and gradients through every term."""

import pytest
import torch
from torch import nn
from toy_network import MODULES, Backbone

from pcsweep.network import Coefficients, PCoder, PredictiveNetwork


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_unrolling_yields_the_states_of_run(network, images, alpha):
    rules = Coefficients([0.3, 0.4, 0.5], [0.3, 0.2, 0.0], alpha)
    expected = network.run(images, rules, 3)
    for state, other in zip(network.unroll(images, rules.per_pcoder(3), 3), expected, strict=True):
        assert state.logits.requires_grad
        assert not other.logits.requires_grad
        torch.testing.assert_close(state.logits, other.logits, rtol=1e-6, atol=1e-6)


def test_the_gradient_through_time_is_that_of_finite_differences():
    """Of the predictors' weights and of β, λ and α, through g_n as well; the backbone is frozen, as in training."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.Tanh(), nn.Conv2d(2, 2, 3, padding=1), nn.Tanh(), nn.Flatten())
    levels = [
        PCoder("1", nn.ConvTranspose2d(2, 3, 3, padding=1), 4.0),
        PCoder("3", nn.Sequential(nn.ConvTranspose2d(2, 2, 3, padding=1), nn.Softplus()), 3.0),
    ]
    network = PredictiveNetwork(backbone, levels).double().requires_grad_(False)
    images = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    names, tensors = zip(*network.predictors.named_parameters(), strict=True)
    weights = torch.tensor([[0.4, 0.3, 0.3], [0.6, 0.0, 0.2]], dtype=torch.float64, requires_grad=True)

    def logits(weights, *predictors):
        with torch.random.fork_rng():
            replaced = {f"predictors.{name}": tensor for name, tensor in zip(names, predictors, strict=True)}
            with torch.nn.utils.stateless._reparametrize_module(network, replaced):
                rules = [tuple(row) for row in weights]
                rules[-1] = (rules[-1][0], 0.0, rules[-1][2])
                return list(network.unroll(images, rules, 3))[-1].logits.square().sum()

    inputs = [weights, *(tensor.detach().clone().requires_grad_() for tensor in tensors)]
    assert torch.autograd.gradcheck(logits, inputs, atol=1e-6, rtol=1e-4)


def test_unrolling_a_stage_that_returns_what_it_is_given():
    """Where r_2 is r_1 itself, the error's gradient by r_2 leaves r_1 alone."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Identity(), nn.ReLU(), nn.Flatten())
    levels = [PCoder(str(n), nn.ConvTranspose2d(4, below, 3, padding=1)) for n, below in enumerate((3, 4, 4))]
    network, images = PredictiveNetwork(backbone, levels), torch.randn(2, 3, 6, 6)
    rules = Coefficients([0.5, 0.5, 0.3], [0.2, 0.2, 0.0], 5.0)
    for state, expected in zip(network.unroll(images, rules.per_pcoder(3), 3), network.run(images, rules, 3), strict=True):
        torch.testing.assert_close(state.logits, expected.logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("coefficients", [Coefficients(0.5, 0.3, 0.0), Coefficients(0.5, 0.0, 0.1)], ids=["feedback", "error"])
def test_a_prediction_of_another_shape_is_refused(images, coefficients):
    feedback = [nn.ConvTranspose2d(8, 3, 5, padding=2), nn.ConvTranspose2d(12, 7, 10, stride=2, padding=4)]
    network = PredictiveNetwork(Backbone(), [PCoder(m, p) for m, p in zip(MODULES, feedback, strict=False)])
    with pytest.raises(ValueError, match=r"predictor on 'features.4' to return \(8, 16, 16\).*below it, but got \(7, "):
        list(network.unroll(images, coefficients.per_pcoder(2), 1))
