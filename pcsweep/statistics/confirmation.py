"""What was chosen on one half of the images, estimated on the other, which had no say in the choice (Cox, 1975).

The estimates of both halves are made for every row, so that whoever chooses by the choosing half alone finds what the confirming
half says of the choice. They are in closed form, where resamples of every row's half would cost as much again as those of all
images: intervals and p of means are Student's, those of a ratio by its linearisation (Cochran, 1977); those of a metric of
all images together by leaving out a group of images at a time (the delete-a-group jackknife, Kott, 2001).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float64, Int
from scipy.special import stdtr, stdtrit

from pcsweep.statistics.bootstrap import LEVELS, Resamples, mean, ratio, relative
from pcsweep.statistics.paired import PairedValues, deviation, standardised
from pcsweep.statistics.pooled import Pooled
from pcsweep.statistics.student import half_width

GROUPS = 20  # of a half's images, for the jackknife
Pair = tuple[Pooled, Pooled | None]  # at t, and at t = 0 of the same images and noise seeds; None where that is in the first


@dataclass(frozen=True)
class Confirmation:
    """Every array is (metrics, timesteps): on the choosing half of the images, and on the confirming half."""

    choosing_normalized: Float64[np.ndarray, "metrics timesteps"]  # mean(t) / mean(0), of what is defined at both
    choosing_difference: Float64[np.ndarray, "metrics timesteps"]  # mean of what an image gains on t = 0
    choosing_pairs: Int[np.ndarray, "metrics timesteps"]  # images with a defined gain
    confirming_normalized: Float64[np.ndarray, "metrics timesteps"]
    confirming_normalized_low: Float64[np.ndarray, "metrics timesteps"]
    confirming_normalized_high: Float64[np.ndarray, "metrics timesteps"]
    confirming_difference: Float64[np.ndarray, "metrics timesteps"]
    confirming_difference_low: Float64[np.ndarray, "metrics timesteps"]
    confirming_difference_high: Float64[np.ndarray, "metrics timesteps"]
    confirming_p: Float64[np.ndarray, "metrics timesteps"]  # two-sided, of no gain
    confirming_pairs: Int[np.ndarray, "metrics timesteps"]


CONFIRMATIONS = tuple(field.name for field in fields(Confirmation))


def confirming_half(images: Sequence[str], classes: Int[np.ndarray, " images"], seed: int) -> Bool[np.ndarray, " images"]:
    """Which images confirm; the others choose.

    Every second image of an order that follows from hashes of the identifiers, class by class: the halves differ by one image at
    most, in all and of each class. An image's half does not depend on the order in which images are given.

    Args:
        images: identifiers.
        classes: of the images.
        seed: of the hashes.
    """
    return _confirming(tuple(images), tuple(classes.tolist()), seed)


@lru_cache(maxsize=2)
def _confirming(images: tuple[str, ...], of_image: tuple[int, ...], seed: int) -> Bool[np.ndarray, " images"]:
    """That half, found once for all cells of the same images; it cannot be written."""
    keys = [hashlib.sha256(f"{seed} {name}".encode()).digest() for name in images]
    least: dict[int, bytes] = {}  # key of each class's first image, by which classes are ordered
    for key, number in zip(keys, of_image, strict=True):
        least[number] = min(least.get(number, key), key)
    order = sorted(range(len(keys)), key=lambda place: (least[of_image[place]], keys[place]))
    found = np.zeros(len(keys), bool)
    found[order[::2]] = True
    found.flags.writeable = False
    return found


@dataclass(frozen=True, eq=False)
class _Half:
    """What one half of the images says, (metrics, timesteps) each: the mean at t = 0, the mean gain, of how many images."""

    start: Float64[np.ndarray, "metrics timesteps"]
    gain: Float64[np.ndarray, "metrics timesteps"]
    pairs: Int[np.ndarray, "metrics timesteps"]

    @classmethod
    def of(cls, start: Float64[np.ndarray, "metrics timesteps images"], gain: np.ndarray) -> "_Half":
        """Of the values of its images."""
        return cls(mean(start), mean(gain), (~np.isnan(gain)).sum(axis=-1))


def confirm(values: PairedValues, confirming: Bool[np.ndarray, " images"]) -> Confirmation:
    """Of metrics that are means over images. What is undefined is NaN: a mean of nothing, an interval of a single image.

    Args:
        values: of the cell's images.
        confirming: which of them confirm.
    """
    choosing = _Half.of(*(np.compress(~confirming, each, axis=-1) for each in (values.start, values.gain)))
    start, gain = (np.compress(confirming, each, axis=-1) for each in (values.start, values.gain))
    half = _Half.of(start, gain)
    width = half_width(half.pairs)  # in standard deviations
    residuals = gain - ratio(half.gain, half.start)[..., None] * start  # (metrics, timesteps, images)
    spread, of_ratio = deviation(gain), ratio(deviation(residuals), half.start)
    p = 2 * stdtr(half.pairs - 1, -np.abs(standardised(half.gain, spread)) * np.sqrt(half.pairs))
    return _joined(choosing, half, width * of_ratio, width * spread, p)


def confirm_pooled(choosing: Pair, confirming: Pair, images: int, seed: int) -> Confirmation:
    """Of one metric that is no mean over images; there is no p.

    Args:
        choosing, confirming: of the images of either half.
        images: how many confirm.
        seed: of the groups of images.
    """
    choosing_half, half = (_Half(*(each[None] for each in _observed(pair))) for pair in (choosing, confirming))
    groups = min(GROUPS, images)
    group = np.random.default_rng([seed, 2]).permutation(images) % groups
    kept = (np.arange(groups)[:, None] != group).astype(np.float32)  # (groups, images)
    start, gain = _resampled(confirming, Resamples(kept))  # (timesteps, groups)
    quantile = stdtrit(groups - 1, LEVELS[1])
    of_ratio, of_gain = (quantile * _jackknife(each)[None] for each in (relative(gain, start), gain))
    return _joined(choosing_half, half, of_ratio, of_gain, np.full(of_gain.shape, np.nan))


def _observed(pair: Pair) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At t = 0, the gain, and of how many images, (timesteps,) each."""
    now, at_start = pair[0].observed(), pair[1]
    start = np.broadcast_to(at_start.observed() if at_start else now[:1], now.shape)
    return start, now - start, pair[0].images()


