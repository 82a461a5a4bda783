"""The dynamics of an update rule that has no engine: a plain loop over grid points and time, without autograd.

It gives the moments that `pcsweep.network.engine.run` gives. Every stage computes `ROWS` images per call, and one point after
the other: no result depends on which points share a call, and memory grows with neither time nor points.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from pcsweep.network.engine.arrays import slices
from pcsweep.network.engine.run import ROWS, Moment
from pcsweep.network.within import from_drive
from pcsweep.pcoder.rule import UpdateRule, Values, valued


@runtime_checkable
class Stepping(UpdateRule, Protocol):
    """An update rule that says how one pcoder gets from t-1 to t."""

    def step(
        self, values: Mapping[str, float], drive: Tensor, before: Tensor, state: Tensor, rectified: bool
    ) -> tuple[Tensor, Tensor]:
        """r_n(t) and the rule's own state at t, each (images, channels, height, width).

        Args:
            values: the pcoder's coefficients by key.
            drive: f_n(r_{n-1}(t)).
            before: r_n(t-1).
            state: the rule's own at t-1; zero at t = 0.
            rectified: whether f_n returns nothing negative.
        """


Stage = Callable[[Tensor], Tensor]


def looped(
    stages: Sequence[Stage],
    rectified: Sequence[bool],
    images: Tensor,
    rule: Stepping,
    points: Sequence[Sequence[Values]],
    timesteps: int,
) -> Iterator[Moment]:
    """All points at t = 0, then each through t = 1..timesteps. The representations of a moment may be overwritten by the next.

    Args:
        stages: f_1..f_N, in evaluation mode.
        rectified: of each, whether it returns nothing negative (`are_rectified`).
        images: (images, …), normalised.
        rule: of all points.
        points: its coefficients, of each grid point, pcoder by pcoder.
        timesteps: T.
    """
    with torch.no_grad():
        initial = _feedforward(stages, images)
    yield Moment(0, tuple(range(len(points))), len(images), initial, from_drive)
    for number, point in enumerate(points):
        values = [valued(rule, numbers) for numbers in point]
        now, own = list(initial), [torch.zeros_like(r) for r in initial]
        for timestep in range(1, timesteps + 1):
            upward = _OfStep(rule, values, rectified, list(now), list(own))
            with torch.no_grad():  # not around the yield
                below = images
                for n, stage in enumerate(stages):
                    drive = _by_rows(stage, below)  # (images, channels, height, width)
                    now[n], own[n] = rule.step(values[n], drive, now[n], own[n], rectified[n])
                    below = now[n]
            yield Moment(timestep, (number,), len(images), list(now), upward)


@dataclass(frozen=True, eq=False)
class _OfStep:
    """r_n(t) of some images of a point from their drive (`pcsweep.network.within`).

    Args:
        rule, values, rectified: as `looped` has them, of one point.
        before: r_1(t-1)..r_N(t-1).
        own: the rule's own states at t-1.
    """

    rule: Stepping
    values: Sequence[Mapping[str, float]]
    rectified: Sequence[bool]
    before: Sequence[Tensor]
    own: Sequence[Tensor]

    def __call__(self, n: int, drive: Tensor, known: Tensor, rows: Tensor) -> Tensor:  # noqa: ARG002
        """One step of the rule."""
        place = n - 1
        before, own = self.before[place][rows], self.own[place][rows]
        return self.rule.step(self.values[place], drive, before, own, self.rectified[place])[0]


def are_rectified(stages: Sequence[Stage], image: Tensor) -> list[bool]:
    """Of each stage, whether it returns nothing negative for noise, the same at every call, like `image` (1, …)."""
    noise = torch.randn((ROWS, *image.shape[1:]), generator=torch.Generator().manual_seed(0)).to(image)
    with torch.no_grad():
        return [bool((r >= 0).all()) for r in _feedforward(stages, noise)]


def _feedforward(stages: Sequence[Stage], images: Tensor) -> list[Tensor]:
    """r_1(0)..r_N(0)."""
    found = [images]
    for stage in stages:
        found.append(_by_rows(stage, found[-1]))
    return found[1:]


def _by_rows(stage: Stage, below: Tensor) -> Tensor:
    """f_n of all images; autocast may have rounded it, which the states are not."""
    parts = [stage(below[rows]).to(below.dtype) for rows in slices(0, len(below), ROWS)]
    return torch.cat(parts) if parts else stage(below)  # an empty batch has its shape, too
