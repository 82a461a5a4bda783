"""The benchmark's reference computes what the package computes, so that their times may be compared."""

import importlib.util
from pathlib import Path

import pytest
import torch
from toy_network import MODULES, Backbone, predictors

from pcsweep.attribution import grad_cam
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork

PATH = Path(__file__).parents[1] / "benchmarks/reference.py"
if not PATH.exists():
    pytest.skip("the benchmarks are not in source distributions", allow_module_level=True)
SPEC = importlib.util.spec_from_file_location("benchmark_reference", PATH)
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)

TIMESTEPS = 4
SETS = [Coefficients([0.3, 0.4, 0.5], [0.3, 0.2, 0.4], 0.05), Coefficients([0.2, 1.0, 0.0], [0.8, 0.0, 0.0], [0.0, 0.0, 0.1])]


def networks(sqrt_c=20.0):
    torch.manual_seed(0)
    pcoders = [PCoder(m, p, sqrt_c) for m, p in zip(MODULES, predictors(), strict=True)]
    network = PredictiveNetwork(Backbone(), pcoders)
    return network, reference.parts_of(network, Backbone())


def close(computed, expected):
    assert expected.any()
    torch.testing.assert_close(computed, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize("sqrt_c", [20.0, None])
def test_the_reference_computes_what_the_package_computes(sqrt_c):
    network, parts = networks(sqrt_c)
    images, targets = torch.randn(4, 3, 16, 16), torch.tensor([0, 3, 3, 9])
    theirs = reference.Reference(parts, SETS[0].per_pcoder(3))
    for coefficients in SETS:  # with one network, whose state is forgotten in between
        theirs.rules = coefficients.per_pcoder(3)
        steps = reference.trajectory(theirs, images, targets, TIMESTEPS)
        for state, step in zip(network.run(images, coefficients, TIMESTEPS), steps, strict=True):
            close(step.logits, state.logits)
            close(step.representation, state.representations[-1])
            close(step.cam, grad_cam(network.head, state.representations[-1], targets))
            assert not any(tensor.requires_grad for tensor in (step.logits, step.representation, step.cam))


def test_captum_advances_the_state_once():
    _, parts = networks()
    theirs = reference.Reference(parts, SETS[0].per_pcoder(3))
    passes = []
    theirs.backbone.register_forward_hook(lambda *_: passes.append(theirs.representation))
    steps = reference.trajectory(theirs, torch.randn(2, 3, 16, 16), torch.tensor([1, 2]), TIMESTEPS)
    assert len(passes) == len(steps) == TIMESTEPS + 1
    assert all(step.representation.equal(seen) for step, seen in zip(steps, passes, strict=True))


def test_the_reference_leaves_the_network_alone():
    network, parts = networks()
    reference.Reference(parts, SETS[0].per_pcoder(3))
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(module._forward_hooks for module in [*network.modules(), *parts.backbone.modules()])
