"""Intersection over union of the object and the part of the map above a threshold."""

from pcsweep.metric.row import UNIFORM, Baseline, Lists, Metric, Scored
from pcsweep.metric.saliency import Mask, Saliency, Score, count, defined, of_map


def iou(saliency: Saliency, mask: Mask, ignore: Mask, threshold: float) -> Score:
    """|{s > τ} ∩ M| / |{s > τ} ∪ M|, the intersection over union at threshold τ.

    >>> import torch
    >>> saliency = torch.tensor([[[1.0, 0.6, 0.2]]])
    >>> mask = torch.tensor([[[True, False, True]]])
    >>> iou(saliency, mask, torch.zeros_like(mask), threshold=0.5)
    tensor([0.3333])
    """
    found, mask = (saliency > threshold) & ~ignore, mask & ~ignore
    return defined(saliency, mask, count(found & mask) / count(found | mask))


def found(saliency: Saliency, ignore: Mask, threshold: float) -> Score:
    """|{s > τ}| / pixels, the share of the image that the map calls the object at threshold τ; NaN for an undefined map.

    With the IoU u and the mask's share a, the share of the image that is found and in the mask is u (found + a) / (1 + u).

    >>> import torch
    >>> saliency = torch.tensor([[[1.0, 0.6, 0.2]]])
    >>> found(saliency, torch.zeros(1, 1, 3, dtype=torch.bool), threshold=0.5)
    tensor([0.6667])
    """
    return of_map(saliency, count((saliency > threshold) & ~ignore) / count(~ignore))


def iou_at(scored: Scored) -> Lists:
    """The IoU at each threshold."""
    found, common = scored.counts_above
    mask = scored.mask & ~scored.ignore
    either = found + count(mask)[:, None] - common  # (batch, thresholds)
    return defined(scored.saliency, mask, common / either)


def found_at(scored: Scored) -> Lists:
    """The share that is found at each threshold."""
    found, _ = scored.counts_above
    return of_map(scored.saliency, found / count(~scored.ignore)[:, None])


METRIC = Metric(
    name="iou",
    label="IoU",
    baselines=(Baseline("centre", "centred Gaussian", cut=True), UNIFORM),
    place=1,
    measured=lambda scored: iou(scored.saliency, scored.mask, scored.ignore, scored.threshold),
    lists={"iou_at": iou_at, "found_at": found_at},
)
