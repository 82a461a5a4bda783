"""What a network makes of an image whose pixels are replaced in the order of its map, the most salient first.

Petsiuk, Das and Saenko (2018, "RISE: Randomized input sampling for explanation of black-box models", BMVC) judge a map by it: if
the map shows what the network looks at, the probability of the class falls early where these pixels are taken away, and rises
early where they are put in.

*How we deviate from their code:* all pixels are replaced in `steps` parts that are as equal as whole pixels allow, where theirs
have 224 pixels; pixels of one saliency come row by row from the top left, where theirs come as a sort leaves them; the blur's
weights are those of a Gaussian, cut at the kernel's edges and divided by their sum, where theirs are reflected there. As theirs,
the blur takes what is beyond the image's edge for 0, which is the mean colour.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float, Int

from pcsweep.metric.saliency import undefined

Images = Float[Any, "batch channels height width"]
Curve = Float[Any, "points batch"]


@dataclass(frozen=True)
class Perturbation:
    """How pixels are replaced, and at which timesteps maps are judged by it.

    Args:
        timesteps: in order, t = 0 the first.
        steps: in how many parts all pixels are replaced.
        baseline: what deletion puts in the place of a pixel: `mean`, the mean colour of the model's images, which is 0 where they
            are normalised; or `blur`, the blurred image's.
        sigma: of the blur, in pixels.
        kernel: its width in pixels, an odd number.
    """

    timesteps: tuple[int, ...]
    steps: int
    baseline: Literal["mean", "blur"]
    sigma: float
    kernel: int

    @property
    def points(self) -> int:
        """Of a curve, its start and its end among them: so many images the network is asked about for each map."""
        return self.steps + 1


@dataclass(frozen=True, eq=False)
class Probe:
    """Asks the network of some maps about other images, by the same dynamics from t = 0 to the maps' timestep.

    Args:
        images: noisy, normalised, of which the maps are.
        probabilities: of the maps' targets, (variants, batch), for variants of all images, (batch, channels, height, width) each.
            These are taken from the iterable few at a time, so that a generator keeps memory bounded.
        perturbation: the settings.
    """

    images: Images
    probabilities: Callable[[Iterable[Images]], Float[Any, "variants batch"]]
    perturbation: Perturbation


def ranks(saliency: Float[Any, "batch height width"]) -> Int[Any, "batch height width"]:
    """How many pixels come before each: 0 for the most salient; of equal ones those above, then those at the left, come first.

    >>> import torch
    >>> ranks(torch.tensor([[[0.0, 1.0], [0.5, 1.0]]]))
    tensor([[[3, 0],
             [2, 1]]])
    """
    order = saliency.flatten(1).argsort(dim=1, descending=True, stable=True)  # (batch, pixels)
    return order.argsort(dim=1).view(saliency.shape)


def blurred(images: Images, sigma: float, kernel: int) -> Images:
    """Each channel under a Gaussian of `kernel` × `kernel` pixels; 0 beyond the edges.

    Sums of shifted images, so that no result depends on how many images there are.

    >>> import torch
    >>> blurred(torch.ones(1, 1, 1, 3), sigma=1e6, kernel=3)
    tensor([[[[0.2222, 0.3333, 0.2222]]]])
    """
    half = kernel // 2
    weights = [math.exp(-((distance / sigma) ** 2) / 2) for distance in range(half + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    for dimension in (2, 3):
        size, summed = images.shape[dimension], images * (weights[0] / total)
        for distance in range(1, min(half, size - 1) + 1):
            rest, weight = size - distance, weights[distance] / total
            for source, target in ((0, distance), (distance, 0)):
                summed.narrow(dimension, target, rest).add_(images.narrow(dimension, source, rest), alpha=weight)
        images = summed
    return images


def curve(saliency: Float[Any, "batch height width"], start: Images, end: Images, probe: Probe) -> Curve:
    """The target's probability as the pixels of `start` are replaced by those of `end`; NaN throughout for an undefined map.

    After k of `steps` parts the first ⌊k · pixels / steps⌋ pixels are replaced.

    Args:
        saliency: maps; the most salient pixels are replaced first.
        start, end: of all images, normalised.
        probe: that is asked.
    """
    places = ranks(saliency)[:, None]  # (batch, 1, height, width)
    pixels, steps = saliency[0].numel(), probe.perturbation.steps

    def variants() -> Iterator[Images]:
        for step in range(steps + 1):
            yield end.where(places < step * pixels // steps, start)

    return probe.probabilities(variants()).masked_fill(undefined(saliency), math.nan)


def area_under(points: Curve) -> Float[Any, "batch"]:
    """By trapezoids, over the share of the pixels that are replaced: of a constant it is the constant.

    >>> import torch
    >>> area_under(torch.tensor([[1.0], [0.5], [0.0]]))
    tensor([0.5000])
    """
    total = (points[0] + points[-1]) / 2
    for between in points[1:-1]:  # one after the other: a sum's order could depend on the number of images
        total = total + between
    return total / (len(points) - 1)
