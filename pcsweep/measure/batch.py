"""Images ready to be measured: with their noise, as many as the network takes at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Generic, TypeVar

import torch
from torch import Tensor

from pcsweep.dataset import Sample
from pcsweep.machine.transfer import Sender, Sent, to_device
from pcsweep.network.engine.run import ROWS
from pcsweep.network.stimulus import Stimulus

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples made ready to be measured.

    Args:
        samples: some images.
        noisy: their noisy, normalised images, filled up with the last of them to a multiple of `ROWS`.
        anew: the same at a later timestep, where noise is drawn anew.
        sender: by which images go to the device.
        sent: the noisy images on their way there; None where they have not been sent.
    """

    samples: Sequence[Sample]
    noisy: Tensor
    anew: Callable[[int], Tensor] | None = None
    sender: Sender | None = None
    sent: Sent | None = None

    def on_its_way(self, sender: Sender) -> "Batch":
        """With its images sent to the device, which may compute something else meanwhile."""
        return replace(self, sender=sender, sent=sender.send(self.noisy))

    def stimulus(self, device: torch.device, timesteps: int = 0) -> Stimulus:
        """What the network sees over time, on its device; of what is drawn anew, the last is kept.

        Args:
            device: the network's.
            timesteps: T. On a GPU what is drawn anew at t ≤ T is drawn and sent during t - 1.
        """
        images = to_device(self.noisy, device) if self.sent is None else self.sent.arrived()
        anew, sender, count = self.anew, self.sender, len(self.samples)
        if anew is None:
            return Stimulus(images, count=count)
        if sender is None or device.type == "cpu":  # whose cores all compute already
            return Stimulus(images, lru_cache(1)(lambda timestep: to_device(anew(timestep), device)), count)
        coming = OneAhead(lambda timestep: sender.send(anew(timestep)), timesteps)
        return Stimulus(images, lru_cache(1)(lambda timestep: coming(timestep).arrived()), count)


class OneAhead(Generic[Made]):
    """What a function makes at each timestep, made by a thread during the timestep before.

    Args:
        function: of t.
        last: T.
    """

    def __init__(self, function: Callable[[int], Made], last: int) -> None:
        self._function, self._last = function, last
        self._executor = ThreadPoolExecutor(1)
        self._coming: tuple[int, Future[Made]] | None = None

    def __call__(self, timestep: int) -> Made:
        """At t; an error of the function is raised when what it did not make is asked for."""
        expected, future = self._coming or (None, None)
        if future is None or expected != timestep:
            future = self._executor.submit(self._function, timestep)
        made = future.result()
        following = timestep + 1
        self._coming = (following, self._executor.submit(self._function, following)) if following <= self._last else None
        return made


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
