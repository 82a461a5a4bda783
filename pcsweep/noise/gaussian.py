"""Gaussian noise."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor


def gaussian(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    sigma: Annotated[float, Field(ge=0, allow_inf_nan=False)],
) -> Float[Tensor, "3 height width"]:
    """Adds independent normal noise of standard deviation `sigma` to every value. The draws do not depend on `sigma`."""
    return image + sigma * torch.randn(image.shape, generator=generator, dtype=image.dtype)
