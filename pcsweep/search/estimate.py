"""A quantity's mean over images, as a trial has it and as the journal keeps it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcsweep.statistics.student import half_width


@dataclass(frozen=True)
class Estimate:
    """A quantity's mean over images.

    Args:
        value: NaN where it is undefined.
        error: its standard error.
        images: with a defined value.
        timestep: at which it was taken; None for a mean over all.
    """

    value: float
    error: float
    images: int
    timestep: int | None

    @property
    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval; NaN of fewer than two images."""
        half = float(half_width(np.array(self.images))) * self.error * self.images**0.5
        return self.value - half, self.value + half

    def described(self) -> dict[str, float | int | None]:
        """As JSON has it; null is undefined."""
        return {
            "value": None if math.isnan(self.value) else self.value,
            "error": None if math.isnan(self.error) else self.error,
            "images": self.images,
            "timestep": self.timestep,
        }

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Estimate":
        """Of what `described` gave."""
        value, error = (math.nan if described[name] is None else float(described[name]) for name in ("value", "error"))
        return cls(value, error, int(described["images"]), described["timestep"])
