"""The rule's weights: they add up to one, and the last pcoder has no feedback."""

import doctest

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pcsweep.pcoder import predictive_coding
from pcsweep.pcoder.predictive_coding import update


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
