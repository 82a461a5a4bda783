"""The dynamics against what predify computed, against a plain transcription of the equations, and against their laws."""

import copy
import gc
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import trajectory
from torch import nn
from toy_network import MODULES, Backbone, Chain, predictor, predictors, weight

from pcsweep.attribution import grad_cam
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork, SumTooLarge

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.npz"))
SOME = Coefficients([0.3, 0.4, 0.5], [0.3, 0.2, 0.0], 0.05)


def distance(computed, expected):
    return ((computed - expected).norm() / expected.norm().clamp(min=1e-12)).item()


def test_there_are_golden_traces():
    assert len(GOLDEN) >= 7


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_predify_computes_the_same(path):
    with np.load(path) as arrays:
        golden = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    backbone, feedback = Backbone(), predictors()
    backbone.load_state_dict({name.removeprefix("backbone."): golden[name] for name in golden if name.startswith("backbone.")})
    for n, each in enumerate(feedback, start=1):
        prefix = f"predictor{n}."
        each.load_state_dict({name.removeprefix(prefix): golden[name] for name in golden if name.startswith(prefix)})
    sqrt_c = [golden[f"C_sqrt{n}"].item() if f"C_sqrt{n}" in golden else None for n in (1, 2, 3)]
    network = PredictiveNetwork(backbone, [PCoder(*parts) for parts in zip(MODULES, feedback, sqrt_c, strict=True)])
    coefficients = Coefficients(*(golden[name].double().tolist() for name in ("beta", "lambda", "alpha")))
    timesteps = max(int(name.split(".")[0][1:]) for name in golden if name[1].isdigit())
    states = list(network.run(golden["input"], coefficients, timesteps))
    assert [state.timestep for state in states] == list(range(timesteps + 1))
    for state in states:
        expected = [golden[f"t{state.timestep}.rep{n}"] for n in (1, 2, 3)]
        assert all(distance(r, e) < 1e-5 for r, e in zip(state.representations, expected, strict=True))
        assert distance(state.logits, golden[f"t{state.timestep}.logits"]) < 1e-5
        cam = grad_cam(network.head, state.representations[-1], golden["target"])
        assert distance(cam, golden[f"t{state.timestep}.gradcam"].squeeze(1)) < 1e-5


@st.composite
def cases(draw):
    depth = draw(st.integers(1, 4))
    rules = []
    for _ in range(depth):
        beta = draw(weight)
        rules.append((beta, draw(weight) * (1 - beta), draw(st.sampled_from([0.0, 0.01]) | st.floats(0, 1))))
    relus = draw(st.lists(st.booleans(), min_size=depth, max_size=depth))
    sqrt_cs = draw(st.lists(st.none() | st.floats(5, 30), min_size=depth, max_size=depth))
    return rules, relus, sqrt_cs, draw(st.integers(0, 3)), draw(st.integers(1, 3)), draw(st.integers(0, 1000))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(cases())
def test_random_networks_follow_the_equations(case):
    rules, relus, sqrt_cs, timesteps, batch, seed = case
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone, images = Chain(len(rules)).double(), torch.randn(batch, 3, 8, 8).double()
        feedback = [predictor(n, relu).double() for n, relu in enumerate(relus)]
    pcoders = [PCoder(f"blocks.{n}", p, c) for n, (p, c) in enumerate(zip(feedback, sqrt_cs, strict=True))]
    beta, lambda_, alpha = zip(*rules, strict=True)
    states = list(PredictiveNetwork(backbone, pcoders).run(images, Coefficients(beta, lambda_, alpha), timesteps))
    expected = trajectory(backbone.blocks, feedback, sqrt_cs, rules, backbone.top, images, timesteps)
    assert len(states) == len(expected) == timesteps + 1
    for state, (representations, logits) in zip(states, expected, strict=True):
        for computed, oracle in zip(state.representations, representations, strict=True):
            torch.testing.assert_close(computed, oracle, rtol=1e-9, atol=1e-9 * max(1.0, oracle.abs().max().item()))
        torch.testing.assert_close(state.logits, logits, rtol=1e-9, atol=1e-9 * max(1.0, logits.abs().max().item()))


def test_plain_feedforward_is_a_fixed_point_to_the_bit(network, images):
    states = list(network.run(images, Coefficients(1.0, 0.0, 0.0), 5))
    assert all(state.logits.equal(network(images)) for state in states)
    assert all(r.equal(f) for state in states for r, f in zip(state.representations, states[0].representations, strict=True))


def test_an_image_does_not_depend_on_its_neighbours(network, images):
    together = list(network.run(images, SOME, 4))[-1]
    order = torch.tensor([2, 0, 3, 1])
    shuffled = list(network.run(images[order], SOME, 4))[-1]
    torch.testing.assert_close(shuffled.logits, together.logits[order], rtol=1e-6, atol=1e-7)
    for n in range(4):
        alone = list(network.run(images[n : n + 1], SOME, 4))[-1]
        torch.testing.assert_close(alone.representations[-1], together.representations[-1][n : n + 1], rtol=1e-5, atol=1e-6)


