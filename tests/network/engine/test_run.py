"""Packs of grid points: each against the oracle, alike to the bit in any company, and no more computed than the schedule says."""

import pytest
import torch
from hypothesis import given, settings
from reference import trajectory
from torch import nn
from toy_network import MODULES, Backbone, Chain, grids, predictor, predictors

from pcsweep.compute.cost import of_engine, tap_by_tap
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork
from pcsweep.network.convolution import choice
from pcsweep.network.convolution.closed_form import ClosedForm
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.engine.schedule import counts, structure
from pcsweep.pcoder.predictive_coding import RULE


@pytest.fixture
def transformed(monkeypatch):
    """Every layer by Fourier transforms, however small."""
    for name in ("_SMALL", "_PRODUCT", "_TRANSFORM", "_ROW"):
        monkeypatch.setattr(choice, name, 0.0)


def golden_network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return PredictiveNetwork(Backbone(), [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)])


@torch.no_grad()
def trajectories(network, images, points, timesteps, rows):
    """r_N(t) of every point: (point, t) to (images, …), and the logits."""
    found = {}
    for moment in network.engine(images[:1]).moments(images, points, timesteps, rows):
        top = moment.representations[-1]
        for place, point in enumerate(moment.points):
            first = 0 if moment.shared else place * moment.images
            found[point, moment.timestep] = top[first : first + moment.images].clone()
    return found


@settings(max_examples=25, deadline=None, derandomize=True)
@given(grids())
def test_every_point_of_a_pack_follows_the_equations(case):
    points, timesteps, batch, rows, seed = case
    depth = len(points[0])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone, images = Chain(depth).double(), torch.randn(batch, 3, 8, 8).double()
        feedback = [predictor(n, n % 2 == 0).double() for n in range(depth)]
    network = PredictiveNetwork(backbone, [PCoder(f"blocks.{n}", p, 9.0) for n, p in enumerate(feedback)])
    found = trajectories(network, images, points, timesteps, rows)
    assert set(found) == {(point, t) for point in range(len(points)) for t in range(timesteps + 1)}
    for point, rules in enumerate(points):
        expected = trajectory(backbone.blocks, feedback, [9.0] * depth, rules, backbone.top, images, timesteps)
        for t, (representations, _) in enumerate(expected):
            oracle = representations[-1]
            torch.testing.assert_close(found[point, t], oracle, rtol=1e-9, atol=1e-9 * max(1.0, oracle.abs().max().item()))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(grids())
