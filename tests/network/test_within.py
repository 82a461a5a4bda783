"""Derivatives within one timestep, against differences of the equations written down once more."""

import pytest
import torch
from toy_network import MODULES, Backbone, predictors

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.engine.run import ROWS
from pcsweep.pcoder import rules

COEFFICIENTS = {
    "predictive_coding": [
        [(0.3, 0.4, 0.02), (0.5, 0.2, 0.01), (0.6, 0.0, 0.05)],
        [(0.9, 0.0, 0.0), (0.2, 0.5, 0.0), (0.7, 0.0, 0.0)],
    ],
    "adaptation": [[(0.5, 0.3), (0.2, 0.6), (0.8, 0.1)], [(0.0, 0.0), (0.9, 0.2), (0.1, 0.4)]],
}


@pytest.fixture
def exact():
    torch.manual_seed(0)
    made = [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)]
    return PredictiveNetwork(Backbone(), made).double().requires_grad_(False)


@pytest.fixture
def pictures():
    return torch.randn(2 * ROWS, 3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def coded(net, point, image, states, nudge):
    """r_1(t)..r_N(t) of one image from its states at t-1; the nudge is added to each as soon as it is there."""
    before, after = states[-1], []
    for n, (beta, lambda_, alpha) in enumerate(point):
        below = before[n - 1] if n else image
        r_n = before[n].clone().requires_grad_()
        with torch.enable_grad():
            predicted = net.predictors[n](r_n)
            (gradient,) = torch.autograd.grad((predicted - below).square().mean(), r_n)
        feedback = net.predictors[n + 1](before[n + 1]) if n + 1 < len(point) else 0.0
        lambda_ = lambda_ if n + 1 < len(point) else 0.0
        drive = net.stages[n](after[-1].clone() if after else image)
        scale = predicted.numel() / 20.0
        after.append(beta * drive + lambda_ * feedback + (1 - beta - lambda_) * before[n] - alpha * scale * gradient + nudge[n])
    return after


def adapted(net, point, image, states, nudge):
    after = []
    for n, (a, b) in enumerate(point):
        average = torch.zeros_like(states[0][n])
        for past in states:
            average = a * average + (1 - a) * past[n]
        drive = net.stages[n](after[-1].clone() if after else image)
        after.append((drive - b * average).clamp(min=0) + nudge[n])
    return after


TARGET = 4
STEP = {"predictive_coding": coded, "adaptation": adapted}


def logit(net, name, point, image, timestep, nudge):
    """Of class `TARGET` at a timestep at which the levels are nudged."""
    states = []
    for t in range(timestep + 1):
        now = nudge if t == timestep else (0.0, 0.0, 0.0)
        if t:
            states.append(STEP[name](net, point, image, states, now))
        else:
            r = []
            for n, stage in enumerate(net.stages):
                r.append(stage(r[-1].clone() if r else image) + now[n])
            states.append(r)
    return net.head(states[-1][-1].clone())[0, TARGET].item()


@pytest.mark.parametrize("timestep", [0, 1, 3])
@pytest.mark.parametrize("name", STEP)
def test_the_derivative_is_that_of_the_logits_when_one_level_is_nudged_within_the_timestep(exact, pictures, name, timestep):
    points, image = COEFFICIENTS[name], pictures[ROWS : ROWS + 1]
    seen = set()
    for moment in exact.moments(pictures, rules()[name], points, timestep, 64):
        if moment.timestep < timestep:
            continue
        targets = torch.full((moment.images * len(moment.points),), TARGET)
        for place, number in enumerate(moment.points[: len(points) if timestep else 1]):
            first = place * moment.images + ROWS  # where the second group of images begins
            within = exact.within(moment, torch.arange(first, first + ROWS))
            states, gradients = within.representations, within.derivatives(targets[:ROWS])
            for n, gradient in enumerate(gradients.values()):
                assert gradient.shape == states[n].shape
                draws = torch.Generator().manual_seed(n)
                direction = 1e-6 * torch.randn(gradient[:1].shape, generator=draws, dtype=torch.float64)
                direction = direction * (states[n][:1] > 0)  # where a pool of nothing but zeros has no derivative
                there, back = (
                    logit(exact, name, points[number], image, timestep, [sign * direction if m == n else 0.0 for m in range(3)])
                    for sign in (1, -1)
                )
                nudged = within.above(n + 1, states[n][:1] + direction, torch.zeros(1, dtype=torch.long))[0, TARGET].item()
                assert nudged == pytest.approx(there, rel=1e-10)
                slope = (gradient[0] * direction[0]).sum().item()
                assert slope == pytest.approx((there - back) / 2, rel=1e-4, abs=1e-13)
                assert abs(slope) > 1e-11
            seen.add(number)
    assert seen == set(range(len(points) if timestep else 1))


@pytest.mark.parametrize("name", STEP)
def test_states_are_those_of_the_moment_and_rows_follow_from_their_own_image(exact, pictures, name):
    points, rule = COEFFICIENTS[name], rules()[name]
    for moment in exact.moments(pictures, rule, points, 2, 64):
        count = moment.images * len(moment.points)
        for first in range(0, moment.images if moment.timestep == 0 else count, ROWS):
            within = exact.within(moment, torch.arange(first, first + ROWS))
            for r, known in zip(within.representations, moment.representations, strict=True):
                start = first if len(known) == count else first % moment.images
                assert torch.equal(r, known[start : start + ROWS])
            logits = exact.head(within.representations[-1].clone())
            own = torch.tensor([5, 2, 2])
            for n, r in enumerate(within.representations, start=1):
                torch.testing.assert_close(within.above(n, r[own], own), logits[own], rtol=1e-10, atol=1e-12)


def test_without_a_feedforward_weight_nothing_below_reaches_the_logits(exact, pictures):
    point = [(0.5, 0.2, 0.0), (0.5, 0.2, 0.0), (0.0, 0.0, 0.0)]
    *_, moment = exact.moments(pictures, rules()["predictive_coding"], [point], 1, 64)
    gradients = exact.within(moment, torch.arange(ROWS)).derivatives(torch.full((ROWS,), TARGET))
    assert [bool((gradient != 0).any()) for gradient in gradients.values()] == [False, False, True]


def test_nothing_is_left_on_the_network(exact, pictures):
    exact.requires_grad_(True)
    *_, moment = exact.moments(pictures, rules()["adaptation"], COEFFICIENTS["adaptation"], 1, 64)
    exact.within(moment, torch.arange(ROWS)).derivatives(torch.full((ROWS,), TARGET))
    assert all(parameter.grad is None for parameter in exact.parameters())


def test_a_rules_own_step_is_not_rounded_where_what_stages_compute_is():
    torch.manual_seed(0)
    made = [PCoder(m, p) for m, p in zip(MODULES, predictors(), strict=True)]
    net, rows = PredictiveNetwork(Backbone(), made).requires_grad_(False), torch.arange(ROWS)
    images = torch.randn(ROWS, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        *_, moment = net.moments(images, rules()["surround"], [[(0.3, 0.7)] * 3], 2, 64)
        for n in (2, 3):
            drive = net.stages[n - 1](moment.rows(n - 1, rows).clone()).float()
            assert torch.equal(moment.upward(n, drive, drive, rows, 0), moment.rows(n, rows))
