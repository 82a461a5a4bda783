"""Tests of paired differences by flipping their signs, and the control of false discoveries over a grid."""

import numpy as np
from jaxtyping import Float, Float32, Float64
from scipy.stats import false_discovery_control

_TIE = 1e-6  # of the sum of absolute differences: sums this close are equal but for rounding


def flips(images: int, permutations: int, seed: int) -> Float32[np.ndarray, "patterns images"]:
    """Signs of the images' differences, one pattern per row, the first of them all +1.

    All patterns where there are no more of them than asked for, and the test is exact; else so many random ones.
    """
    if images < 31 and 2**images <= permutations + 1:
        numbers = np.arange(2**images)[:, None] >> np.arange(images)
        return (1 - 2 * (numbers & 1)).astype(np.float32)
    generator = np.random.default_rng([seed, 1])
    signs = generator.integers(0, 2, (permutations + 1, images), np.int8)
    signs[0] = 1
    return np.where(signs, np.float32(1), np.float32(-1))


def p_values(
    differences: Float[np.ndarray, "*rows images"], signs: Float32[np.ndarray, "patterns images"]
) -> Float64[np.ndarray, "*rows"]:
    """Two-sided p of each row's mean difference under random signs; the observed pattern is counted among them.

    Under the hypothesis that each image's difference is as likely to have either sign. Undefined differences are left out; a row
    without any has p = NaN.
    """
    undefined = np.isnan(differences)
    rows = np.where(undefined, 0, differences).astype(np.float32).reshape(-1, differences.shape[-1])
    found = np.abs(rows @ signs.T)
    least = found[:, :1] - _TIE * np.abs(rows).sum(axis=1, keepdims=True)
    p: np.ndarray = (found >= least).mean(axis=1)
    return np.where(undefined.all(axis=-1), np.nan, p.reshape(differences.shape[:-1]))


def false_discovery(p: Float64[np.ndarray, "*tests"]) -> Float64[np.ndarray, "*tests"]:
    """q: the smallest false discovery rate at which each test is a discovery (Benjamini and Hochberg, 1995); NaN stays out."""
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        q[tested] = false_discovery_control(p[tested])
    return q
