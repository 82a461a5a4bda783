"""A map that is the same everywhere: a baseline that looks at nothing. Its mass in a mask is the mask's share of the image."""

from jaxtyping import Float
from torch import Tensor


def uniform(image: Float[Tensor, "rows 3 height width"]) -> Float[Tensor, "rows height width"]:
    """1 at every pixel: of the image's size, since upsampling rounds, and would make one pixel the largest."""
    return image.new_ones(len(image), *image.shape[2:])
