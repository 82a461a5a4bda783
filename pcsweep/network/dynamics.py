"""How the points of an update rule are computed, and what that takes: by the rule's own step or by predictive coding's engine.

Here alone is asked which of the two it is.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor

from pcsweep.network.engine.run import Moment
from pcsweep.network.engine.schedule import Count, Structure, counts, structure
from pcsweep.network.loop import Loop, Stepping
from pcsweep.network.stimulus import Stimulus, stimulus_of
from pcsweep.network.within import from_drive
from pcsweep.pcoder.predictive_coding import Rule
from pcsweep.pcoder.rule import UpdateRule, Values, valued

if TYPE_CHECKING:
    from pcsweep.network.predictive import PredictiveNetwork

Point = Sequence[Values]  # the coefficients of one grid point, pcoder by pcoder


@runtime_checkable
class Dynamics(Protocol):
    """Of grid points of one rule."""

    @property
    def predicts(self) -> bool:
        """Whether the pcoders' predictors are used."""

    def moments(
        self, network: "PredictiveNetwork", images: Tensor | Stimulus, points: Sequence[Point], timesteps: int, rows: int
    ) -> Iterator[Moment]:
        """See `PredictiveNetwork.moments`."""

    def structure(self, point: Point, changing: bool = False) -> Structure | None:
        """Which terms the point has, with images that change over time or not; None where every drive of every pcoder is computed
        at every timestep, and nothing else."""

    def counts(self, points: Sequence[Point], timesteps: int, changing: bool = False) -> list[Count]:
        """What a pack of points computes, pcoder by pcoder."""

    def own_step(self, representation: Tensor) -> object:
        """Computes what an active pcoder takes at one timestep beside drive, prediction and gradient."""


class ByEngine:
    """Predictive coding: work is shared between points, and what no coefficient asks for is skipped."""

    predicts = True

    def moments(
        self, network: "PredictiveNetwork", images: Tensor | Stimulus, points: Sequence[Point], timesteps: int, rows: int
    ) -> Iterator[Moment]:
        """By the network's engine."""
        rules = [_rules(point) for point in points]
        for moment in network.engine(stimulus_of(images).images[:1]).moments(images, rules, timesteps, rows):
            yield replace(moment, upward=_ByBeta(moment, rules) if moment.timestep else from_drive)

    def structure(self, point: Point, changing: bool = False) -> Structure:
        """The terms whose coefficients are not zero."""
        return structure(_rules(point), changing)

    def counts(self, points: Sequence[Point], timesteps: int, changing: bool = False) -> list[Count]:
        """What its schedule says."""
        return counts([self.structure(point, changing) for point in points], timesteps)

    def own_step(self, representation: Tensor) -> None:
        """Nothing but sums."""


@dataclass(frozen=True)
class ByLoop:
    """Any other rule: each point by itself, step by step."""

    rule: Stepping
    predicts = False

    def moments(
        self, network: "PredictiveNetwork", images: Tensor | Stimulus, points: Sequence[Point], timesteps: int, rows: int
    ) -> Iterator[Moment]:
        """Whatever `rows` is, since the loop has its own."""
        image = stimulus_of(images).images[:1]
        loop = Loop(list(network.stages), network.rectified(image), network.replays(image))
        return loop.moments(images, self.rule, points, timesteps)

    def structure(self, point: Point, changing: bool = False) -> None:
        """None: everything is computed."""

    def counts(self, points: Sequence[Point], timesteps: int, changing: bool = False) -> list[Count]:
        """Every drive at t = 0, for all points together, then at every timestep of every point; steps where something moves."""
        drives = 1 + len(points) * timesteps
        moving = (sum(self._moves(numbers) for numbers in of_pcoder) for of_pcoder in zip(*points, strict=True))
        return [Count(drives, 0, 0, steps=many * timesteps) for many in moving]

    def _moves(self, numbers: Values) -> bool:
        return not self.rule.is_feedforward(valued(self.rule, numbers), False)

    def own_step(self, representation: Tensor) -> None:
        """A step with all coefficients away from plain; nothing on a level that the rule refuses, where no pcoder is active."""
        values = {each.key: each.moving for each in self.rule.coefficients}
        with suppress(ValueError):
            self.rule.step(values, representation, representation, self.rule.start(representation, False), False)


def dynamics_of(rule: UpdateRule) -> Dynamics:
    """The rule's."""
    return ByLoop(rule) if isinstance(rule, Stepping) else ByEngine()


@dataclass(frozen=True, eq=False)
class _ByBeta:
    """r_n(t) of some rows of one point moves with its drive by β_n (`pcsweep.network.within.Upward`)."""

    moment: Moment
    rules: Sequence[Sequence[Rule]]

    def __call__(self, n: int, drive: Tensor, known: Tensor, rows: Tensor, place: int) -> Tensor:
        """r_n(t) + β_n (f_n of another r_{n-1}(t) - f_n(r_{n-1}(t)))."""
        moment = self.moment
        beta = self.rules[moment.points[place]][n - 1][0]
        return moment.rows(n, rows) + beta * (drive - known)


def _rules(point: Point) -> list[Rule]:
    return [(beta, lambda_, alpha) for beta, lambda_, alpha in point]
