"""Images ready to be measured: with their noise, as many as the network takes at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pcsweep.dataset import Sample
from pcsweep.machine.transfer import to_device
from pcsweep.network.engine.run import ROWS
from pcsweep.network.stimulus import Stimulus


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples made ready to be measured.

    Args:
        samples: some images.
        noisy: their noisy, normalised images, filled up with the last of them to a multiple of `ROWS`.
        anew: the same at a later timestep, where noise is drawn anew.
    """

    samples: Sequence[Sample]
    noisy: Tensor
    anew: Callable[[int], Tensor] | None = None

    def stimulus(self, device: torch.device) -> Stimulus:
        """What the network sees over time, on its device; of what is drawn anew, the last is kept."""
        anew = self.anew
        if anew is None:
            return Stimulus(to_device(self.noisy, device))
        return Stimulus(to_device(self.noisy, device), lru_cache(1)(lambda timestep: to_device(anew(timestep), device)))


def batch(
    samples: Sequence[Sample],
    corrupt: Callable[[Sample], Tensor],
    anew: Callable[[Sample, int], Tensor] | None = None,
) -> Batch:
    """The samples with `corrupt` of each: its noisy, normalised image.

    Args:
        samples: some images.
        corrupt: of one.
        anew: the same at a later timestep, where noise is drawn anew.
    """
    noisy = _filled([corrupt(sample) for sample in samples])
    if anew is None:
        return Batch(samples, noisy)
    return Batch(samples, noisy, lambda timestep: _filled([anew(sample, timestep) for sample in samples]))


def _filled(images: list[Tensor]) -> Tensor:
    return torch.stack(images + images[-1:] * (-len(images) % ROWS))
