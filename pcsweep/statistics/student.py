"""Means of few images with Student's 95 % intervals: for halves of the images, where they cover better than resamples do."""

import numpy as np
from jaxtyping import Float64
from scipy.special import stdtrit

from pcsweep.statistics.bootstrap import LEVELS, mean, ratio
from pcsweep.statistics.paired import deviation


def half_width(count: np.ndarray) -> np.ndarray:
    """Half an interval of a mean of so many values, in their standard deviations; NaN of fewer than two."""
    return ratio(stdtrit(count - 1, LEVELS[1]), np.sqrt(count))


def student(
    values: Float64[np.ndarray, "*rows images"],
) -> tuple[Float64[np.ndarray, "*rows"], Float64[np.ndarray, "*rows"], Float64[np.ndarray, "*rows"]]:
    """Mean of what is defined, and the ends of its interval."""
    middle = mean(values)
    half = half_width((~np.isnan(values)).sum(axis=-1)) * deviation(values)
    return middle, middle - half, middle + half
