"""What images show in truth, which maps and logits are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pcsweep.dataset import Sample
from pcsweep.machine.transfer import to_device

Target = Literal["label", "predicted", "predicted_at_0"]


@dataclass(frozen=True, eq=False)
class Truth:
    """Of a batch of images: masks and ignored pixels (batch, height, width), labels (batch,)."""

    mask: Tensor
    ignore: Tensor
    label: Tensor

    def repeated(self, times: int) -> "Truth":
        """The same images for each of several grid points."""
        if times == 1:
            return self
        return Truth(self.mask.repeat(times, 1, 1), self.ignore.repeat(times, 1, 1), self.label.repeat(times))

    def target(self, which: Target, predicted: Tensor, predicted_at_0: Tensor) -> Tensor:
        """The classes whose maps are taken.

        Args:
            which: is asked for.
            predicted: at this timestep, of these images.
            predicted_at_0: at t = 0, of the images of one point.
        """
        repeats = len(predicted) // len(predicted_at_0)
        return {"label": self.label, "predicted": predicted, "predicted_at_0": predicted_at_0.repeat(repeats)}[which]


def truth_of(samples: Sequence[Sample], rows: int, device: torch.device) -> Truth:
    """Of so many rows, filled up with the last of the samples."""
    filled = [*samples, *[samples[-1]] * (rows - len(samples))]
    return Truth(
        mask=to_device(torch.stack([sample.mask for sample in filled]), device),
        ignore=to_device(torch.stack([sample.ignore for sample in filled]), device),
        label=to_device(torch.tensor([sample.class_index for sample in filled]), device),
    )
