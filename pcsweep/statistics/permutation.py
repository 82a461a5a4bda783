"""Tests of paired differences by flipping their signs, and the control of false discoveries over a grid."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

SIGNIFICANT = 0.05  # that q is below

_FEW = 25  # images of which all patterns of signs may be taken
_TIE = 1e-6  # of the sum of absolute differences: sums this close are equal but for rounding


def flips(images: int, permutations: int, seed: int) -> Float32[np.ndarray, "patterns images"]:
    """Signs of the images' differences, one pattern per row, the first of them all +1.

    All patterns where there are no more of them than asked for, and the test is exact; else so many random ones.
    """
    if _are_all(images, permutations):
        numbers = np.arange(2**images)[:, None] >> np.arange(images)
        return (1 - 2 * (numbers & 1)).astype(np.float32)
    generator = np.random.default_rng([seed, 1])
    signs = generator.integers(0, 2, (permutations + 1, images), np.int8)
    signs[0] = 1
    return np.where(signs, np.float32(1), np.float32(-1))


@dataclass(frozen=True, eq=False)
class Flipped:
    """Of rows of paired differences.

    Args:
        p: two-sided, of a mean difference of 0.
        strength: |Σ d| / √(Σ d²), the observed test statistic: a monotone function of |t|.
        strongest: the highest strength of any of a family's rows under each pattern of signs, the observed one first.
    """

    p: Float64[np.ndarray, "*families rows"]
    strength: Float64[np.ndarray, "*families rows"]
    strongest: Float32[np.ndarray, "*families patterns"]

    def of(self, family: int) -> "Flipped":
        """Those of one family of several."""
        return Flipped(self.p[family], self.strength[family], self.strongest[family])


def flipped(differences: Float[np.ndarray, "*families rows images"], signs: Float32[np.ndarray, "patterns images"]) -> Flipped:
    """Under the hypothesis that each image's difference is as likely to have either sign.

    Undefined differences are left out; a row without any has p = NaN.
    """
    undefined = np.isnan(differences)
    rows = np.where(undefined, 0, differences).astype(np.float32).reshape(-1, differences.shape[-1])
    found = np.abs(rows @ signs.T)
    least = found[:, :1] - _TIE * np.abs(rows).sum(axis=1, keepdims=True)
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    strength = np.divide(found, length, out=np.zeros_like(found), where=length > 0)
    nothing, shape = undefined.all(axis=-1), differences.shape[:-1]
    p, observed = (found >= least).mean(axis=1).reshape(shape), strength[:, 0].astype(np.float64).reshape(shape)
    strongest = strength.reshape(*shape, -1).max(axis=-2)
    return Flipped(np.where(nothing, np.nan, p), np.where(nothing, np.nan, observed), strongest)


def family_wise(
    strength: Float64[np.ndarray, "*tests"], strongest: Float32[np.ndarray, " patterns"]
) -> Float64[np.ndarray, "*tests"]:
    """p of each test within a family: the share of patterns under which any test of the family is as strong.

    The single-step maximum method (Westfall and Young, 1993): the probability of a single false discovery among all is at most p,
    so it holds for a test that was chosen because it looked best.

    Args:
        strength: of the tests.
        strongest: of any test, under each pattern of signs.
    """
    ordered = np.sort(strongest.astype(np.float64))
    below = np.searchsorted(ordered, strength * (1 - _TIE) - np.finfo(float).tiny)
    return np.where(np.isnan(strength), np.nan, (len(ordered) - below) / len(ordered))


def least(images: int, permutations: int) -> float:
    """The smallest p that `flipped` can give for so many images: of the observed pattern, and where all are drawn its mirror."""
    return 2 / 2**images if _are_all(images, permutations) else 1 / (permutations + 1)


def _are_all(images: int, permutations: int) -> bool:
    """Whether all patterns of signs are taken."""
    return images < _FEW and 2**images <= permutations + 1


def false_discovery(p: Float64[np.ndarray, "*tests"]) -> Float64[np.ndarray, "*tests"]:
    """q: the smallest false discovery rate at which each test is a discovery (Benjamini and Hochberg, 1995); NaN stays out."""
    q = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        from scipy.stats import false_discovery_control  # takes most of a second to import

        q[tested] = false_discovery_control(p[tested])
    return q
