"""What is reported of one cell, for every metric and timestep."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int

from pcsweep.statistics.bootstrap import interval, means, moments, ratio, resampling
from pcsweep.statistics.permutation import flips, p_values
from pcsweep.statistics.pxap import Pixels


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
    normalized: Float64[np.ndarray, "metrics timesteps"]  # mean(t) / mean(0)
    normalized_low: Float64[np.ndarray, "metrics timesteps"]
    normalized_high: Float64[np.ndarray, "metrics timesteps"]
    difference: Float64[np.ndarray, "metrics timesteps"]  # mean of what an image gains on t = 0, with the same noise
    difference_low: Float64[np.ndarray, "metrics timesteps"]
    difference_high: Float64[np.ndarray, "metrics timesteps"]
    pairs: Int[np.ndarray, "metrics timesteps"]  # images with a defined difference
    effect: Float64[np.ndarray, "metrics timesteps"]  # the difference in standard deviations of the images' differences
    p: Float64[np.ndarray, "metrics timesteps"]  # of no difference to t = 0, by flipping signs; NaN at t = 0


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


def summarise(
    values: Float32[np.ndarray, "seeds metrics timesteps images"], drawing: Drawing, tested: Sequence[bool] | None = None
) -> Summary:
    """The statistics of one cell; a mean of nothing and a ratio to nothing or to 0 are NaN.

    A resample whose own mean or ratio is undefined is left out of the bootstrap's statistics.

    Args:
        values: with NaN for what is undefined; a noise seed is paired with itself over time.
        drawing: for so many images.
        tested: which metrics get a p; all where it is left out.
    """
    of_image = over_seeds(values)
    gained = over_seeds(values - values[:, :, :1])
    resampled = means(of_image, drawing.counts)
    ratios = ratio(resampled, resampled[:, :1])
    differences = _resampled_differences(values, gained, resampled, drawing.counts)
    mean, (n, pairs) = _mean(of_image), ((~np.isnan(each)).sum(axis=-1) for each in (of_image, gained))
    bootstrap_mean, bootstrap_std = moments(resampled)
    low, high = interval(resampled)
    normalized_low, normalized_high = interval(ratios)
    difference_low, difference_high = interval(differences)
    return Summary(
        mean=mean,
        bootstrap_mean=bootstrap_mean,
        bootstrap_std=bootstrap_std,
        low=low,
        high=high,
        n=n,
        nan=np.isnan(values).sum(axis=(0, -1)),
        seed_std=_seed_std(values),
        normalized=ratio(mean, mean[:, :1]),
        normalized_low=normalized_low,
        normalized_high=normalized_high,
        difference=_mean(gained),
        difference_low=difference_low,
        difference_high=difference_high,
        pairs=pairs,
        effect=effect(gained),
        p=_tested(gained, drawing, tested),
    )


def summarise_pixels(pixels: Pixels, drawing: Drawing, nan: Int[np.ndarray, " timesteps"]) -> Summary:
    """The statistics of PxAP, which is no mean over images: no effect size, no p, and no spread between noise seeds."""
    observed, resampled = pixels.observed()[None], pixels.resampled(drawing.counts)[None]
    n = (pixels.all > 0).sum(axis=-1)[None]
    undefined = np.full(observed.shape, np.nan)
    bootstrap_mean, bootstrap_std = moments(resampled)
    low, high = interval(resampled)
    normalized_low, normalized_high = interval(ratio(resampled, resampled[:, :1]))
    difference_low, difference_high = interval(resampled - resampled[:, :1])
    return Summary(
        mean=observed,
        bootstrap_mean=bootstrap_mean,
        bootstrap_std=bootstrap_std,
        low=low,
        high=high,
        n=n,
        nan=nan[None],
        seed_std=undefined,
        normalized=ratio(observed, observed[:, :1]),
        normalized_low=normalized_low,
        normalized_high=normalized_high,
        difference=observed - observed[:, :1],
        difference_low=difference_low,
        difference_high=difference_high,
        pairs=np.minimum(n, n[:, :1]),
        effect=undefined,
        p=undefined,
    )


def joined(first: Summary, second: Summary) -> Summary:
    """The metrics of both, one after the other."""
    return Summary(**{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in STATISTICS})


def over_seeds(values: Float32[np.ndarray, "seeds *rest"]) -> Float64[np.ndarray, "*rest"]:
    """The mean over noise seeds, of what is defined."""
    if len(values) == 1:
        return np.asarray(values[0], np.float64)
    return ratio(_sum(values, 0), (~np.isnan(values)).sum(axis=0))


def effect(differences: Float64[np.ndarray, "*rows images"]) -> Float64[np.ndarray, "*rows"]:
    """Cohen's d_z: the mean in standard deviations; NaN for fewer than two images, or where all differ by the same."""
    n = (~np.isnan(differences)).sum(axis=-1)
    mean = _mean(differences)
    std = np.sqrt(ratio(_sum((differences - mean[..., None]) ** 2, -1), np.maximum(n - 1, 0)))
    return ratio(mean, np.where(std > 1e-9 * np.abs(mean), std, 0))


def _mean(values: np.ndarray) -> Float64[np.ndarray, "..."]:
    return ratio(_sum(values, -1), (~np.isnan(values)).sum(axis=-1))


def _sum(values: np.ndarray, axis: int) -> np.ndarray:
    """Of what is defined, in double precision."""
    return np.asarray(np.nansum(values, axis=axis, dtype=np.float64))


def _resampled_differences(values: np.ndarray, gained: np.ndarray, resampled: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of each resample; where the same is defined at t as at 0, the difference of means is the mean of differences."""
    undefined = np.isnan(values)
    same = (undefined == undefined[:, :, :1]).all(axis=(0, -1))  # (metrics, timesteps)
    differences: np.ndarray = resampled - resampled[:, :1]
    if not same.all():
        differences[~same] = means(gained[~same], counts)
    return differences


def _tested(gained: np.ndarray, drawing: Drawing, tested: Sequence[bool] | None) -> Float64[np.ndarray, "metrics timesteps"]:
    p = np.full(gained.shape[:2], np.nan)
    chosen = np.ones(len(gained), bool) if tested is None else np.asarray(tested)
    p[chosen, 1:] = p_values(gained[chosen, 1:], drawing.signs)
    return p


def _seed_std(values: np.ndarray) -> Float64[np.ndarray, "metrics timesteps"]:
    """√(mean over images of the variance over their seeds), of images with two defined values at least."""
    if len(values) == 1:
        return np.full(values.shape[1:3], np.nan)
    n = (~np.isnan(values)).sum(axis=0)
    variance = ratio(_sum((values - over_seeds(values)) ** 2, 0), np.maximum(n - 1, 0))
    return np.asarray(np.sqrt(_mean(variance)))