def test_every_representation_is_the_same_alone_in_a_batch_and_in_any_order(network, images):
    together = list(network.run(images, SOME, 3))
    backwards = list(network.run(images.flip(0), SOME, 3))
    alone = [list(network.run(image[None], SOME, 3)) for image in images]
    for t, state in enumerate(together):
        for n, representation in enumerate(state.representations):
            assert distance(backwards[t].representations[n].flip(0), representation) < 1e-6
            assert distance(torch.cat([run[t].representations[n] for run in alone]), representation) < 1e-6


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_runs_the_same(network, images, copied):
    expected = list(network.run(images, SOME, 3))
    for state, original in zip(copied(network).run(images, SOME, 3), expected, strict=True):
        assert state.logits.equal(original.logits)


def test_memory_is_flat_in_time(network, images):
    counts = []
    for state in network.run(images, SOME, 12):
        gc.collect()
        counts.append(sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()))
        assert not any(r.requires_grad for r in [*state.representations, state.logits])
    assert len(set(counts[2:])) == 1


def test_later_steps_do_not_change_a_state(network, images):
    run = network.run(images, SOME, 3)
    first = next(run)
    kept = [r.clone() for r in first.representations]
    list(run)
    assert all(r.equal(k) for r, k in zip(first.representations, kept, strict=True))


def test_the_caller_keeps_its_gradient_mode(network, images):
    for _ in network.run(images, SOME, 2):
        assert torch.is_grad_enabled()
    with torch.no_grad():
        for _ in network.run(images, SOME, 2):
            assert not torch.is_grad_enabled()


def test_no_parameter_collects_a_gradient(network, images):
    list(network.run(images, SOME, 2))
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_copy_is_in_evaluation_mode_and_has_parameters_of_its_own(network, images):
    twin = copy.deepcopy(network)
    assert not any(module.training for module in [*twin.modules(), *pickle.loads(pickle.dumps(network)).modules()])
    before = network(images)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert network(images).equal(before)


def test_batch_normalisation_runs_in_evaluation_and_learns_nothing(images):
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    backbone[1].running_mean += 1.0
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    network = PredictiveNetwork(backbone, [PCoder("1", nn.ConvTranspose2d(4, 3, 3))])
    last = list(network.run(images, Coefficients(0.5, 0.0, 0.1), 2))[-1]
    assert backbone.training
    assert backbone[1].training
    assert all(before[name].equal(tensor) for name, tensor in backbone.state_dict().items())
    alone = list(network.run(images[:1], Coefficients(0.5, 0.0, 0.1), 2))[-1]
    assert distance(alone.logits, last.logits[:1]) < 1e-6
    assert network(images).equal(copy.deepcopy(backbone).eval()(images))


def test_a_weight_of_zero_leaves_no_trace_of_an_infinity(network, images):
    expected = network(images)
    with torch.no_grad():
        for parameter in network.predictors.parameters():
            parameter.fill_(float("inf"))
    states = list(network.run(images, Coefficients(1.0, 0.0, 0.0), 2))
    assert all(state.logits.equal(expected) for state in states)


def test_an_infinite_representation_is_not_undefined_where_its_memory_weighs_nothing():
    backbone = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.zeros(1, 3, 2, 2)
    images[0, 0, 0, 0] = float("inf")
    *_, last = PredictiveNetwork(backbone, [PCoder("0", nn.Identity())]).run(images, Coefficients(1.0, 0.0, 0.0), 2)
    assert last.representations[0].equal(images)


def test_a_network_at_rest_stays_where_it_is(network, images):
    first, *later = network.run(images, Coefficients(0.0, 0.0, 0.0), 3)
    assert all(r.equal(s) for state in later for r, s in zip(state.representations, first.representations, strict=True))


def test_only_an_active_pcoder_departs_from_feedforward(network, images):
    first, *_, last = network.run(images, SOME.restricted_to([2], 3), 3)
    changed = [not r.equal(s) for r, s in zip(last.representations, first.representations, strict=True)]
    assert changed == [False, True, True]  # the third is driven by the second


@pytest.mark.parametrize("timesteps", [0, 1, 4])
def test_a_run_yields_one_state_more_than_its_timesteps(network, images, timesteps):
    assert [state.timestep for state in network.run(images, SOME, timesteps)] == list(range(timesteps + 1))


