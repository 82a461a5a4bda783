"""A Gaussian at the image's centre: a baseline that knows nothing but that objects are mostly photographed in the middle."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor


def center(
    image: Float[Tensor, "rows 3 height width"], *, sigma: Annotated[float, Field(gt=0, le=10)] = 0.25
) -> Float[Tensor, "rows height width"]:
    """The same map for every image of a size, divided by its maximum.

    Args:
        image: whose height and width are the map's.
        sigma: of the Gaussian, as a share of the height down and of the width across.

    >>> center(torch.zeros(1, 3, 1, 3))
    tensor([[[0.4111, 1.0000, 0.4111]]])
    """
    down, across = (_profile(side, sigma, image.device) for side in image.shape[2:])
    return (down[:, None] * across).to(image.dtype).repeat(len(image), 1, 1)


def _profile(side: int, sigma: float, device: torch.device) -> Tensor:
    """Along one side, in double precision."""
    distance = torch.arange(side, device=device, dtype=torch.float64) - (side - 1) / 2
    profile = (-(distance**2) / (2 * (sigma * side) ** 2)).exp()
    return profile / profile.max()
