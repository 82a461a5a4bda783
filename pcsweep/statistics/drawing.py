"""What is drawn at random: resamples of the images, and signs of their differences."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np
from jaxtyping import Float32

from pcsweep.statistics.bootstrap import Resamples, resampling
from pcsweep.statistics.permutation import flips


@dataclass(frozen=True)
class Drawing:
    """The random draws for one number of images. Every cell of a study has the same, so that cells are compared on equal draws.

    Args:
        images: how many images a cell has.
        resamples: how many bootstrap resamples are drawn.
        permutations: how many patterns of signs are drawn for the tests.
        seed: of both, and of the halves of the images that choose and confirm.
    """

    images: int
    resamples: int = 2000
    permutations: int = 4999
    seed: int = 0

    @cached_property
    def counts(self) -> Float32[np.ndarray, "resamples images"]:
        """How often each image is drawn in each resample."""
        return resampling(self.images, self.resamples, self.seed)

    @cached_property
    def resamples_of_all(self) -> Resamples:
        """The same resamples, for metrics of all images together."""
        return Resamples(self.counts)

    @cached_property
    def signs(self) -> Float32[np.ndarray, "patterns images"]:
        """The sign that each pattern gives to each image's difference, +1 or -1."""
        return flips(self.images, self.permutations, self.seed)


Drawn = Callable[[int], Drawing]  # the drawing for a number of images


def drawn_once(resamples: int, permutations: int, seed: int) -> Drawn:
    """A function that draws for a number of images when it is first asked to, and gives the same drawing from then on."""
    return cache(partial(Drawing, resamples=resamples, permutations=permutations, seed=seed))
