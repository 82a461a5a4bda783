"""Relevance rank accuracy (Arras et al., 2022, "CLEVR-XAI", Information Fusion)."""

import math

from pcsweep.metric.row import UNIFORM, Metric
from pcsweep.metric.saliency import Mask, Saliency, Score, count, defined


def rank(saliency: Saliency, mask: Mask, ignore: Mask) -> Score:
    """|top-|M| pixels ∩ M| / |M|; that of a uniform map is the mask's `area`.

    >>> import torch
    >>> mask = torch.tensor([[[True, False, True]]])
    >>> rank(torch.tensor([[[1.0, 0.5, 0.2]]]), mask, torch.zeros_like(mask))
    tensor([0.5000])
    """
    mask = mask & ~ignore
    size = count(mask)
    ordered = saliency.masked_fill(ignore, -math.inf).flatten(1).sort(dim=1, descending=True).values
    last = ordered.gather(1, (size.long() - 1).clamp(min=0)[:, None])[..., None]  # (batch, 1, 1): the |M|-th highest value
    above, tied = (saliency > last) & ~ignore, (saliency == last) & ~ignore
    drawn = (size - count(above)) / count(tied)  # share of the tied pixels that still belong to the top |M|
    return defined(saliency, mask, (count(above & mask) + drawn * count(tied & mask)) / size)


METRIC = Metric(
    name="rank",
    label="relevance rank",
    baselines=(UNIFORM,),
    place=4,
    measured=lambda scored: rank(scored.saliency, scored.mask, scored.ignore),
)
