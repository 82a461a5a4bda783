"""Spearman's rank correlation of pairs of rows (Spearman, 1904): of values in which some are equal, by their mean ranks."""

import numpy as np
from jaxtyping import Float, Float64

from pcsweep.statistics.bootstrap import ratio


def rank_correlation(
    one: Float[np.ndarray, "*rows values"], other: Float[np.ndarray, "*rows values"]
) -> Float64[np.ndarray, "*rows"]:
    """Pearson's correlation of the ranks within each row, in [−1, 1]; exactly 1 for rows of the same order.

    NaN where a row is constant, of one value, or has a NaN.

    >>> rank_correlation(np.array([0.0, 0.0, 1.0, 5.0]), np.array([1.0, 2.0, 3.0, 4.0])).round(4).item()
    0.9487
    """
    x, y = centred_ranks(one), centred_ranks(other)
    defined = ~(np.isnan(one).any(-1) | np.isnan(other).any(-1))
    found = ratio((x * y).sum(-1), np.sqrt((x * x).sum(-1)) * np.sqrt((y * y).sum(-1)))
    same = (x == y).all(-1) & (x != 0).any(-1)  # exactly, whatever the roots round to
    return np.where(defined, np.where(same, 1.0, found), np.nan)


def centred_ranks(values: Float[np.ndarray, "*rows n"]) -> Float64[np.ndarray, "*rows n"]:
    """Twice the difference of each rank to the middle one, which is a whole number; equal values share their mean rank."""
    n = values.shape[-1]
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, -1)
    begins = np.ones(values.shape, bool)  # whether a value is the first of its like
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    ends = np.ones(values.shape, bool)
    ends[..., :-1] = begins[..., 1:]
    place = np.broadcast_to(np.arange(n), values.shape)
    first = np.maximum.accumulate(np.where(begins, place, 0), axis=-1)
    last = np.flip(np.minimum.accumulate(np.flip(np.where(ends, place, n - 1), -1), axis=-1), -1)
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last - (n - 1)).astype(float), -1)
    return ranks
