"""A metric of all images together, which is no mean over images but can be computed of any of their resamples."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float64, Int

from pcsweep.statistics.bootstrap import Resamples


@runtime_checkable
class Pooled(Protocol):
    """What is kept of each image."""

    def observed(self) -> Float[np.ndarray, " timesteps"]:
        """The metric of the images."""

    def resampled(self, resamples: Resamples) -> Float64[np.ndarray, "timesteps resamples"]:
        """The metric of each resample."""

    def images(self) -> Int[np.ndarray, " timesteps"]:
        """How many images have a value."""
