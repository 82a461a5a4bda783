"""The IoU of a map that looks at no image: a Gaussian at the image's centre. No metric of a network, but a baseline of its IoU.

Objects are mostly photographed in the middle, so a map that points there whatever it is shown overlaps with many masks. Its width
is our choice: σ is a quarter of the image's height and of its width, so that four σ, nearly all of the Gaussian, span the image;
what is above half of the maximum is an ellipse of 27 % of the image. What is found at another threshold τ is an ellipse as well,
of π ln(1/τ) / 8 of the image, as far as the image reaches.
"""

from typing import Any

from pcsweep.metric.iou import iou
from pcsweep.metric.row import Metric
from pcsweep.metric.saliency import Mask, Saliency, Score

SIGMA = 0.25  # of the image's height and width


def gaussian(mask: Mask) -> Saliency:
    """At the centre of the masks' pixels, divided by its maximum; the same for every image.

    >>> import torch
    >>> gaussian(torch.zeros(1, 1, 3, dtype=torch.bool))
    tensor([[[0.4111, 1.0000, 0.4111]]])
    """
    down, across = (_profile(side, mask.device) for side in mask.shape[1:])
    return (down[:, None] * across).float().expand(mask.shape)


def _profile(side: int, device: Any) -> Any:
    """Along one side, in double precision, so that it is the same from either end."""
    import torch

    twice = 2 * torch.arange(side, device=device, dtype=torch.float64) + 1 - side  # distance from the centre, in half pixels
    profile = (-(twice**2) / (8 * (SIGMA * side) ** 2)).exp()
    return profile / profile.max()


def centre(mask: Mask, ignore: Mask, threshold: float) -> Score:
    """The IoU of the Gaussian above the threshold; NaN for an empty mask.

    >>> import torch
    >>> mask = torch.tensor([[[True, True, False]]])
    >>> centre(mask, torch.zeros_like(mask), threshold=0.5)
    tensor([0.5000])
    """
    return iou(gaussian(mask), mask, ignore, threshold)


METRIC = Metric(
    name="centre",
    label="IoU of a centred Gaussian",
    place=95,
    measured=lambda scored: centre(scored.mask, scored.ignore, scored.threshold),
    asked=False,
    best=False,
    tested=False,
    mask_only=True,
)
