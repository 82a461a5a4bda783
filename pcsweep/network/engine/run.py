"""The dynamics of many grid points on the same images: one feedforward pass, then every point's trajectory, without autograd.

Maps are channels last in memory. Arrays are written again and again: memory grows neither with time nor with the number of
points, but with how many rows (images within points) are computed at once.

A result does not depend on which points and images share a call, to the last bit, as long as images come in multiples of `ROWS`:
libraries may choose another algorithm for another number of rows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.arrays import ROWS, Distinct, slices
from pcsweep.network.engine.compiled import CompiledNetwork
from pcsweep.network.engine.graphs import Graphs, Replays, kept
from pcsweep.network.engine.schedule import Structure, levels, structure
from pcsweep.network.engine.trajectories import Start, Trajectories
from pcsweep.network.stimulus import Stimulus, stimulus_of
from pcsweep.network.within import Upward, rows_of
from pcsweep.pcoder.predictive_coding import Rule

__all__ = ["ROWS", "Engine", "Moment"]


@dataclass(frozen=True, eq=False)
class Moment:
    """Some grid points at one timestep.

    Args:
        timestep: t.
        points: numbers of the points, as they were given.
        images: how many.
        representations: r_1(t)..r_N(t), with a row per image, or per point and image where they differ between points.
        upward: what the update rule makes of a drive at t (`pcsweep.network.within`); the engine itself does not say it.
        states: what an update rule with a step of its own keeps of each of them; none of predictive coding.
    """

    timestep: int
    points: tuple[int, ...]
    images: int
    representations: list[Tensor]
    upward: Upward | None = None
    states: Sequence[Tensor] = ()

    @property
    def shared(self) -> bool:
        """Whether r_N(t) is the same for all these points, with a row per image."""
        return len(self.representations[-1]) == self.images

    def rows(self, n: int, rows: Tensor) -> Tensor:
        """Of r_n(t), from n = 1, some rows by their numbers among those of all points."""
        return rows_of(self.representations[n - 1], rows, self.images, len(self.points) * self.images)


@dataclass(frozen=True, eq=False)
class Engine:
    """Runs grid points on a compiled network.

    Args:
        network: compiled.
        replays: of timesteps, and their memory.
    """

    network: CompiledNetwork
    replays: Replays = field(default_factory=Replays)

    def moments(self, images: Tensor | Stimulus, points: Sequence[Sequence[Rule]], timesteps: int, rows: int) -> Iterator[Moment]:
        """All points at t = 0, then chunks of points of one structure, each through t = 1..timesteps.

        The representations of a moment may be overwritten by the next.

        Args:
            images: (images, channels, height, width), normalised; or over time.
            points: the rules of each grid point, pcoder by pcoder.
            timesteps: T.
            rows: points · images at most in one chunk, but at least one point.
        """
        with self.replays.lent() as (memory, graphs):
            yield from self._moments(stimulus_of(images), points, timesteps, rows, memory, graphs)

    def _moments(
        self,
        stimulus: Stimulus,
        points: Sequence[Sequence[Rule]],
        timesteps: int,
        rows: int,
        memory: Workspace,
        graphs: Graphs,
    ) -> Iterator[Moment]:
        images = stimulus.images
        distinct = _distinct(stimulus)
        initial = self.network.feedforward(images, distinct)  # r_0..r_N, each (images, channels, height, width)
        if graphs.records:
            initial = [kept(r, f"r_{n} at 0", memory) for n, r in enumerate(initial)]
        yield Moment(0, tuple(range(len(points))), len(images), initial[1:])
        if not timesteps:
            return
        chunks = _chunks(points, max(1, rows // max(1, len(images))), not stimulus.stays)
        corrected = [any(each) for each in zip(*(chunk.structure.corrected for chunk in chunks), strict=True)]
        start = Start(self.network, initial, corrected, memory, distinct)
        for chunk in chunks:
            trajectories = Trajectories(self.network, start, [points[number] for number in chunk.points], memory, graphs)
            for timestep in range(1, timesteps + 1):
                image = None if stimulus.stays else stimulus.at(timestep)
                place = None if image is None else timestep % 2  # since that of t - 1 is used as well
                if image is not None and graphs.records:
                    image = kept(image, f"r_0 {place}", memory)
                trajectories.advance(levels(chunk.structure, timestep, alone=len(points) == 1), image, place)
                yield Moment(timestep, chunk.points, len(images), trajectories.representations)


def _distinct(stimulus: Stimulus) -> Distinct:
    """Which images are computed: on a CPU, where each takes its time, no copies, if they are half of all or more."""
    images = len(stimulus.images)
    count = images if stimulus.count is None or stimulus.images.is_cuda else stimulus.count
    return Distinct(images, count if 2 * count <= images else images)


@dataclass(frozen=True)
class _Chunk:
    """Points that are computed together, by their numbers, and the structure that all of them have."""

    structure: Structure
    points: tuple[int, ...]


def _chunks(points: Sequence[Sequence[Rule]], most: int, changing: bool) -> list[_Chunk]:
    """Puts points of one structure together, in chunks of at most `most` and of sizes as equal as possible."""
    alike: dict[Structure, list[int]] = {}
    for number, rules in enumerate(points):
        alike.setdefault(structure(rules, changing), []).append(number)
    chunks = []
    for shared, numbers in alike.items():
        size = math.ceil(len(numbers) / math.ceil(len(numbers) / most))
        chunks += [_Chunk(shared, tuple(numbers[rows])) for rows in slices(0, len(numbers), size)]
    return chunks
