"""Salt and pepper: some pixels are white, some are black."""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity, Space


def salt_and_pepper(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    share: Annotated[float, Field(ge=0, le=1), BySeverity(0.03, 0.06, 0.09, 0.17, 0.27)] = 0.1,
    space: Space = "pixel",
) -> Float[Tensor, "3 height width"]:
    """Makes each pixel, in all three channels, salt with probability `share` / 2 and pepper with probability `share` / 2.

    In the space `pixel` salt is 1 and pepper is 0. In the space `normalized` salt is the largest and pepper the smallest value
    that the normalised image has in any channel, as in Alamia et al. (2023), whose shares are .05, .1, .15, .2 and .3.
    ImageNet-C has no such noise: the severities are those of its `impulse_noise`, which hits channels one by one. Which pixels
    are hit at one share is among those at a larger one.
    """
    drawn = torch.rand(image.shape[1:], generator=generator)  # (height, width)
    salt, pepper = (image.max(), image.min()) if space == "normalized" else (image.new_ones(()), image.new_zeros(()))
    return torch.where(drawn < share / 2, salt, torch.where(drawn >= 1 - share / 2, pepper, image))
