"""Speckle: noise in proportion to each value."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity, OnPixels


def speckle(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    sigma: Annotated[float, Field(ge=0, allow_inf_nan=False), BySeverity(0.15, 0.2, 0.35, 0.45, 0.6)] = 0.35,
    space: OnPixels = "pixel",
) -> Float[Tensor, "3 height width"]:
    """x + x · n of every value x, with n normal of standard deviation `sigma`: σ is a share of each value. The draws do not
    depend on it.

    ImageNet-C's `speckle_noise` (Hendrycks and Dietterich, 2019).
    """
    return image + image * (sigma * torch.randn(image.shape, generator=generator, dtype=image.dtype))
