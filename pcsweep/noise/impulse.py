"""Impulse noise: some values are replaced by 0 or 1."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity, OnPixels


def impulse(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    share: Annotated[float, Field(ge=0, le=1), BySeverity(0.03, 0.06, 0.09, 0.17, 0.27)] = 0.09,
    space: OnPixels = "pixel",
) -> Float[Tensor, "3 height width"]:
    """Replaces each value of each channel, with probability `share`, by 1 or, as often, by 0.

    ImageNet-C's `impulse_noise` (Hendrycks and Dietterich, 2019). A channel is hit without the others of its pixel, which makes
    coloured dots; `salt_and_pepper` hits whole pixels. Which values are hit at one share is among those at a larger one.
    """
    hit = torch.rand(image.shape, generator=generator) < share  # (3, height, width)
    salt = torch.rand(image.shape, generator=generator) < 0.5
    return torch.where(hit, salt.to(image.dtype), image)
