"""Images that are others at every timestep: both kinds of dynamics against the oracle, alike to the bit in any company."""

import pytest
import torch
from hypothesis import given, settings
from reference import adaptation, trajectory
from torch import nn
from toy_network import MODULES, Backbone, Chain, grids, predictor, predictors

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.engine.schedule import Computation, counts, levels, structure
from pcsweep.network.loop import Loop, are_rectified
from pcsweep.network.stimulus import Stimulus
from pcsweep.pcoder.adaptation import RULE as ADAPTATION
from pcsweep.pcoder.predictive_coding import RULE


@torch.no_grad()
def moments(network, stimulus, rule, points, timesteps, rows):
    """r_1(t)..r_N(t) of every point: (point, t) to tensors (images, …)."""
    found = {}
    for moment in network.moments(stimulus, rule, points, timesteps, rows):
        for place, point in enumerate(moment.points):
            own = torch.arange(place * moment.images, (place + 1) * moment.images)
            found[point, moment.timestep] = [moment.rows(n, own).clone() for n in range(1, len(network.stages) + 1)]
    return found


@settings(max_examples=25, deadline=None, derandomize=True)
@given(grids())
def test_every_point_of_a_pack_follows_the_equations_with_the_images_of_its_timestep(case):
    points, timesteps, batch, rows, seed = case
    depth = len(points[0])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone, over_time = Chain(depth).double(), torch.randn(timesteps + 1, batch, 3, 8, 8).double()
        feedback = [predictor(n, n % 2 == 0).double() for n in range(depth)]
    network = PredictiveNetwork(backbone, [PCoder(f"blocks.{n}", p, 9.0) for n, p in enumerate(feedback)])
    asked = []

    def anew(timestep):
        asked.append(timestep)
        return over_time[timestep]

    found = moments(network, Stimulus(over_time[0], anew), RULE, points, timesteps, rows)
    assert set(found) == {(point, t) for point in range(len(points)) for t in range(timesteps + 1)}
    assert set(asked) == set(range(1, timesteps + 1))
    for point, rules in enumerate(points):
        expected = trajectory(backbone.blocks, feedback, [9.0] * depth, rules, backbone.top, list(over_time), timesteps)
        for t, (representations, _) in enumerate(expected):
            for ours, oracle in zip(found[point, t], representations, strict=True):
                torch.testing.assert_close(ours, oracle, rtol=1e-6, atol=1e-6 * max(1.0, oracle.abs().max().item()))


def test_adaptation_follows_its_equations_with_the_images_of_its_timestep():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        stages = [nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()), nn.Sequential(nn.Conv2d(4, 4, 3, stride=2), nn.ReLU())]
        over_time = torch.randn(5, 9, 3, 8, 8)
    stimulus = Stimulus(over_time[0], lambda timestep: over_time[timestep])
    points = [[(0.5, 0.3)] * 2, [(0.8, 1.0)] * 2]
    with torch.no_grad():
        for moment in Loop(stages, are_rectified(stages, over_time[0][:1])).moments(stimulus, ADAPTATION, points, 4):
            for point in moment.points:
                for image in range(9):
                    expected = adaptation(stages, [], *points[point][0], [each[image, None] for each in over_time], 4)
                    for ours, oracle in zip(moment.representations, expected[moment.timestep], strict=True):
                        torch.testing.assert_close(ours[image, None], oracle, rtol=1e-6, atol=1e-6)


def test_the_feedforward_network_is_computed_on_each_timesteps_images():
    network = golden_network()
    over_time = torch.randn(4, 8, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    stimulus = Stimulus(over_time[0], lambda timestep: over_time[timestep])
    found = moments(network, stimulus, RULE, [[(1.0, 0.0, 0.0)] * 3], 3, 8)
    for t in range(4):
        (expected,) = moments(network, over_time[t], RULE, [[(1.0, 0.0, 0.0)] * 3], 0, 8).values()
        for ours, oracle in zip(found[0, t], expected, strict=True):
            assert torch.equal(ours, oracle)


def golden_network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PredictiveNetwork(Backbone(), [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)])


