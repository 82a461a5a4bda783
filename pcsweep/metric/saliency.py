"""Saliency: a non-negative map at the mask's size, divided by its maximum over all pixels; NaN throughout where that is zero.

Pixels under `ignore` are left out of every sum and count, and of the maximum that is pointed at. What is undefined is NaN: a map
that is zero everywhere, a mask without a pixel. Where several pixels tie, a metric is its mean over all ways to break the tie, so
that it depends on no order of pixels.
"""

import math
from collections.abc import Sequence
from typing import Any

from jaxtyping import Bool, Float, Int

Saliency = Float[Any, "batch height width"]
Mask = Bool[Any, "batch height width"]
Score = Float[Any, "batch"]
Counts = Int[Any, "batch thresholds"]


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


def counts_above(saliency: Saliency, mask: Mask, ignore: Mask, thresholds: Sequence[float]) -> tuple[Counts, Counts]:
    """|{s > τ}| and |{s > τ} ∩ M| at each threshold τ, all in one pass over the pixels; of an undefined map they mean nothing.

    >>> import torch
    >>> saliency, mask = torch.tensor([[[1.0, 0.6, 0.2]]]), torch.tensor([[[True, False, True]]])
    >>> counts_above(saliency, mask, torch.zeros_like(mask), [0.5, 0.1])
    (tensor([[2, 3]]), tensor([[1, 2]]))
    """
    import torch

    ordered = sorted(thresholds)
    bounds = saliency.new_empty(len(ordered))
    for number, threshold in enumerate(ordered):
        bounds[number].fill_(threshold)  # not copied, for which the host would wait for a GPU
    bins = len(ordered) + 1  # of which each pixel is in the one with as many thresholds below it
    place = torch.bucketize(saliency, bounds) + bins * (mask.long() + 2 * ignore.long()).clamp(max=2)
    counted = torch.zeros(len(saliency), 3 * bins, dtype=torch.int32, device=saliency.device)
    one = torch.ones((), dtype=torch.int32, device=saliency.device)
    counted.scatter_add_(1, place.flatten(1), one.expand(len(saliency), saliency[0].numel()))
    outside, inside = counted[:, :bins], counted[:, bins : 2 * bins]
    found, common = (_in_order(each, thresholds, ordered) for each in (outside + inside, inside))
    return found, common


def _in_order(counted: Int[Any, "batch bins"], thresholds: Sequence[float], ordered: Sequence[float]) -> Counts:
    """Of pixels counted between the ordered thresholds, those above each of the thresholds."""
    above = counted[:, 1:].flip(1).cumsum(1).flip(1)  # (batch, thresholds), of the ordered ones
    counts = above.clone()
    for place, threshold in enumerate(thresholds):
        counts[:, place] = above[:, ordered.index(threshold)]
    return counts


def of_map(saliency: Saliency, scores: Any) -> Any:
    """The scores (batch, …), or NaN for an undefined map."""
    return _without(undefined(saliency), scores)


def defined(saliency: Saliency, mask: Mask, scores: Any) -> Any:
    """The scores (batch, …), or NaN for an undefined map or an empty mask."""
    return _without(undefined(saliency) | ~mask.flatten(1).any(1), scores)


def undefined(saliency: Saliency) -> Bool[Any, "batch"]:
    """Which maps are NaN, as they then are throughout: one pixel says it of all."""
    return saliency[:, 0, 0].isnan()


def _without(lost: Bool[Any, "batch"], scores: Any) -> Any:
    return scores.masked_fill(lost.view(-1, *[1] * (scores.ndim - 1)), math.nan)
