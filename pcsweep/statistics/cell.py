"""What is reported of one cell, for every metric and timestep."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from pcsweep.statistics.bootstrap import interval, mean, means, moments, ratio, resampling
from pcsweep.statistics.permutation import flips
from pcsweep.statistics.pooled import Pooled


@dataclass(frozen=True)
class Summary:
    """Every array is (metrics, timesteps). What is over images is over their means over noise seeds."""

    mean: Float64[np.ndarray, "metrics timesteps"]
    bootstrap_mean: Float64[np.ndarray, "metrics timesteps"]
    bootstrap_std: Float64[np.ndarray, "metrics timesteps"]  # over resamples, with their number less one below
    low: Float64[np.ndarray, "metrics timesteps"]
    high: Float64[np.ndarray, "metrics timesteps"]
    n: Int[np.ndarray, "metrics timesteps"]  # images with a defined value
    nan: Int[np.ndarray, "metrics timesteps"]  # undefined values, of images times noise seeds
    seed_std: Float64[np.ndarray, "metrics timesteps"]  # between noise seeds of an image, pooled over images; NaN with one seed
    normalized: Float64[np.ndarray, "metrics timesteps"]  # mean(t) / mean(0), of what is defined at both
    normalized_low: Float64[np.ndarray, "metrics timesteps"]
    normalized_high: Float64[np.ndarray, "metrics timesteps"]
    difference: Float64[np.ndarray, "metrics timesteps"]  # mean of what an image gains on t = 0, with the same noise
    difference_low: Float64[np.ndarray, "metrics timesteps"]
    difference_high: Float64[np.ndarray, "metrics timesteps"]
    pairs: Int[np.ndarray, "metrics timesteps"]  # images with a defined difference
    effect: Float64[np.ndarray, "metrics timesteps"]  # the difference in standard deviations of the images' differences


_ROUNDING = 1e-6  # standard deviations below this share of the mean are the rounding of what is stored
STATISTICS = tuple(field.name for field in fields(Summary))


@dataclass(frozen=True)
class Drawing:
    """What is drawn at random, the same for every cell of a study.

    Args:
        images: how many there are.
        resamples: of the bootstrap.
        permutations: of the signs of differences.
        seed: of both.
    """

    images: int
    resamples: int = 2000
    permutations: int = 4999
    seed: int = 0

    @cached_property
    def counts(self) -> Float32[np.ndarray, "resamples images"]:
        """How often each image is drawn in each resample."""
        return resampling(self.images, self.resamples, self.seed)

    @cached_property
    def signs(self) -> Float32[np.ndarray, "patterns images"]:
        """Of the images' differences."""
        return flips(self.images, self.permutations, self.seed)


Drawn = Callable[[int], Drawing]  # for so many images


def summarise(pairs: "Pairs", drawing: Drawing) -> Summary:
    """The statistics of one cell; a mean of nothing, and a ratio to nothing or to what is not above 0, are NaN.

    A resample whose own mean or ratio is undefined is left out of the bootstrap's statistics.

    Args:
        pairs: of its values.
        drawing: for so many images.
    """
    resampled = means(pairs.now, drawing.counts)
    starts, differences = _resampled(pairs, resampled, drawing.counts)
    bootstrap_mean, bootstrap_std = moments(resampled)
    low, high = interval(resampled)
    normalized_low, normalized_high = interval(_relative(differences, starts))
    difference_low, difference_high = interval(differences)
    return Summary(
        mean=mean(pairs.now),
        bootstrap_mean=bootstrap_mean,
        bootstrap_std=bootstrap_std,
        low=low,
        high=high,
        n=(~np.isnan(pairs.now)).sum(axis=-1),
        nan=pairs.nan,
        seed_std=pairs.seed_std,
        normalized=_relative(mean(pairs.gained), mean(pairs.start)),
        normalized_low=normalized_low,
        normalized_high=normalized_high,
        difference=mean(pairs.gained),
        difference_low=difference_low,
        difference_high=difference_high,
        pairs=(~np.isnan(pairs.gained)).sum(axis=-1),
        effect=effect(pairs.gained),
    )