def test_no_more_is_computed_than_the_schedule_says(case):
    points, timesteps, _, _, seed = case
    depth, batch = len(points[0]), 2
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = PredictiveNetwork(Chain(depth), [PCoder(f"blocks.{n}", predictor(n, True)) for n in range(depth)])
    images = torch.randn(batch, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    engine = network.engine(images[:1])
    rows = {"drive": [0] * depth, "prediction": [0] * depth, "gradient": [0] * depth}

    def counted(kind, n, function):
        def call(*given):
            rows[kind][n] += len(given[0])
            return function(*given)

        return call

    for n, (stage, own) in enumerate(zip(engine.network.stages, engine.network.predictors, strict=True)):
        stage.forward = counted("drive", n, stage.forward)
        assert isinstance(own, ClosedForm)
        own.predict = counted("prediction", n, own.predict)
        own.algorithm.adjoint = counted("gradient", n, own.algorithm.adjoint)
    with torch.no_grad():
        list(engine.moments(images, points, timesteps, 4))
    expected = counts([structure(rules) for rules in points], timesteps)
    assert rows["drive"] == [batch * count.drives for count in expected]
    assert rows["prediction"] == [batch * count.predictions for count in expected]
    assert rows["gradient"] == [batch * count.gradients for count in expected]


POINTS = [[(0.4, 0.3, 0.05), (0.5, 0.2, 0.05), (0.6, 0.0, 0.05)], [(0.2, 0.8, 0.0)] * 3, [(1.0, 0.0, 0.0)] * 3]
POINTS += [[(1.0, 0.0, 0.0), (0.3, 0.3, 0.1), (1.0, 0.0, 0.0)], [(0.4, 0.4, 0.05)] * 3, [(0.0, 0.0, 0.0)] * 3]


@pytest.mark.parametrize("how", ["direct", "transformed"])
def test_a_result_does_not_depend_on_its_company_to_the_bit(how, request):
    if how == "transformed":
        request.getfixturevalue("transformed")
    network = golden_network()
    images = torch.randn(24, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    alone = {}
    for number, rules in enumerate(POINTS):
        for start in range(0, 24, 8):
            part = trajectories(network, images[start : start + 8], [rules], 3, 8)
            alone |= {(number, t, start): part[0, t] for t in range(4)}
    for step, rows in ((24, 8), (24, 48), (8, 16), (8, 64)):
        for start in range(0, 24, step):
            together = trajectories(network, images[start : start + step], POINTS, 3, rows)
            for (number, t), found in together.items():
                for first in range(0, step, 8):
                    assert torch.equal(found[first : first + 8], alone[number, t, start + first])


def test_the_transformed_engine_computes_what_the_direct_one_does(transformed, monkeypatch):
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    network = golden_network()
    assert all(isinstance(own.algorithm, Spectral) for own in network.engine(images[:1]).network.predictors[1:])
    found = trajectories(network, images, POINTS, 10, 32)
    monkeypatch.setattr(choice, "_SMALL", 10**18)
    expected = trajectories(golden_network(), images, POINTS, 10, 32)
    for key, value in expected.items():
        assert (found[key] - value).norm() <= 1e-5 * value.norm()


def test_an_engine_notices_that_a_parameter_has_changed(transformed):
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    network, other = golden_network(), golden_network(seed=1)
    before = trajectories(network, images, POINTS[:1], 2, 8)
    network.load_state_dict(other.state_dict())
    after = trajectories(network, images, POINTS[:1], 2, 8)
    expected = trajectories(other, images, POINTS[:1], 2, 8)
    assert torch.equal(after[0, 2], expected[0, 2])
    assert not torch.equal(after[0, 2], before[0, 2])


def test_an_engine_is_made_once_for_images_of_one_size():
    network = golden_network()
    image = torch.zeros(1, 3, 16, 16)
    assert network.engine(image) is network.engine(image + 1)
    assert network.engine(torch.zeros(1, 3, 24, 24)) is not network.engine(image)


def test_two_runs_at_once_do_not_disturb_each_other(transformed):
    network = golden_network()
    images = torch.randn(2, 8, 3, 16, 16, generator=torch.Generator().manual_seed(6))
    alone = [trajectories(network, part, POINTS, 3, 16) for part in images]
    engine = network.engine(images[0, :1])
    with torch.no_grad():
        runs = [engine.moments(part, POINTS, 3, 16) for part in images]
        for moments in zip(*runs, strict=True):
            for moment, expected in zip(moments, alone, strict=True):
                top = moment.representations[-1]
                rows = top if moment.shared else top[: moment.images]
                assert torch.equal(rows, expected[moment.points[0], moment.timestep])


def test_the_multiplications_are_those_of_the_shapes():
    image = torch.zeros(1, 3, 16, 16)
    found = tap_by_tap(golden_network(), image, RULE)
    # 3 × 3 convolutions before each pooling: 3→8 on 16 × 16, then 2 × 2 pooling before 8→12 on 8 × 8 and 12→16 on 4 × 4
    assert found.drives == (3 * 8 * 9 * 256, 8 * 12 * 9 * 64, 12 * 16 * 9 * 16)
    # kernels of 5, 10 and 14 taps a side on 16 × 16, 8 × 8 and 4 × 4 cells
    assert found.predictions == (8 * 3 * 25 * 256, 12 * 8 * 100 * 64, 16 * 12 * 196 * 16)
    assert found.gradients == found.predictions
    assert found.head == 64 * 32 + 32 * 10


def test_a_pack_takes_what_its_parts_take():
    image = torch.zeros(1, 3, 16, 16)
    network = golden_network()
    each = of_engine(network, image, RULE)
    two = [[(0.4, 0.3, 0.05)] * 3, [(0.5, 0.2, 0.05)] * 3]
    timesteps = 3
    # at t = 0 and 1 both points share what they predict; t = 2 and 3 are their own
    predicted = (1 + 2 * 2) * (sum(each.predictions) + sum(each.gradients))
    driven = sum(each.drives) + 2 * timesteps * sum(each.drives[1:])
    assert each.of(RULE, two, timesteps) == predicted + driven + (1 + 2 * timesteps) * each.head
    assert each.everything(RULE, 2, timesteps) == 8 * (sum(each.drives) + sum(each.predictions) + sum(each.gradients) + each.head)


def test_a_module_used_twice_keeps_its_own_way(transformed):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.relu, self.two = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1)
            self.end = nn.Identity()

        def forward(self, images):
            return self.end(self.two(self.relu(self.two(self.relu(self.one(images)))))).mean((2, 3))

    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Twice()
        network = PredictiveNetwork(backbone, [PCoder("end", nn.ConvTranspose2d(4, 3, 3, padding=1))])
        images = torch.randn(8, 3, 8, 8)
    with torch.no_grad():
        expected = backbone(images)
    states = list(network.run(images, Coefficients(1.0, 0.0, 0.0), 1))
    torch.testing.assert_close(states[0].logits, expected)


class Small(nn.Module):
    """One block, and a head that hands on what it is given."""

    def __init__(self, layer):
        super().__init__()
        self.block = nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images):
        return self.block(images)


