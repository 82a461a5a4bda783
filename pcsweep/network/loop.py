"""The dynamics of an update rule that has no engine: a plain loop over grid points and time, without autograd.

It gives the moments that `pcsweep.network.engine.run` gives. Every stage and every step computes `ROWS` images per call (on a GPU
more), and one point after the other: no result depends on which points share a call, and memory grows with neither time nor
points.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.arrays import slices
from pcsweep.network.engine.graphs import Graphs, Replays, kept
from pcsweep.network.engine.run import ROWS, Moment
from pcsweep.network.stimulus import Stimulus, stimulus_of
from pcsweep.network.within import from_drive
from pcsweep.pcoder.rule import UpdateRule, Values, valued


@runtime_checkable
class Stepping(UpdateRule, Protocol):
    """An update rule that says how one pcoder gets from t-1 to t."""

    def start(self, initial: Tensor, rectified: bool) -> Tensor:
        """The rule's own state at t = 0, with a row for each image.

        Args:
            initial: r_n(0), (images, channels, height, width).
            rectified: whether f_n returns nothing negative.
        """

    def step(
        self, values: Mapping[str, float], drive: Tensor, before: Tensor, state: Tensor, rectified: bool
    ) -> tuple[Tensor, Tensor]:
        """r_n(t), (images, channels, height, width), and the rule's own state at t, of the shape it had at t-1.

        Args:
            values: the pcoder's coefficients by key.
            drive: f_n(r_{n-1}(t)).
            before: r_n(t-1).
            state: the rule's own at t-1.
            rectified: whether f_n returns nothing negative.

        Raises:
            ValueError: the rule has no step for representations of this shape where these of its values are not zero.
        """


@runtime_checkable
class Shown(Stepping, Protocol):
    """An update rule that has something to draw beside a map."""

    @property
    def shows(self) -> str:
        """What is drawn, in a word and symbols, such as `average s(t)`."""

    def shown(self, values: Mapping[str, float], now: Tensor, state: Tensor) -> Tensor:
        """It, (images, channels, height, width), of which a picture takes the mean over channels.

        Args:
            values: the pcoder's coefficients by key.
            now: r_n(t).
            state: the rule's own at t.
        """


_ON_DEVICE = 64  # images per call of a stage or a step on a GPU, which few of them leave idle

Stage = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class _Level:
    """One pcoder: its rule, f_n in evaluation mode, and whether f_n returns nothing negative."""

    rule: Stepping
    stage: Stage
    rectified: bool

    def started(self, initial: Tensor) -> Tensor:
        """The rule's own state at t = 0."""
        return _joined([self.rule.start(initial[rows], self.rectified) for rows in _rows(initial)])

    def stepped(self, values: Mapping[str, float], below: Tensor, before: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """r_n(t) and the rule's own state, from r_{n-1}(t), r_n(t-1) and that state at t-1."""
        after, states = [], []
        for rows in _rows(below):
            drive = _driven(self.stage, below[rows])  # (images, channels, height, width)
            r, own = self.step(values, drive, before[rows], state[rows])
            after.append(r)
            states.append(own)
        return _joined(after), _joined(states)

    def step(self, values: Mapping[str, float], drive: Tensor, before: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The rule's own, without autocast, which rounds what a stage computes and not the states."""
        with torch.autocast(drive.device.type, enabled=False):
            return self.rule.step(values, drive, before, state, self.rectified)


@dataclass(frozen=True, eq=False)
class Loop:
    """A network that is looped over.

    Args:
        stages: f_1..f_N, in evaluation mode.
        rectified: of each, whether it returns nothing negative (`are_rectified`).
        replays: of timesteps, and their memory.
    """

    stages: Sequence[Stage]
    rectified: Sequence[bool]
    replays: Replays = field(default_factory=Replays)

    def moments(
        self, images: Tensor | Stimulus, rule: Stepping, points: Sequence[Sequence[Values]], timesteps: int
    ) -> Iterator[Moment]:
        """All points at t = 0, then each through t = 1..timesteps. A moment's representations may be overwritten by the next.

        Args:
            images: (images, …), normalised; or over time.
            rule: of all points.
            points: its coefficients, of each grid point, pcoder by pcoder.
            timesteps: T.
        """
        stimulus = stimulus_of(images)
        levels = [_Level(rule, *each) for each in zip(self.stages, self.rectified, strict=True)]
        with self.replays.lent() as (memory, graphs):
            places = _Places(memory, graphs)
            images = places.put(stimulus.images, "r_0", 0)
            with torch.no_grad():
                initial = _feedforward(self.stages, images)
                own = [level.started(r) for level, r in zip(levels, initial, strict=True)]
            start = places.put_all(_States(initial, own), 0)
            yield Moment(0, tuple(range(len(points))), len(images), start.now, from_drive, start.own)
            for number, point in enumerate(points):
                values, states = [valued(rule, numbers) for numbers in point], start
                for timestep in range(1, timesteps + 1):
                    upward = _OfStep(levels, values, states.now, states.own)
                    with torch.no_grad():  # not around the yield
                        image = images if stimulus.stays else places.put(stimulus.at(timestep), "r_0", timestep)
                        key = repr(rule), tuple(point), stimulus.stays
                        states = places.moved(key, timestep, partial(_advanced, levels, values, image, states), states)
                    yield Moment(timestep, (number,), len(images), states.now, upward, states.own)


@dataclass(frozen=True, eq=False)
class _States:
    """r_1(t)..r_N(t), and the rule's own states."""

    now: list[Tensor]
    own: list[Tensor]


def _advanced(levels: Sequence[_Level], values: Sequence[Mapping[str, float]], image: Tensor, states: _States) -> _States:
    """From t-1 to t, bottom-up."""
    now, own, below = [], [], image
    for level, of_level, before, state in zip(levels, values, states.now, states.own, strict=True):
        below, after = level.stepped(of_level, below, before, state)
        now.append(below)
        own.append(after)
    return _States(now, own)


@dataclass(frozen=True, eq=False)
class _Places:
    """Where states lie while timesteps are recorded: those of t = 0, and in turns those of t and of t - 1, which is asked for.

    Where nothing is recorded, they lie where they were made.
    """

    memory: Workspace
    graphs: Graphs

    def put(self, tensor: Tensor, name: str, timestep: int) -> Tensor:
        """The tensor, in its place at t."""
        return kept(tensor, f"{name} {_turn(timestep)}", self.memory) if self.graphs.records else tensor

    def put_all(self, states: _States, timestep: int) -> _States:
        """States, in their places at t."""
        return self._written(states, timestep) if self.graphs.records else states

    def moved(self, key: Hashable, timestep: int, advanced: Callable[[], _States], like: _States) -> _States:
        """The states at t, which `advanced` makes; of the shapes of those at t-1."""
        if not self.graphs.records:
            return advanced()
        shapes = tuple(tensor.shape for tensor in (*like.now, *like.own))
        whole = (key, shapes, _turn(timestep), timestep == 1)  # which reads what t = 0 has left
        self.graphs.run(whole, lambda: self.memory.allocated, lambda: self._written(advanced(), timestep))
        return self._there(like, timestep)

    def _written(self, states: _States, timestep: int) -> _States:
        there = self._there(states, timestep)
        for place, tensor in zip((*there.now, *there.own), (*states.now, *states.own), strict=True):
            place.copy_(tensor)
        return there

    def _there(self, like: _States, timestep: int) -> _States:
        """The places of states at t."""
        now, own = (
            [self.memory.take_maps(f"{name} {n} {_turn(timestep)}", each.shape, each) for n, each in enumerate(tensors, start=1)]
            for name, tensors in (("r", like.now), ("own", like.own))
        )
        return _States(now, own)


def _turn(timestep: int) -> str:
    return ("at an even t", "at an odd t")[timestep % 2] if timestep else "at t = 0"


@dataclass(frozen=True, eq=False)
class _OfStep:
    """r_n(t) of some images of a point from their drive (`pcsweep.network.within`).

    Args:
        levels: from the lowest up.
        values: their coefficients, of one point.
        before: r_1(t-1)..r_N(t-1).
        own: the rule's own states at t-1.
    """

    levels: Sequence[_Level]
    values: Sequence[Mapping[str, float]]
    before: Sequence[Tensor]
    own: Sequence[Tensor]

    def __call__(self, n: int, drive: Tensor, known: Tensor, rows: Tensor, place: int) -> Tensor:  # noqa: ARG002
        """One step of the rule."""
        index = n - 1
        after, _ = self.levels[index].step(self.values[index], drive, self.before[index][rows], self.own[index][rows])
        return after


def are_rectified(stages: Sequence[Stage], image: Tensor) -> list[bool]:
    """Of each stage, whether it returns nothing negative for noise, the same at every call, like `image` (1, …)."""
    noise = torch.randn((ROWS, *image.shape[1:]), generator=torch.Generator().manual_seed(0)).to(image)
    with torch.no_grad():
        return [bool((r >= 0).all()) for r in _feedforward(stages, noise)]


def _feedforward(stages: Sequence[Stage], images: Tensor) -> list[Tensor]:
    """r_1(0)..r_N(0)."""
    found = [images]
    for stage in stages:
        found.append(_joined([_driven(stage, found[-1][rows]) for rows in _rows(found[-1])]))
    return found[1:]


def _driven(stage: Stage, below: Tensor) -> Tensor:
    """f_n; autocast may have rounded it, which the states are not."""
    return stage(below).to(below.dtype)


def _joined(parts: list[Tensor]) -> Tensor:
    """All rows; one part alone is not copied."""
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _rows(images: Tensor) -> list[slice]:
    """Of as many images as share a call; an empty batch has one that is empty."""
    return list(slices(0, len(images), _ON_DEVICE if images.is_cuda else ROWS)) or [slice(0, 0)]
