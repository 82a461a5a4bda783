"""Means over images with a paired bootstrap: pure functions on arrays.

The same resamples of the images serve every metric, timestep and cell, so ratios and differences between them are paired.
NaN is undefined: left out of every mean, and counted.
"""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

LEVELS = (0.025, 0.975)  # of the 95 % percentile interval


@dataclass(frozen=True)
class Summary:
    """What is reported of one cell; every array is (metrics, timesteps)."""

    mean: Float64[np.ndarray, "metrics timesteps"]
    bootstrap_mean: Float64[np.ndarray, "metrics timesteps"]
    bootstrap_std: Float64[np.ndarray, "metrics timesteps"]  # over resamples, with their number less one below
    low: Float64[np.ndarray, "metrics timesteps"]
    high: Float64[np.ndarray, "metrics timesteps"]
    n: Int[np.ndarray, "metrics timesteps"]  # defined values
    nan: Int[np.ndarray, "metrics timesteps"]  # undefined ones
    normalized: Float64[np.ndarray, "metrics timesteps"]  # mean(t) / mean(0)
    normalized_low: Float64[np.ndarray, "metrics timesteps"]
    normalized_high: Float64[np.ndarray, "metrics timesteps"]


STATISTICS = tuple(field.name for field in fields(Summary))


def resampling(images: int, resamples: int, seed: int) -> Float64[np.ndarray, "resamples images"]:
    """How often each image is drawn in each resample: `images` draws with replacement per row."""
    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, images))
    for row in counts:
        row[:] = np.bincount(generator.integers(0, images, images), minlength=images)
    return counts


def summarise(
    values: Float32[np.ndarray, "metrics timesteps images"], counts: Float64[np.ndarray, "resamples images"]
) -> Summary:
    """The statistics of one cell; a mean of nothing and a ratio to nothing or to 0 are NaN.

    A resample whose own mean or ratio is undefined is left out of the bootstrap's statistics.
    """
    defined = ~np.isnan(values)
    filled = np.where(defined, values, 0).astype(np.float64)
    n = defined.sum(axis=-1)
    mean = _ratio(filled.sum(axis=-1), n)
    sums = (filled.reshape(-1, values.shape[-1]) @ counts.T).reshape(*values.shape[:-1], -1)  # one large product
    means = _ratio(sums, _drawn(defined, counts))  # (metrics, timesteps, resamples)
    ratios = _ratio(means, means[:, :1])
    bootstrap_mean, bootstrap_std = _moments(means)
    low, high = _interval(means)
    normalized_low, normalized_high = _interval(ratios)
    return Summary(
        mean=mean,
        bootstrap_mean=bootstrap_mean,
        bootstrap_std=bootstrap_std,
        low=low,
        high=high,
        n=n,
        nan=values.shape[-1] - n,
        normalized=_ratio(mean, mean[:, :1]),
        normalized_low=normalized_low,
        normalized_high=normalized_high,
    )


def _drawn(defined: np.ndarray, counts: np.ndarray) -> Float[np.ndarray, "metrics timesteps resamples"]:
    """How many of each resample's draws are defined; metrics are mostly undefined together, so each pattern is counted once."""
    patterns: dict[bytes, int] = {}
    rows = defined.reshape(-1, defined.shape[-1])
    indices = [patterns.setdefault(row.tobytes(), len(patterns)) for row in rows]
    unique = np.frombuffer(b"".join(patterns), dtype=bool).reshape(len(patterns), -1)
    drawn: np.ndarray = (unique.astype(np.float64) @ counts.T)[indices]
    return drawn.reshape(*defined.shape[:-1], -1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> Float64[np.ndarray, "..."]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: np.ndarray = np.asarray(numerator / denominator, dtype=np.float64)
    ratio[np.isinf(ratio)] = np.nan
    return ratio


def _moments(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the last axis, of what is defined."""
    defined = ~np.isnan(samples)
    if defined.all():
        return samples.mean(axis=-1), samples.std(axis=-1, ddof=1)
    n = defined.sum(axis=-1)
    mean = _ratio(np.where(defined, samples, 0).sum(axis=-1), n)
    squares = np.where(defined, samples - mean[..., None], 0) ** 2
    return mean, np.sqrt(_ratio(squares.sum(axis=-1), np.maximum(n - 1, 0)))


def _interval(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % percentile interval over the last axis, of what is defined; linear between order statistics."""
    low, high = np.full((2, *samples.shape[:-1]), np.nan)
    whole = ~np.isnan(samples).any(axis=-1)
    low[whole], high[whole] = np.quantile(samples[whole], LEVELS, axis=-1)
    for index in zip(*np.nonzero(~whole), strict=True):
        some = samples[index][~np.isnan(samples[index])]
        if some.size:
            low[index], high[index] = np.quantile(some, LEVELS)
    return low, high
