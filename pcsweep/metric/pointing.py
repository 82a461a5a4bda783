"""The pointing game of Zhang et al. (2018, "Top-down neural attention by excitation backprop", IJCV), without a margin."""

import math

from pcsweep.metric.row import UNIFORM, Metric
from pcsweep.metric.saliency import Mask, Saliency, Score, count, defined


def pointing(saliency: Saliency, mask: Mask, ignore: Mask) -> Score:
    """Whether the maximum lies in M.

    >>> import torch
    >>> mask = torch.tensor([[[True, False]]])
    >>> pointing(torch.tensor([[[1.0, 0.3]]]), mask, torch.zeros_like(mask))
    tensor([1.])
    """
    considered = saliency.masked_fill(ignore, -math.inf)
    peak = considered == considered.amax((1, 2), keepdim=True)
    return defined(saliency, mask & ~ignore, count(peak & mask) / count(peak))


METRIC = Metric(
    name="pointing",
    label="pointing game",
    baselines=(UNIFORM,),
    place=2,
    measured=lambda scored: pointing(scored.saliency, scored.mask, scored.ignore),
)
