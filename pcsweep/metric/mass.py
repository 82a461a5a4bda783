"""Relevance mass accuracy (Arras et al., 2022, "CLEVR-XAI", Information Fusion)."""

from pcsweep.metric.row import UNIFORM, Metric
from pcsweep.metric.saliency import Mask, Saliency, Score, defined


def mass(saliency: Saliency, mask: Mask, ignore: Mask) -> Score:
    """Σ_M s / Σ s; that of a uniform map is the mask's `area`.

    >>> import torch
    >>> mask = torch.tensor([[[True, False]]])
    >>> mass(torch.tensor([[[1.0, 0.25]]]), mask, torch.zeros_like(mask))
    tensor([0.8000])
    """
    kept = saliency.masked_fill(ignore, 0).double()
    inside = (kept * mask).flatten(1).sum(1) / kept.flatten(1).sum(1)
    return defined(saliency, mask & ~ignore, inside.to(saliency.dtype))


METRIC = Metric(
    name="mass",
    label="relevance mass",
    baselines=(UNIFORM,),
    place=3,
    measured=lambda scored: mass(scored.saliency, scored.mask, scored.ignore),
)