PREDICTIVE = [[(0.4, 0.3, 0.05), (0.5, 0.2, 0.05), (0.6, 0.0, 0.05)], [(0.2, 0.8, 0.0)] * 3, [(1.0, 0.0, 0.0)] * 3]
PREDICTIVE += [[(1.0, 0.0, 0.0), (0.3, 0.3, 0.1), (1.0, 0.0, 0.0)], [(0.0, 0.0, 0.05)] * 3, [(0.0, 0.0, 0.0)] * 3]
ADAPTING = [[(0.5, 0.3)] * 3, [(0.9, 0.7)] * 3, [(0.5, 0.0)] * 3]


@pytest.mark.parametrize(("rule", "points"), [(RULE, PREDICTIVE), (ADAPTATION, ADAPTING)], ids=["predictive", "adaptation"])
def test_a_result_does_not_depend_on_its_company_to_the_bit(rule, points):
    network = golden_network()
    over_time = torch.randn(4, 24, 3, 16, 16, generator=torch.Generator().manual_seed(3))

    def of(start, stop):
        return Stimulus(over_time[0, start:stop], lambda timestep: over_time[timestep, start:stop])

    alone = {}
    for number, own in enumerate(points):
        for start in range(0, 24, 8):
            part = moments(network, of(start, start + 8), rule, [own], 3, 8)
            alone |= {(number, t, start): part[0, t] for t in range(4)}
    for step, rows in ((24, 8), (24, 48), (8, 16), (8, 64)):
        for start in range(0, 24, step):
            together = moments(network, of(start, start + step), rule, points, 3, rows)
            for (number, t), found in together.items():
                for first in range(0, step, 8):
                    for ours, own in zip(found, alone[number, t, start + first], strict=True):
                        assert torch.equal(ours[first : first + 8], own)


def test_images_that_are_given_anew_and_stay_are_those_that_stay_to_the_bit():
    network, images = golden_network(), torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    for rule, points in ((RULE, PREDICTIVE), (ADAPTATION, ADAPTING)):
        still = moments(network, images, rule, points, 3, 64)
        again = moments(network, Stimulus(images, lambda _: images), rule, points, 3, 64)
        for key, found in still.items():
            for ours, other in zip(found, again[key], strict=True):
                torch.testing.assert_close(ours, other, rtol=1e-6, atol=1e-6)


def test_the_schedule_says_that_nothing_driven_by_the_image_is_constant():
    plain, still = structure([(1.0, 0.0, 0.0)] * 3, changing=True), structure([(1.0, 0.0, 0.0)] * 3)
    assert still.constant == (True,) * 4
    assert plain.constant == (False,) * 4
    assert structure([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0)], changing=True).constant == (False, True, True)
    assert [level.drive for level in levels(plain, 2)] == [Computation.SHARED, Computation.COMPUTED, Computation.COMPUTED]
    assert [count.drives for count in counts([still], 5)] == [1, 1, 1]
    assert [count.drives for count in counts([plain], 5)] == [6, 6, 6]
    assert [count.drives for count in counts([plain, plain], 5)] == [6, 11, 11]


@settings(max_examples=15, deadline=None, derandomize=True)
@given(grids())
def test_no_more_is_computed_than_the_schedule_says(case):
    points, timesteps, _, _, seed = case
    depth, batch = len(points[0]), 2
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = PredictiveNetwork(Chain(depth), [PCoder(f"blocks.{n}", predictor(n, True)) for n in range(depth)])
    over_time = torch.randn(timesteps + 1, batch, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    engine = network.engine(over_time[0, :1])
    drives = [0] * depth

    def counted(n, function):
        def call(*given):
            drives[n] += len(given[0])
            return function(*given)

        return call

    for n, stage in enumerate(engine.network.stages):
        stage.forward = counted(n, stage.forward)
    with torch.no_grad():
        list(engine.moments(Stimulus(over_time[0], lambda timestep: over_time[timestep]), points, timesteps, 64))
    assert drives == [batch * count.drives for count in counts([structure(rules, True) for rules in points], timesteps)]
