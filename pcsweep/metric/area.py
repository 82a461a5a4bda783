"""The mask's share of the image: no metric of a network, but what a uniform map, one that is the same everywhere, reaches."""

from pcsweep.metric.row import Metric
from pcsweep.metric.saliency import Mask, Score, count


def area(mask: Mask, ignore: Mask) -> Score:
    """|M| / pixels.

    >>> import torch
    >>> mask = torch.tensor([[[True, False]]])
    >>> area(mask, torch.zeros_like(mask))
    tensor([0.5000])
    """
    return count(mask & ~ignore) / count(~ignore)


def pixels(ignore: Mask) -> Score:
    """How many pixels of the image are looked at: all but those under `ignore`.

    >>> import torch
    >>> pixels(torch.tensor([[[True, False]]]))
    tensor([1.])
    """
    return count(~ignore)


METRIC = Metric(
    name="area",
    label="mask area",
    place=94,
    measured=lambda scored: area(scored.mask, scored.ignore),
    asked=False,
    best=False,
    tested=False,
    mask_only=True,
)
