"""How much of each representation its predictor explains: 1 − MSE / variance, at t = 0.

The variance is that around each channel's mean, over all positions of all images: 0 is what a bias alone reaches, 1 is perfect.
"""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from pcsweep.network import PredictiveNetwork


class Explained:
    """Adds up over batches what explained variance is made of; in double precision.

    Args:
        network: whose predictors are measured.
    """

    def __init__(self, network: PredictiveNetwork) -> None:
        self.network = network
        self.sums: list[Tensor] = []  # of each pcoder: (2 + 2 · channels,): count, squared error; sums, sums of squares

    @torch.no_grad()
    def add(
        self,
        images: Float[Tensor, "batch 3 height width"],
        weight: float = 1.0,
        targets: Float[Tensor, "batch 3 height width"] | None = None,
    ) -> None:
        """A batch; one of weight 0 counts for nothing. `targets`, if others, have the representations to be predicted."""
        found = [
            weight * torch.cat([_row(squared.new_tensor(float(below[:, 0].numel()))), _row(squared), *moments])
            for below, squared, moments in self._of(images, images if targets is None else targets)
        ]
        self.sums = found if not self.sums else [a + b for a, b in zip(self.sums, found, strict=True)]

    def _of(self, images: Tensor, targets: Tensor) -> Iterator[tuple[Tensor, Tensor, list[Tensor]]]:
        given, below = images, targets
        for stage, predictor in zip(self.network.stages, self.network.predictors, strict=True):
            above = stage(given)
            error = (predictor(above).double() - below.double()).square().sum()
            channels = below.double().transpose(0, 1).flatten(1)  # (channels, images · positions)
            yield below, error, [channels.sum(1), channels.square().sum(1)]
            below = above if targets is images else stage(below)
            given = above

    def result(self, sums: Sequence[Tensor] | None = None) -> list[tuple[float, float]]:
        """Mean squared error and variance of every pcoder."""
        return [_error_and_variance(each) for each in (self.sums if sums is None else sums)]


def _row(number: Tensor) -> Tensor:
    return number.reshape(1)


def _error_and_variance(sums: Tensor) -> tuple[float, float]:
    count, squared = sums[0], sums[1]
    first, second = sums[2:].chunk(2)
    variance = (second / count - (first / count).square()).clamp(min=0).mean()
    return float(squared / (count * len(first))), float(variance)


def share_explained(error: float, variance: float) -> float:
    """1 − MSE / variance; NaN where there is no variance."""
    return 1 - error / variance if variance > 0 else float("nan")