def test_states_that_are_kept_keep_their_logits():
    network = PredictiveNetwork(
        Small(nn.Conv2d(3, 4, 3)), [PCoder("block.2", nn.Sequential(nn.Linear(4, 192), nn.Unflatten(1, (3, 8, 8))))]
    )
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(8))
    states = list(network.run(images, Coefficients(0.4, 0.0, 5.0), 3))
    assert all(torch.equal(state.logits, state.representations[-1]) for state in states)
    assert not torch.equal(states[1].logits, states[2].logits)


@pytest.mark.parametrize("how", ["direct", "transformed"])
def test_an_empty_batch_has_empty_states(how, request):
    if how == "transformed":
        request.getfixturevalue("transformed")
    states = list(golden_network().run(torch.zeros(0, 3, 16, 16), Coefficients(0.4, 0.3, 0.1), 2))
    assert [state.logits.shape for state in states] == [(0, 10)] * 3


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_a_hook_on_a_layer_is_obeyed(transformed):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = torch.nn.utils.weight_norm(nn.Conv2d(3, 4, 3, padding=1))
        feedback = nn.ConvTranspose2d(4, 3, 3, padding=1)
    doubled = feedback.register_forward_hook(lambda module, inputs, output: 2 * output)
    backbone = nn.Sequential(layer, nn.ReLU())
    network = PredictiveNetwork(backbone, [PCoder("1", feedback)])
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(9))
    states = list(network.run(images, Coefficients(0.4, 0.0, 0.5), 2))
    expected = trajectory([backbone], [feedback], [None], [(0.4, 0.0, 0.5)], nn.Identity(), images, 2)
    doubled.remove()
    for state, (representations, _) in zip(states, expected, strict=True):
        torch.testing.assert_close(state.representations[0], representations[0])


def test_computing_leaves_the_mode_of_the_layers_alone():
    network = golden_network()
    network.stages.train()
    list(network.run(torch.zeros(1, 3, 16, 16), Coefficients(0.4, 0.3, 0.1), 1))
    assert all(module.training for module in network.stages.modules())


def test_a_predictor_that_begins_in_place_spares_the_representation():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = nn.Conv2d(3, 4, 3, padding=1)
        feedback = nn.Sequential(nn.ReLU(inplace=True), nn.ConvTranspose2d(4, 3, 3, padding=1))
    network = PredictiveNetwork(nn.Sequential(block, nn.Identity()), [PCoder("1", feedback)])
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(10))
    found = trajectories(network, images, [[(0.4, 0.0, 0.1)], [(0.8, 0.0, 0.1)]], 2, 8)
    for point, beta in enumerate((0.4, 0.8)):
        safe = [nn.Sequential(nn.ReLU(), feedback[1])]
        expected = trajectory([block], safe, [None], [(beta, 0.0, 0.1)], nn.Identity(), images, 2)
        for t, (representations, _) in enumerate(expected):
            torch.testing.assert_close(found[point, t], representations[0])
