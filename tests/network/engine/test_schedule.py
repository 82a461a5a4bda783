"""What is computed when: tables by hand, and random networks in which nothing moves that is said to be constant."""

from dataclasses import astuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import trajectory

from pcsweep.network.engine.schedule import Computation, Structure, counts, levels, structure

NONE, ONCE, EACH = Computation.SKIPPED, Computation.SHARED, Computation.COMPUTED

PLAIN = (1.0, 0.0, 0.0)
FULL = (0.4, 0.3, 0.1)
FEEDFORWARD = [PLAIN, PLAIN, PLAIN]
ALL = [FULL, FULL, FULL]
SECOND = [PLAIN, FULL, PLAIN]
RESTING = [(0.0, 0.3, 0.1), (0.0, 0.0, 0.0), (0.5, 0.0, 0.1)]  # β = 0 in the first two, and the second has nothing else
NO_FEEDBACK = [(0.5, 0.0, 0.1), (0.5, 0.0, 0.0), (0.5, 0.0, 0.1)]
NO_CORRECTION = [(0.5, 0.3, 0.0), (0.0, 0.3, 0.0), (0.5, 0.3, 0.0)]


def table(rules, timestep, alone=False):
    return [astuple(level) for level in levels(structure(rules), timestep, alone)]


# One row per pcoder: drive, prediction, gradient, state.
FIRST_STEP = {
    "feedforward": (FEEDFORWARD, [(NONE, NONE, NONE, ONCE), (NONE, NONE, NONE, ONCE), (NONE, NONE, NONE, ONCE)]),
    "all": (ALL, [(ONCE, ONCE, ONCE, EACH), (EACH, ONCE, ONCE, EACH), (EACH, ONCE, ONCE, EACH)]),
    "second": (SECOND, [(NONE, NONE, NONE, ONCE), (ONCE, ONCE, ONCE, EACH), (EACH, ONCE, NONE, EACH)]),
    "resting": (RESTING, [(NONE, ONCE, ONCE, EACH), (NONE, ONCE, NONE, ONCE), (ONCE, ONCE, ONCE, EACH)]),
    "no feedback": (NO_FEEDBACK, [(ONCE, ONCE, ONCE, EACH), (EACH, NONE, NONE, EACH), (EACH, ONCE, ONCE, EACH)]),
    "no correction": (NO_CORRECTION, [(ONCE, NONE, NONE, EACH), (NONE, ONCE, NONE, EACH), (EACH, ONCE, NONE, EACH)]),
}
LATER = {
    "feedforward": (FEEDFORWARD, [(NONE, NONE, NONE, ONCE), (NONE, NONE, NONE, ONCE), (NONE, NONE, NONE, ONCE)]),
    "all": (ALL, [(ONCE, EACH, EACH, EACH), (EACH, EACH, EACH, EACH), (EACH, EACH, EACH, EACH)]),
    "second": (SECOND, [(NONE, NONE, NONE, ONCE), (ONCE, EACH, EACH, EACH), (EACH, EACH, NONE, EACH)]),
    "resting": (RESTING, [(NONE, EACH, EACH, EACH), (NONE, ONCE, NONE, ONCE), (ONCE, EACH, EACH, EACH)]),
    "no feedback": (NO_FEEDBACK, [(ONCE, EACH, EACH, EACH), (EACH, NONE, NONE, EACH), (EACH, EACH, EACH, EACH)]),
    "no correction": (NO_CORRECTION, [(ONCE, NONE, NONE, EACH), (NONE, EACH, NONE, EACH), (EACH, EACH, NONE, EACH)]),
}


@pytest.mark.parametrize("name", FIRST_STEP)
def test_the_first_step_predicts_from_what_all_points_share(name):
    rules, expected = FIRST_STEP[name]
    assert table(rules, 1) == expected


@pytest.mark.parametrize("timestep", [2, 3, 10])
@pytest.mark.parametrize("name", LATER)
def test_later_steps_predict_from_what_has_moved(name, timestep):
    rules, expected = LATER[name]
    assert table(rules, timestep) == expected


@pytest.mark.parametrize("timestep", [1, 2, 10])
@pytest.mark.parametrize("name", LATER)
def test_a_point_that_is_alone_computes_every_step_alike(name, timestep):
    rules, expected = LATER[name]
    assert table(rules, timestep, alone=True) == expected


