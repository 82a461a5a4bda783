"""Relevance rank accuracy (Arras et al., 2022, "CLEVR-XAI", Information Fusion)."""

import math
from typing import Any

from jaxtyping import Float, Int

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
    last = highest(saliency.masked_fill(ignore, -math.inf).flatten(1), size.long().clamp(min=1))[:, None, None]
    above, tied = (saliency > last) & ~ignore, (saliency == last) & ~ignore
    drawn = (size - count(above)) / count(tied)  # share of the tied pixels that still belong to the top |M|
    return defined(saliency, mask, (count(above & mask) + drawn * count(tied & mask)) / size)


def highest(values: Float[Any, "batch pixels"], places: Int[Any, "batch"]) -> Float[Any, "batch"]:
    """The highest value of each row, the second highest and so on, as `places` says, from 1."""
    if values.device.type != "cpu":  # where the host would have to wait for the places
        return values.sort(dim=1, descending=True).values.gather(1, places[:, None] - 1)[:, 0]
    highest = values.new_empty(len(values))
    for row, place in enumerate(places.tolist()):
        highest[row] = values[row].kthvalue(values.shape[1] + 1 - place).values
    return highest


METRIC = Metric(
    name="rank",
    label="relevance rank",
    baselines=(UNIFORM,),
    place=4,
    measured=lambda scored: rank(scored.saliency, scored.mask, scored.ignore),
)
