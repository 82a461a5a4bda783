"""Saliency: a non-negative map at the mask's size, divided by its maximum over all pixels; NaN throughout where that is zero.

Pixels under `ignore` are left out of every sum and count, and of the maximum that is pointed at. What is undefined is NaN: a map
that is zero everywhere, a mask without a pixel. Where several pixels tie, a metric is its mean over all ways to break the tie, so
that it depends on no order of pixels.
"""

import math
from typing import Any

from jaxtyping import Bool, Float

Saliency = Float[Any, "batch height width"]
Mask = Bool[Any, "batch height width"]
Score = Float[Any, "batch"]


def scaled(maps: Float[Any, "batch map_height map_width"], size: tuple[int, int]) -> Saliency:
    """The maps upsampled bilinearly to `size` (height, width), each divided by its maximum; NaN where that is zero.

    >>> import torch
    >>> scaled(torch.tensor([[[0.0, 2.0]], [[0.0, 0.0]]]), (1, 2))
    tensor([[[0., 1.]],
    <BLANKLINE>
            [[nan, nan]]])
    """
    from torch.nn import functional

    upsampled = functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    highest = upsampled.amax((1, 2), keepdim=True)  # (batch, 1, 1)
    return (upsampled / highest).masked_fill(~(highest > 0), math.nan)


def count(pixels: Mask) -> Score:
    """How many there are in each image."""
    return pixels.flatten(1).sum(1).float()


def defined(saliency: Saliency, mask: Mask, score: Score) -> Score:
    """The score, or NaN for an undefined map or an empty mask."""
    undefined = saliency.isnan().flatten(1).any(1) | ~mask.flatten(1).any(1)
    return score.masked_fill(undefined, math.nan)
