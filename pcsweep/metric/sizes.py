"""Sizes of objects as ImageNet-S has them: classes by the share of the image that the object covers.

Gao et al. (2022), *Large-scale Unsupervised Semantic Segmentation*, IEEE TPAMI. As in their evaluator, the share is of the pixels
that are not ignored, and a bound belongs to the smaller class.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32


@dataclass(frozen=True)
class SizeClass:
    """Objects that cover more than `above` and at most `upto` percent of their image."""

    name: str
    above: int
    upto: int

    @property
    def label(self) -> str:
        """Such as `small, ≤ 5 %`."""
        return f"{self.name}, {f'≤ {self.upto} %' if self.upto < 100 else f'> {self.above} %'}"

    def has(self, area: Float32[np.ndarray, " images"]) -> Bool[np.ndarray, " images"]:
        """Which images are of it, by the mask's share of each; one without object, whose share is 0 or NaN, is of none.

        >>> SIZES[0].has(np.array([0, 0.02, 0.05, 0.051, np.nan], np.float32)).tolist()
        [False, True, True, False, False]
        """
        above, upto = (np.float32(percent / 100) for percent in (self.above, self.upto))
        return np.asarray((area > above) & (area <= upto))


SIZES = (
    SizeClass("small", 0, 5),
    SizeClass("medium-small", 5, 25),
    SizeClass("medium-large", 25, 50),
    SizeClass("large", 50, 100),
)