@dataclass(frozen=True, eq=False)
class Pairs:
    """An image's values averaged over its noise seeds, NaN where undefined.

    Args:
        now: at t.
        start: at t = 0, of the noise seeds that are defined at t too.
        gained: what these gain.
        same: where all images and seeds are defined at t as at 0.
        nan, seed_std: of `Summary`.
    """

    now: Float64[np.ndarray, "metrics timesteps images"]
    start: Float64[np.ndarray, "metrics timesteps images"]
    gained: Float64[np.ndarray, "metrics timesteps images"]
    same: Bool[np.ndarray, "metrics timesteps"]
    nan: Int[np.ndarray, "metrics timesteps"]
    seed_std: Float64[np.ndarray, "metrics timesteps"]

    @classmethod
    def of(cls, values: Float32[np.ndarray, "seeds metrics timesteps images"]) -> "Pairs":
        """Each noise seed paired with itself at t = 0; NaN is undefined."""
        gained = values.astype(np.float64) - values[:, :, :1]
        undefined = np.isnan(values)
        start = np.where(np.isnan(gained), np.float32(np.nan), values[:, :, :1])
        same = (undefined == undefined[:, :, :1]).all(axis=(0, -1))
        nan = undefined.sum(axis=(0, -1))
        return cls(over_seeds(values), over_seeds(start), over_seeds(gained), same, nan, _seed_std(values))


def summarise_pooled(
    own: Pooled, pairs: tuple[Pooled, Pooled] | None, drawing: Drawing, nan: Int[np.ndarray, " timesteps"]
) -> Summary:
    """The statistics of a metric that is no mean over images: no effect size, no test, and no spread between noise seeds.

    Args:
        own: of what is defined at t.
        pairs: at t and at t = 0, of what is defined at both; None where that is all.
        drawing: for so many images.
        nan: how much is undefined.
    """
    resampled, observed = own.resampled(drawing.counts)[None], own.observed()[None]
    now, start = resampled, resampled[:, :1]
    then, begun, n = observed, observed[:, :1], own.images()[None]
    both = n
    if pairs:
        now, start = (each.resampled(drawing.counts)[None] for each in pairs)
        then, begun = (each.observed()[None] for each in pairs)
        both = pairs[0].images()[None]
    undefined = np.full(observed.shape, np.nan)
    bootstrap_mean, bootstrap_std = moments(resampled)
    low, high = interval(resampled)
    normalized_low, normalized_high = interval(_relative(now - start, start))
    difference_low, difference_high = interval(now - start)
    return Summary(
        mean=observed,
        bootstrap_mean=bootstrap_mean,
        bootstrap_std=bootstrap_std,
        low=low,
        high=high,
        n=n,
        nan=nan[None],
        seed_std=undefined,
        normalized=_relative(then - begun, begun),
        normalized_low=normalized_low,
        normalized_high=normalized_high,
        difference=then - begun,
        difference_low=difference_low,
        difference_high=difference_high,
        pairs=both,
        effect=undefined,
    )


def joined(first: Summary, second: Summary) -> Summary:
    """The metrics of both, one after the other."""
    return Summary(**{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in STATISTICS})


def over_seeds(values: Float[np.ndarray, "seeds *rest"]) -> Float64[np.ndarray, "*rest"]:
    """The mean over noise seeds, of what is defined."""
    if len(values) == 1:
        return np.asarray(values[0], np.float64)
    return ratio(_sum(values, 0), (~np.isnan(values)).sum(axis=0))


def effect(differences: Float64[np.ndarray, "*rows images"]) -> Float64[np.ndarray, "*rows"]:
    """Cohen's d_z: the mean in standard deviations; NaN for fewer than two images, or where all differ by the same."""
    n = (~np.isnan(differences)).sum(axis=-1)
    middle = mean(differences)
    std = np.sqrt(ratio(_sum((differences - middle[..., None]) ** 2, -1), np.maximum(n - 1, 0)))
    return ratio(middle, np.where(std > _ROUNDING * np.abs(middle), std, 0))


def _sum(values: np.ndarray, axis: int) -> np.ndarray:
    """Of what is defined, in double precision."""
    return np.asarray(np.nansum(values, axis=axis, dtype=np.float64))


def _resampled(pairs: Pairs, resampled: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean at t = 0 and mean gain of each resample; where the same is defined at t as at 0, they follow from the means."""
    starts = np.repeat(resampled[:, :1], resampled.shape[1], axis=1)
    differences: np.ndarray = resampled - resampled[:, :1]
    if not pairs.same.all():
        starts[~pairs.same] = means(pairs.start[~pairs.same], counts)
        differences[~pairs.same] = means(pairs.gained[~pairs.same], counts)
    return starts, differences


def _relative(gain: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The value over the value at t = 0, which has to be above 0."""
    return 1 + ratio(gain, np.where(start > 0, start, np.nan))


def _seed_std(values: np.ndarray) -> Float64[np.ndarray, "metrics timesteps"]:
    """√(mean over images of the variance over their seeds), of images with two defined values at least."""
    if len(values) == 1:
        return np.full(values.shape[1:3], np.nan)
    n = (~np.isnan(values)).sum(axis=0)
    variance = ratio(_sum((values - over_seeds(values)) ** 2, 0), np.maximum(n - 1, 0))
    return np.asarray(np.sqrt(mean(variance)))