def _resampled(pair: Pair, resamples: Resamples) -> tuple[np.ndarray, np.ndarray]:
    """At t = 0, and the gain, (timesteps, groups) each."""
    now, at_start = pair[0].resampled(resamples), pair[1]
    start = at_start.resampled(resamples) if at_start else now[:1]
    return start, now - start


def _jackknife(values: Float64[np.ndarray, "timesteps groups"]) -> Float64[np.ndarray, " timesteps"]:
    """The standard error, from estimates without a group each."""
    groups = values.shape[-1]
    squares = (values - values.mean(axis=-1, keepdims=True)) ** 2
    error: np.ndarray = np.sqrt((groups - 1) / groups * squares.sum(axis=-1))
    return error


def _joined(choosing: _Half, confirming: _Half, around_ratio: np.ndarray, around_gain: np.ndarray, p: np.ndarray) -> Confirmation:
    """With half the width of the intervals around the confirming half's ratio and gain."""
    normalized = relative(confirming.gain, confirming.start)
    return Confirmation(
        choosing_normalized=relative(choosing.gain, choosing.start),
        choosing_difference=choosing.gain,
        choosing_pairs=choosing.pairs,
        confirming_normalized=normalized,
        confirming_normalized_low=normalized - around_ratio,
        confirming_normalized_high=normalized + around_ratio,
        confirming_difference=confirming.gain,
        confirming_difference_low=confirming.gain - around_gain,
        confirming_difference_high=confirming.gain + around_gain,
        confirming_p=p,
        confirming_pairs=confirming.pairs,
    )
