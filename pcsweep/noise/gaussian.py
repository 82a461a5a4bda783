"""Gaussian noise."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity


def gaussian(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    sigma: Annotated[float, Field(ge=0, allow_inf_nan=False), BySeverity(0.08, 0.12, 0.18, 0.26, 0.38)] = 0.2,
) -> Float[Tensor, "3 height width"]:
    """Adds independent normal noise of standard deviation `sigma` to every value. The draws do not depend on `sigma`.

    With a severity it is ImageNet-C's `gaussian_noise` (Hendrycks and Dietterich, 2019).
    """
    return image + sigma * torch.randn(image.shape, generator=generator, dtype=image.dtype)