def test_nothing_is_left_on_the_backbone(images):
    backbone = Backbone(dropout=0.5)
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    network = PredictiveNetwork(backbone, [PCoder(m, p) for m, p in zip(MODULES, predictors(), strict=True)])
    first, second = (list(network.run(images, SOME, 2))[-1].logits for _ in range(2))
    assert first.equal(second)  # no dropout: the network runs in evaluation mode
    assert backbone.training
    assert all(module.training for module in backbone.modules())
    assert backbone.features[1].inplace
    assert all(before[name].equal(tensor) for name, tensor in backbone.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks for module in backbone.modules())
    assert next(network.stages[0].parameters()) is backbone.features[0].weight


def test_the_last_feedback_is_inert(network, images):
    with_it = list(network.run(images, Coefficients([0.3, 0.4, 0.5], [0.3, 0.2, 0.5], 0.05), 3))[-1]
    assert with_it.logits.equal(list(network.run(images, SOME, 3))[-1].logits)


def test_inactive_pcoders_are_plain():
    restricted = Coefficients(0.4, 0.3, 0.1).restricted_to([2], 3)
    assert restricted.per_pcoder(3) == [(1, 0, 0), (0.4, 0.3, 0.1), (1, 0, 0)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((1.3, 0.0, 0.0), r"Expected `beta` to be in \[0, 1\], but got 1.3"),
        ((0.5, -0.1, 0.0), r"Expected `lambda` to be in \[0, 1\], but got -0.1"),
        ((0.5, 0.1, -1.0), "Expected `alpha` to be non-negative and finite, but got -1.0"),
        ((0.5, 0.1, float("nan")), "Expected `alpha` to be non-negative and finite, but got nan"),
        ((0.5, 0.1, float("inf")), "Expected `alpha` to be non-negative and finite, but got inf"),
        ((float("nan"), 0.1, 0.0), r"Expected `beta` to be in \[0, 1\], but got nan"),
        (([0.5, 1.3], 0.0, 0.0), r"Expected `beta` to be in \[0, 1\], but got 1.3"),
        (([0.5, 0.8], [0.1, 0.3], 0.0), "to be at most 1, but got 0.8"),
        (([], 0.0, 0.0), "one value per pcoder in each list"),
        (([0.5, 0.5], [0.1], 0.0), "one value per pcoder in each list"),
    ],
)
def test_wrong_coefficients_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Coefficients(*values)


def test_a_sum_over_one_has_an_error_of_its_own():
    with pytest.raises(SumTooLarge, match=r"`beta` \+ `lambda` to be at most 1, but got 0.8 \+ 0.3"):
        Coefficients(0.8, 0.3, 0.0)
    assert Coefficients(0.7000000000000001, 0.3, 0.0).per_pcoder(1) == [(0.7000000000000001, 0.3, 0.0)]


def test_wrong_arguments_are_refused(network, images):
    with pytest.raises(ValueError, match="`timesteps` to be at least 0, but got -1"):
        list(network.run(images, SOME, -1))
    with pytest.raises(ValueError, match="`beta` to be one number or 3, one per pcoder, but got 2"):
        list(network.run(images, Coefficients([0.1, 0.2], 0.0, 0.0), 1))
    with pytest.raises(ValueError, match="at least one pcoder"):
        PredictiveNetwork(Backbone(), [])
    with pytest.raises(ValueError, match="`sqrt_c` to be positive or None, but got 0"):
        PCoder("features.1", nn.Identity(), 0.0)
    wrong = PredictiveNetwork(Backbone(), [PCoder("features.1", nn.ConvTranspose2d(8, 3, 3))])
    with pytest.raises(ValueError, match=r"predictor on 'features.1' to return \(3, 16, 16\).*but got \(3, 18, 18\)"):
        list(wrong.run(images, Coefficients(0.5, 0.0, 0.1), 1))


@pytest.mark.parametrize("sqrt_c", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_not_positive_is_refused(sqrt_c):
    with pytest.raises(ValueError, match=f"`sqrt_c` to be positive or None, but got {sqrt_c}"):
        PCoder("features.1", nn.Identity(), sqrt_c)


@pytest.mark.parametrize(("name", "values"), [("lambda", (0.1, [0.1] * 4, 0.0)), ("alpha", (0.1, 0.1, [0.1]))])
def test_a_list_of_another_length_is_named(network, images, name, values):
    with pytest.raises(ValueError, match=f"`{name}` to be one number or 3, one per pcoder"):
        list(network.run(images, Coefficients(*values), 1))


def test_a_prediction_of_another_shape_is_refused_where_only_feedback_needs_it(images):
    feedback = [nn.ConvTranspose2d(8, 3, 5, padding=2), nn.ConvTranspose2d(12, 7, 10, stride=2, padding=4)]
    network = PredictiveNetwork(Backbone(), [PCoder(m, p) for m, p in zip(MODULES, feedback, strict=False)])
    with pytest.raises(ValueError, match=r"predictor on 'features.4' to return \(8, 16, 16\).*but got \(7, "):
        list(network.run(images, Coefficients(0.5, 0.3, 0.0), 1))
