"""Low contrast: every value is drawn towards the image's mean."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity


def contrast(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    factor: Annotated[float, Field(ge=0, allow_inf_nan=False), BySeverity(0.4, 0.3, 0.2, 0.1, 0.05)] = 0.2,
) -> Float[Tensor, "3 height width"]:
    """(x - m) · factor + m of every value x, with m the mean of its channel over the image. Nothing is drawn.

    ImageNet-C's `contrast` (Hendrycks and Dietterich, 2019). The same in both spaces but for rounding, as long as nothing is
    clipped.
    """
    mean = image.mean((1, 2), keepdim=True)  # (3, 1, 1)
    return (image - mean) * factor + mean
