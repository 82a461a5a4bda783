"""How well a saliency map finds an object: pure functions of maps and masks, one value per image.

Saliency is a non-negative map divided by its maximum over all pixels (`scaled`), NaN throughout where that is zero. Pixels under
`ignore` are left out of every sum and count, and of the maximum that is pointed at. What is undefined is NaN: a map that is zero
everywhere, a mask without a pixel.
Where several pixels tie, a metric is its mean over all ways to break the tie, so that it depends on no order of pixels.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

Saliency = Float[Tensor, "batch height width"]
Mask = Bool[Tensor, "batch height width"]
Score = Float[Tensor, " batch"]


def scaled(maps: Float[Tensor, "batch map_height map_width"], size: tuple[int, int]) -> Saliency:
    """The maps upsampled bilinearly to `size` (height, width), each divided by its maximum; NaN where that is zero.

    >>> scaled(torch.tensor([[[0.0, 2.0]], [[0.0, 0.0]]]), (1, 2))
    tensor([[[0., 1.]],
    <BLANKLINE>
            [[nan, nan]]])
    """
    upsampled = functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    highest = upsampled.amax((1, 2), keepdim=True)
    return torch.where(highest > 0, upsampled / highest, torch.nan)


def iou(saliency: Saliency, mask: Mask, ignore: Mask, threshold: float) -> Score:
    """|{s > τ} ∩ M| / |{s > τ} ∪ M|, the intersection over union at threshold τ.

    >>> saliency = torch.tensor([[[1.0, 0.6, 0.2]]])
    >>> mask = torch.tensor([[[True, False, True]]])
    >>> iou(saliency, mask, torch.zeros_like(mask), threshold=0.5)
    tensor([0.3333])
    """
    found, mask = (saliency > threshold) & ~ignore, mask & ~ignore
    return _defined(saliency, mask, _count(found & mask) / _count(found | mask))


def found(saliency: Saliency, ignore: Mask, threshold: float) -> Score:
    """|{s > τ}| / pixels, the share of the image that the map calls the object at threshold τ; NaN for an undefined map.

    With the IoU u and the mask's share a, the share of the image that is found and in the mask is u (found + a) / (1 + u).

    >>> saliency = torch.tensor([[[1.0, 0.6, 0.2]]])
    >>> found(saliency, torch.zeros(1, 1, 3, dtype=torch.bool), threshold=0.5)
    tensor([0.6667])
    """
    share = _count((saliency > threshold) & ~ignore) / _count(~ignore)
    return share.masked_fill(saliency.isnan().flatten(1).any(1), torch.nan)


def pointing(saliency: Saliency, mask: Mask, ignore: Mask) -> Score:
    """Whether the maximum lies in M (the pointing game of Zhang et al., 2018, without a margin).

    >>> mask = torch.tensor([[[True, False]]])
    >>> pointing(torch.tensor([[[1.0, 0.3]]]), mask, torch.zeros_like(mask))
    tensor([1.])
    """
    considered = saliency.masked_fill(ignore, -torch.inf)
    peak = considered == considered.amax((1, 2), keepdim=True)
    return _defined(saliency, mask & ~ignore, _count(peak & mask) / _count(peak))


def mass(saliency: Saliency, mask: Mask, ignore: Mask) -> Score:
    """Σ_M s / Σ s, relevance mass accuracy (Arras et al., 2022); its chance level is the mask's `area`.

    >>> mask = torch.tensor([[[True, False]]])
    >>> mass(torch.tensor([[[1.0, 0.25]]]), mask, torch.zeros_like(mask))
    tensor([0.8000])
    """
    kept = saliency.masked_fill(ignore, 0).double()
    inside = (kept * mask).flatten(1).sum(1) / kept.flatten(1).sum(1)
    return _defined(saliency, mask & ~ignore, inside.to(saliency.dtype))


def rank(saliency: Saliency, mask: Mask, ignore: Mask) -> Score:
    """|top-|M| pixels ∩ M| / |M|, relevance rank accuracy (Arras et al., 2022).

    >>> mask = torch.tensor([[[True, False, True]]])
    >>> rank(torch.tensor([[[1.0, 0.5, 0.2]]]), mask, torch.zeros_like(mask))
    tensor([0.5000])
    """
    mask = mask & ~ignore
    size = _count(mask)
    ordered = saliency.masked_fill(ignore, -torch.inf).flatten(1).sort(dim=1, descending=True).values
    last = ordered.gather(1, (size.long() - 1).clamp(min=0)[:, None])[..., None]  # (batch, 1, 1): the |M|-th highest value
    above, tied = (saliency > last) & ~ignore, (saliency == last) & ~ignore
    drawn = (size - _count(above)) / _count(tied)  # share of the tied pixels that still belong to the top |M|
    return _defined(saliency, mask, (_count(above & mask) + drawn * _count(tied & mask)) / size)


def area(mask: Mask, ignore: Mask) -> Score:
    """|M| / pixels, the mask's share of the image.

    >>> mask = torch.tensor([[[True, False]]])
    >>> area(mask, torch.zeros_like(mask))
    tensor([0.5000])
    """
    return _count(mask & ~ignore) / _count(~ignore)


def pixels(ignore: Mask) -> Score:
    """How many pixels of the image are looked at: all but those under `ignore`.

    >>> pixels(torch.tensor([[[True, False]]]))
    tensor([1.])
    """
    return _count(~ignore)


def classification(
    logits: Float[Tensor, "batch classes"], target: Int[Tensor, " batch"], label: Int[Tensor, " batch"]
) -> tuple[Score, Score, Bool[Tensor, " batch"]]:
    """The target's logit and (softmax) probability, and whether the highest logit is the label's.

    >>> logit, probability, correct = classification(torch.tensor([[0.0, 0.0]]), torch.tensor([1]), torch.tensor([0]))
    >>> logit.item(), probability.item(), correct.item()
    (0.0, 0.5, True)
    """
    at_target = target[:, None]
    probability = logits.softmax(1).gather(1, at_target)[:, 0]
    return logits.gather(1, at_target)[:, 0], probability, logits.argmax(1) == label


def _count(pixels: Mask) -> Score:
    return pixels.flatten(1).sum(1).to(torch.float32)


def _defined(saliency: Saliency, mask: Mask, score: Score) -> Score:
    """The score, or NaN for an undefined map or an empty mask."""
    undefined = saliency.isnan().flatten(1).any(1) | ~mask.flatten(1).any(1)
    return score.masked_fill(undefined, torch.nan)
