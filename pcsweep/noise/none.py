"""No noise: the clean control."""

import torch
from jaxtyping import Float
from torch import Tensor


def none(image: Float[Tensor, "3 height width"], generator: torch.Generator) -> Float[Tensor, "3 height width"]:
    """The image itself."""
    return image
