"""A map that is the same everywhere: a baseline that looks at nothing. Its mass in a mask is the mask's share of the image."""

from jaxtyping import Float
from torch import Tensor


def uniform(image: Float[Tensor, "rows 3 height width"]) -> Float[Tensor, "rows 1 1"]:
    """One cell of 1 for each row, which upsampling spreads over the image."""
    return image.new_ones(len(image), 1, 1)
