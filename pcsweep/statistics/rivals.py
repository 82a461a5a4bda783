"""Two cells of the same images against each other: what an image has more of in one than in the other."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from pcsweep.statistics.bootstrap import mean
from pcsweep.statistics.paired import effect_size, over_seeds
from pcsweep.statistics.permutation import flipped, least
from pcsweep.statistics.student import student


@dataclass(frozen=True)
class PairedDifference:
    """The second less the first, of images that are defined in both.

    Args:
        a, b: means of these images.
        difference, low, high: the mean of their differences with Student's 95 % interval, NaN of a single image.
        effect: it in standard deviations of the images' differences; NaN where all are equal.
        pairs: how many images there are.
        p: two-sided, of no difference, by flipping the signs of the images' differences.
        p_least: the smallest p that so many images and patterns of signs allow.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    effect: float
    pairs: int
    p: float
    p_least: float

    def turned(self) -> "PairedDifference":
        """The first less the second."""
        a, b, difference, effect = self.b, self.a, -self.difference, -self.effect
        return replace(self, a=a, b=b, difference=difference, low=-self.high, high=-self.low, effect=effect)


def paired_difference(
    a: Float64[np.ndarray, "seeds images"], b: Float64[np.ndarray, "seeds images"], signs: Float32[np.ndarray, "patterns images"]
) -> PairedDifference:
    """Of b − a. Each noise seed is paired with itself, and an image counts once: its differences are averaged over seeds.

    Args:
        a, b: of the same images and noise seeds, NaN where undefined.
        signs: of the images' differences, by pattern.
    """
    differences = b - a  # (seeds, images)
    of_image = over_seeds(differences)[None]  # (1, images)
    undefined = np.isnan(differences)
    mean_a, mean_b = (mean(over_seeds(np.where(undefined, np.nan, each))[None]) for each in (a, b))  # (1,) each
    middle, low, high = student(of_image)
    pairs = int((~np.isnan(of_image)).sum())
    return PairedDifference(
        a=mean_a.item(),
        b=mean_b.item(),
        difference=middle.item(),
        low=low.item(),
        high=high.item(),
        effect=effect_size(of_image).item(),
        pairs=pairs,
        p=flipped(of_image, signs).p.item(),
        p_least=least(pairs, len(signs) - 1) if pairs else np.nan,
    )
