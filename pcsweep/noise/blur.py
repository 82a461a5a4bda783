"""Gaussian blur."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity

_CUT = 4.0  # standard deviations


def blur(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    sigma: Annotated[float, Field(gt=0, le=1000), BySeverity(1, 2, 3, 4, 6)] = 3.0,
) -> Float[Tensor, "3 height width"]:
    """Averages every channel with a Gaussian of standard deviation `sigma`, in pixels of the image. Nothing is drawn.

    ImageNet-C's `gaussian_blur` (Hendrycks and Dietterich, 2019), which calls scikit-image's filter: the Gaussian is cut at four
    standard deviations, to the nearest pixel, and made to have the sum 1; beyond its border the image goes on with its outermost
    pixels. Ours is computed in double precision. The same in both spaces but for rounding, as long as nothing is clipped.
    """
    down, across = (_averaging(size, sigma) for size in image.shape[1:])
    return (down @ image.double() @ across.T).to(image.dtype)  # (3, height, width)


def _averaging(size: int, sigma: float) -> Float[Tensor, "size size"]:
    """The matrix by which a line of pixels is averaged: a row for each pixel of the result, of sum 1."""
    reach = int(_CUT * sigma + 0.5)
    offsets = torch.arange(-reach, reach + 1)
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2)
    from_where = (torch.arange(size)[:, None] + offsets).clamp(0, size - 1)  # (size, 2 · reach + 1)
    matrix = torch.zeros(size, size, dtype=torch.float64)
    return matrix.scatter_add_(1, from_where, (weights / weights.sum()).expand(size, -1))
