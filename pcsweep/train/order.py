"""Which images make which step: fixed by seed and epoch alone, so that a training can go on at any step, on any devices."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Sampler

from pcsweep.noise import generator_for


@dataclass(frozen=True, eq=False)
class Part:
    """What one device computes at once.

    Args:
        epoch: from 0.
        places: of the images in the list of all that are learned from.
        share: of its step's images.
    """

    epoch: int
    places: list[int]
    share: float


@dataclass(frozen=True)
class Order:
    """The steps of every epoch.

    Args:
        count: of images.
        batch_size: images that a device computes at once.
        processes: devices of all machines.
        accumulate: batches of each device in one step.
        drop_last: whether images that fill no step are left out.
        seed: together with `name`, of the order.
        name: of what is trained.
    """

    count: int
    batch_size: int
    processes: int = 1
    accumulate: int = 1
    drop_last: bool = True
    seed: int = 0
    name: str = ""

    @property
    def images_per_step(self) -> int:
        """Of all devices and their batches together."""
        return self.batch_size * self.processes * self.accumulate

    @property
    def steps(self) -> int:
        """Of an epoch; one at least."""
        whole, rest = divmod(self.count, self.images_per_step)
        return max(1, whole + (rest > 0 and not self.drop_last))

    def parts(self, step: int, rank: int) -> list[range]:
        """Where in an epoch's order the batches of one device lie in one step; empty ones where images are short."""
        end = min(self.count, (step + 1) * self.images_per_step)
        starts = range(step * self.images_per_step, end, self.batch_size * self.processes)
        edges = [(start + rank * self.batch_size, start + (rank + 1) * self.batch_size) for start in starts]
        return [range(min(first, end), min(last, end)) for first, last in edges]

    def shuffled(self, epoch: int) -> Tensor:
        """The images of an epoch, in its order."""
        return torch.randperm(self.count, generator=generator_for(f"{self.name}, order of epoch {epoch}", self.seed))


class Steps(Sampler[Part]):
    """The parts of one device from some step of an epoch to the epoch's end."""

    def __init__(self, order: Order, epoch: int, step: int, rank: int) -> None:
        self.order, self.epoch, self.step, self.rank = order, epoch, step, rank

    def __len__(self) -> int:
        return sum(len(self.order.parts(step, self.rank)) for step in range(self.step, self.order.steps))

    def __iter__(self) -> Iterator[Part]:
        shuffled = self.order.shuffled(self.epoch)
        for step in range(self.step, self.order.steps):
            whole = min(self.order.count - step * self.order.images_per_step, self.order.images_per_step)
            for places in self.order.parts(step, self.rank):
                chosen = shuffled[places.start : places.stop] if places else shuffled[:1]  # every device computes something
                yield Part(self.epoch, chosen.tolist(), len(places) / whole)


class Rounds(Sampler[Part]):
    """Images in the order of their list, each device every so many batches: for what is only measured."""

    def __init__(self, count: int, batch_size: int, processes: int = 1, rank: int = 0) -> None:
        self.count, self.batch_size, self.processes, self.rank = count, batch_size, processes, rank

    def __len__(self) -> int:
        return len(range(0, self.count, self.batch_size * self.processes))

    def __iter__(self) -> Iterator[Part]:
        for start in range(0, self.count, self.batch_size * self.processes):
            mine = range(start + self.rank * self.batch_size, start + (self.rank + 1) * self.batch_size)
            places = [place for place in mine if place < self.count]
            yield Part(0, places or [0], len(places) / self.count)
