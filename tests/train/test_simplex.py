"""Learned coefficients: they start where they should, stay coefficients, and can be learned from the border."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.network import Coefficients
from pcsweep.train.simplex import INSIDE, LearnedCoefficients


@given(beta=st.floats(0.01, 0.5), lambda_=st.floats(0.01, 0.48), alpha=st.floats(0.002, 5))
def test_they_start_at_the_values_asked_for(beta, lambda_, alpha):
    learned = LearnedCoefficients(Coefficients(beta, lambda_, alpha), 3).coefficients()
    assert learned.beta == pytest.approx([beta] * 3, rel=1e-4)
    assert learned.lambda_ == pytest.approx([lambda_, lambda_, 0.0], rel=1e-4)
    assert learned.alpha == pytest.approx([alpha] * 3, rel=1e-4)


@pytest.mark.parametrize(("beta", "lambda_", "alpha"), [(0.0, 0.0, 0.0), (1.0, 0.0, 0.1), (0.0, 1.0, 0.1), (0.5, 0.5, 0.1)])
def test_the_border_is_moved_inside_and_has_gradients(beta, lambda_, alpha):
    learned = LearnedCoefficients(Coefficients(beta, lambda_, alpha), 2)
    now = learned.coefficients()
    assert now.beta == pytest.approx([beta] * 2, abs=3 * INSIDE)
    assert now.lambda_ == pytest.approx([lambda_, 0.0], abs=3 * INSIDE)
    if not alpha:
        assert now.alpha == [0.0, 0.0]  # an α of 0 asks for no gradient and stays
    sum((n + 1) * weight for n, rule in enumerate(learned.rules()) for weight in rule).backward()
    assert learned.logits.grad.isfinite().all()
    assert learned.logits.grad[0].abs().max() > 1e-5


@settings(max_examples=30)
@given(st.lists(st.floats(-1e4, 1e4), min_size=8, max_size=8))
def test_any_step_leaves_coefficients(numbers):
    learned = LearnedCoefficients(Coefficients(0.3, 0.3, 0.1), 2)
    with torch.no_grad():
        learned.logits.copy_(torch.tensor(numbers[:6]).view(2, 3))
        learned.rates.copy_(torch.tensor(numbers[6:]))
    now = learned.coefficients()  # Coefficients refuses what is none
    assert now.lambda_[-1] == 0
    assert learned.rules()[-1][1] == 0.0


def test_what_is_not_learned_stays_exactly_as_it_was():
    start = Coefficients([1.0, 0.5, 0.0], [0.0, 0.5, 0.0], [0.0, 0.1, 0.0])
    fixed = LearnedCoefficients(start, 3, ())
    assert fixed.rules() == start.per_pcoder(3) == fixed.coefficients().per_pcoder(3)
    partly = LearnedCoefficients(start, 3, [2])
    assert [partly.rules()[n] for n in (0, 2)] == [start.per_pcoder(3)[n] for n in (0, 2)]
    assert partly.rules()[1][0].item() == pytest.approx(0.5, abs=INSIDE)
