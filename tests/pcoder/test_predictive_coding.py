"""The rule's weights: they add up to one, and the last pcoder has no feedback."""

import doctest
from contextlib import nullcontext

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pcsweep.pcoder import predictive_coding
from pcsweep.pcoder.predictive_coding import KEYS, RULE, Coefficients, SumTooLarge, update


def test_doctests():
    assert doctest.testmod(predictive_coding) == (0, 2)


@given(beta=st.floats(0, 1), share=st.floats(0, 1), alpha=st.floats(0, 1), is_last=st.booleans())
def test_what_is_kept_driven_and_fed_back_adds_up_to_one(beta, share, alpha, is_last):
    of = update((beta, share * (1 - beta), alpha), is_last)
    assert of.drive + of.feedback + of.memory == pytest.approx(1, abs=1e-8)
    assert of.error == -alpha
    assert of.memory >= 0
    assert of.feedback == (0 if is_last else share * (1 - beta))


def test_a_memory_of_rounding_is_none_and_weights_may_be_learned():
    assert update((0.7000000000000001, 0.3, 0.0), False).memory == 0
    learned = torch.tensor(0.2, requires_grad=True)
    update((0.5, learned, 0.0), False).memory.backward()
    assert learned.grad == -1


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.7000000000000001, 1.0])
@pytest.mark.parametrize("lambda_", [0.0, 0.3, 0.3000001, 1.0])
def test_what_tables_call_skipped_is_what_coefficients_refuse(beta, lambda_):
    skipped = RULE.is_skipped({"beta": beta, "lambda": lambda_, "alpha": 0.1})
    with pytest.raises(SumTooLarge) if skipped else nullcontext():
        Coefficients(beta, lambda_, 0.1)
    assert skipped == (beta + lambda_ > 1.00000001)


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("rule", [(1.0, 0.0, 0.0), (0.2, 0.0, 0.0), (0.4, 0.3, 0.0), (0.4, 0.0, 0.1), (0.0, 1.0, 0.0)])
def test_the_control_is_what_neither_feedback_nor_an_error_moves(rule, is_last):
    of = update(rule, is_last)
    assert RULE.is_feedforward(dict(zip(KEYS, rule, strict=True)), is_last) == (of.feedback == 0 and of.error == 0)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("beta", 1.01, r"in \[0, 1\]"),
        ("lambda", -0.1, r"in \[0, 1\]"),
        ("alpha", -1.0, "non-negative and finite"),
        ("alpha", float("inf"), "non-negative and finite"),
        ("beta", float("nan"), r"in \[0, 1\]"),
    ],
)
def test_a_value_outside_a_coefficients_range_is_refused_by_name(key, value, allowed):
    of = next(each for each in RULE.coefficients if each.key == key)
    with pytest.raises(ValueError, match=rf"^Expected `{key}` to be {allowed}, but got {value}\.$"):
        of.check(value)