def test_a_structure_tells_which_terms_there_are():
    assert structure(RESTING) == Structure((False, False, True), (True, False, False), (True, False, True))
    assert structure(NO_CORRECTION) == Structure((True, False, True), (True, True, False), (False, False, False))


def test_the_last_feedback_is_no_term():
    assert structure([(0.5, 0.0, 0.1), (0.5, 0.3, 0.1)]) == structure([(0.5, 0.0, 0.1), (0.5, 0.0, 0.1)])
    assert table([(0.0, 0.3, 0.0)], 2) == [(NONE, NONE, NONE, ONCE)]


def test_points_of_other_weights_have_the_same_structure():
    assert structure([(0.1, 0.2, 0.3), (1.0, 0.0, 0.0)]) == structure([(0.5, 0.5, 9.0), (0.2, 0.0, 0.0)])


@pytest.mark.parametrize(
    ("rules", "constant"),
    [
        (FEEDFORWARD, (True, True, True, True)),
        (ALL, (True, False, False, False)),
        (SECOND, (True, True, False, False)),
        (RESTING, (True, False, True, False)),
        ([FULL, (0.0, 0.0, 0.0), PLAIN], (True, False, True, True)),
    ],
)
def test_only_what_nothing_moves_is_constant(rules, constant):
    assert structure(rules).constant == constant


@pytest.mark.parametrize(
    ("points", "timesteps", "expected"),
    [
        ([FEEDFORWARD, FEEDFORWARD], 3, [(1, 0, 0), (1, 0, 0), (1, 0, 0)]),
        ([ALL], 3, [(1, 3, 3), (4, 3, 3), (4, 3, 3)]),
        ([ALL, ALL], 3, [(1, 5, 5), (7, 5, 5), (7, 5, 5)]),
        ([ALL, FEEDFORWARD, SECOND], 2, [(1, 2, 2), (3, 3, 3), (5, 3, 2)]),
        ([RESTING], 4, [(1, 4, 4), (1, 1, 0), (1, 4, 4)]),
        ([ALL, ALL], 0, [(1, 0, 0), (1, 0, 0), (1, 0, 0)]),
    ],
)
def test_a_pack_computes_what_its_points_share_once(points, timesteps, expected):
    found = counts([structure(rules) for rules in points], timesteps)
    assert [(each.drives, each.predictions, each.gradients) for each in found] == expected


weight = st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0])


@st.composite
def random_rules(draw):
    rules = []
    for _ in range(draw(st.integers(1, 4))):
        beta = draw(weight)
        rules.append((beta, draw(weight) * (1 - beta), draw(st.sampled_from([0.0, 0.0, 0.5]))))
    return rules


@settings(max_examples=60, deadline=None, derandomize=True)
@given(random_rules(), st.integers(0, 1000))
def test_what_is_shared_never_moves_and_what_is_skipped_has_no_weight(rules, seed):
    timesteps, width = 3, 4
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        maps = [torch.randn(2, width, width).double() for _ in rules]
        images = torch.randn(2, width).double()
    stages = [lambda below, matrix=pair[0]: torch.tanh(below @ matrix) for pair in maps]
    predictors = [lambda above, matrix=pair[1]: above @ matrix for pair in maps]
    states = [r for r, _ in trajectory(stages, predictors, [None] * len(rules), rules, torch.sum, images, timesteps)]
    for timestep in range(1, timesteps + 1):
        for n, level in enumerate(levels(structure(rules), timestep)):
            first, before, now = (states[t][n] for t in (0, timestep - 1, timestep))
            below = states[timestep][n - 1] if n else images
            beta, _, alpha = rules[n]
            fed = rules[n - 1][1] if n else 0.0
            assert torch.allclose(now, first, rtol=1e-12) is (level.state is Computation.SHARED)
            assert level.state is not Computation.SKIPPED
            if level.drive is Computation.SKIPPED:
                assert beta == 0 or level.state is Computation.SHARED
            if level.drive is Computation.SHARED:
                assert torch.allclose(stages[n](below), first, rtol=1e-12)
            if level.prediction is Computation.SHARED:
                assert torch.allclose(before, first, rtol=1e-12)
            if level.gradient is Computation.SHARED:
                assert timestep == 1
            assert (level.prediction is Computation.SKIPPED) is (alpha == fed == 0)
            assert (level.gradient is Computation.SKIPPED) is (alpha == 0)
