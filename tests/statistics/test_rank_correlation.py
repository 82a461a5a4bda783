"""Spearman's correlation by an independent computation, and what it is by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pcsweep.statistics.rank_correlation import centred_ranks, rank_correlation


def plainly(one, other):
    """By mean ranks, counted pair by pair, and numpy's Pearson correlation."""
    ranks = [[sum(a > b for b in each) + sum(a == b for b in each) / 2 for a in each] for each in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


def test_it_is_pearson_s_of_mean_ranks_with_many_ties():
    generator = np.random.default_rng(0)
    one = generator.integers(0, 4, (30, 49)).astype(np.float32)
    other = one + generator.integers(0, 5, one.shape).astype(np.float32)
    expected = [plainly(a, b) for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(rank_correlation(one, other), expected, atol=1e-12)


def test_what_does_not_vary_is_undefined():
    rows = np.array([[1.0, 2, 3], [0, 0, 0], [1, np.nan, 2], [3, 3, 3]])
    found = rank_correlation(rows, np.array([[1.0, 2, 3]] * 4))
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan])
    assert np.isnan(rank_correlation(np.array([5.0]), np.array([7.0])))


@given(arrays(np.float64, (3, 12), elements=st.integers(-4, 4).map(float)), st.integers(0, 2**32 - 1))
def test_laws(values, seed):
    varies = (values != values[:, :1]).any(1)
    other = np.random.default_rng(seed).random(values.shape)
    same = rank_correlation(values, np.exp(values) + 1)  # of the order alone
    assert (same[varies] == 1).all()  # exactly
    assert np.isnan(same[~varies]).all()
    found = rank_correlation(values, other)
    np.testing.assert_array_equal(found, rank_correlation(other, values))
    np.testing.assert_allclose(found, -rank_correlation(values, -other), atol=1e-12)
    order = np.random.default_rng(seed).permutation(12)
    np.testing.assert_allclose(found, rank_correlation(values[:, order], other[:, order]), atol=1e-12)
    assert (np.abs(found[varies]) <= 1 + 1e-12).all()


@pytest.mark.parametrize("shape", [(1,), (4, 1), (2, 3, 9)])
def test_ranks_add_up_to_nothing(shape):
    ranks = centred_ranks(np.random.default_rng(1).integers(0, 3, shape).astype(float))
    assert ranks.shape == shape
    assert (ranks.sum(-1) == 0).all()
