"""Values of images at t paired with the same images' values at t = 0, each noise seed with itself."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from pcsweep.statistics.bootstrap import mean, ratio

_ROUNDING = 1e-6  # standard deviations below this share of the mean are the rounding of what is stored


@dataclass(frozen=True, eq=False)
class PairedValues:
    """The values of one cell's images at t, their values at t = 0, and the differences, averaged over noise seeds.

    NaN where no noise seed has a defined value.

    Args:
        now: the values at t.
        start: the values at t = 0 of those noise seeds that are defined at t as well.
        gain: the values at t less those at t = 0.
        same: for which metric and timestep the same images and noise seeds are defined at t as at t = 0.
        nan: how many values are undefined, of images times noise seeds.
        seed_std: the standard deviation between the noise seeds of an image, pooled over images; NaN with one seed.
    """

    now: Float64[np.ndarray, "metrics timesteps images"]
    start: Float64[np.ndarray, "metrics timesteps images"]
    gain: Float64[np.ndarray, "metrics timesteps images"]
    same: Bool[np.ndarray, "metrics timesteps"]
    nan: Int[np.ndarray, "metrics timesteps"]
    seed_std: Float64[np.ndarray, "metrics timesteps"]


def paired(values: Float32[np.ndarray, "seeds metrics timesteps images"]) -> PairedValues:
    """Pairs each noise seed's values with its own at the first timestep, then averages over noise seeds; NaN is undefined."""
    at_start = values[:, :, :1]  # (seeds, metrics, 1, images)
    gain = values.astype(np.float64) - at_start  # (seeds, metrics, timesteps, images)
    start = np.where(np.isnan(gain), np.float32(np.nan), at_start)  # (seeds, metrics, timesteps, images)
    undefined = np.isnan(values)
    return PairedValues(
        now=over_seeds(values),
        start=over_seeds(start),
        gain=over_seeds(gain),
        same=(undefined == undefined[:, :, :1]).all(axis=(0, -1)),
        nan=undefined.sum(axis=(0, -1)),
        seed_std=_seed_std(values),
    )


def over_seeds(values: Float[np.ndarray, "seeds *rest"]) -> Float64[np.ndarray, "*rest"]:
    """The mean over noise seeds, of what is defined."""
    if len(values) == 1:
        return np.asarray(values[0], np.float64)
    return ratio(_sum(values, axis=0), (~np.isnan(values)).sum(axis=0))


def _seed_std(values: Float32[np.ndarray, "seeds metrics timesteps images"]) -> Float64[np.ndarray, "metrics timesteps"]:
    """√(mean over images of the variance over their seeds), of images with at least two defined values."""
    if len(values) == 1:
        return np.full(values.shape[1:3], np.nan)
    n = (~np.isnan(values)).sum(axis=0)  # (metrics, timesteps, images)
    variance = ratio(_sum((values - over_seeds(values)) ** 2, axis=0), np.maximum(n - 1, 0))  # (metrics, timesteps, images)
    return np.asarray(np.sqrt(mean(variance)))


def effect_size(differences: Float64[np.ndarray, "*rows images"]) -> Float64[np.ndarray, "*rows"]:
    """Cohen's d_z: the mean difference in standard deviations of the images' differences.

    NaN for fewer than two images, and where all images differ by the same.
    """
    return standardised(mean(differences), deviation(differences))


def standardised(middle: Float64[np.ndarray, "*rows"], std: Float64[np.ndarray, "*rows"]) -> Float64[np.ndarray, "*rows"]:
    """The mean in standard deviations; NaN where they are nothing but rounding."""
    return ratio(middle, np.where(std > _ROUNDING * np.abs(middle), std, 0))


def deviation(values: Float64[np.ndarray, "*rows images"]) -> Float64[np.ndarray, "*rows"]:
    """The standard deviation of what is defined, with its number less one below; NaN of fewer than two."""
    n = (~np.isnan(values)).sum(axis=-1)
    squares = (values - mean(values)[..., None]) ** 2  # (rows, images)
    return np.asarray(np.sqrt(ratio(_sum(squares, axis=-1), np.maximum(n - 1, 0))))


def _sum(values: np.ndarray, axis: int) -> np.ndarray:
    """Of what is defined, in double precision."""
    return np.asarray(np.nansum(values, axis=axis, dtype=np.float64))
