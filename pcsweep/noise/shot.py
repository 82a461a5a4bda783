"""Shot noise: each value is a count of photons."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity, OnPixels


def shot(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    c: Annotated[float, Field(gt=0, allow_inf_nan=False), BySeverity(60, 25, 12, 5, 3)] = 12.0,
    space: OnPixels = "pixel",
) -> Float[Tensor, "3 height width"]:
    """Poisson(x · c) / c of every value x: its mean is x, its variance x / c, so that fewer photons (a smaller `c`) are more
    noise.

    ImageNet-C's `shot_noise` (Hendrycks and Dietterich, 2019). Pixels are from 0 to 1; a count above c is more than 1, which
    `clip` cuts. The draws at one `c` say nothing of those at another.
    """
    return torch.poisson(image * c, generator=generator) / c
