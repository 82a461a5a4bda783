"""What has to be computed when: decided once, from which coefficients are zero, and printed by `python -m pcsweep.plan`.

A timestep t = 1..T updates every pcoder n from its drive f_n(r_{n-1}(t)), the prediction p_{n+1}(t-1) above it and its own
gradient g_n(t-1). None is computed that no coefficient asks for; nothing is predicted from the last state. What depends on the
image alone, not on the grid point, is computed once and *shared* by all points: everything at t = 0, and what never changes
afterwards.

r_n is constant over time if nothing moves it: λ_n = α_n = 0, and β_n = 0 or a constant r_{n-1} (r_0 always is). Its drive, if the
level below is constant, is r_n(0) itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pcsweep.pcoder.predictive_coding import Rule, updates


class Computation(StrEnum):
    """How often something is computed."""

    SKIPPED = "skipped"
    SHARED = "shared"  # once per image, whatever the grid point
    COMPUTED = "computed"  # for every image and grid point


@dataclass(frozen=True)
class Level:
    """One pcoder at one timestep.

    Args:
        drive: f_n(r_{n-1}(t)).
        prediction: p_n(t-1), for the pcoder below or for the gradient.
        gradient: g_n(t-1).
        state: r_n(t); shared where it is r_n(0).
    """

    drive: Computation
    prediction: Computation
    gradient: Computation
    state: Computation


@dataclass(frozen=True)
class Structure:
    """Which terms a set of rules has, one entry per pcoder; grid points of one structure are computed alike.

    Args:
        driven: β_n > 0.
        fed_back: λ_n > 0, never in the last pcoder.
        corrected: α_n > 0.
    """

    driven: tuple[bool, ...]
    fed_back: tuple[bool, ...]
    corrected: tuple[bool, ...]

    @property
    def constant(self) -> tuple[bool, ...]:
        """Whether r_n never changes, for n = 0..N."""
        found = [True]
        for driven, fed_back, corrected in zip(self.driven, self.fed_back, self.corrected, strict=True):
            found.append(not fed_back and not corrected and (not driven or found[-1]))
        return tuple(found)


def structure(rules: Sequence[Rule]) -> Structure:
    """The terms that the rules (β_n, λ_n, α_n) have."""
    each = updates(rules)
    return Structure(
        driven=tuple(of.drive > 0 for of in each),
        fed_back=tuple(of.feedback > 0 for of in each),
        corrected=tuple(of.error < 0 for of in each),
    )


def levels(of: Structure, timestep: int, alone: bool = False) -> list[Level]:
    """What timestep t ≥ 1 computes, pcoder by pcoder; a point that is `alone` shares nothing with others."""
    constant = of.constant
    found = []
    for n in range(len(of.driven)):
        moves = not constant[n + 1]
        before = Computation.SHARED if timestep == 1 and not alone else Computation.COMPUTED
        wanted = of.corrected[n] or (n > 0 and of.fed_back[n - 1])
        prediction = Computation.SHARED if constant[n + 1] and not of.corrected[n] else before
        found.append(
            Level(
                drive=_needed(moves and of.driven[n], Computation.SHARED if constant[n] else Computation.COMPUTED),
                prediction=_needed(wanted, prediction),
                gradient=_needed(of.corrected[n], before),
                state=Computation.COMPUTED if moves else Computation.SHARED,
            )
        )
    return found


def _needed(wanted: bool, how: Computation) -> Computation:
    return how if wanted else Computation.SKIPPED


@dataclass(frozen=True)
class Count:
    """How often a pack of grid points computes each thing of one pcoder, for one image and all of its timesteps."""

    drives: int
    predictions: int
    gradients: int


def counts(points: Sequence[Structure], timesteps: int) -> list[Count]:
    """What a pack computes, pcoder by pcoder; once per image where the points share it."""
    alone = len(points) == 1
    found = []
    for n in range(len(points[0].driven)):
        steps = [levels(of, timestep, alone)[n] for of in points for timestep in range(1, timesteps + 1)]
        found.append(
            Count(
                drives=1 + [step.drive for step in steps].count(Computation.COMPUTED),
                predictions=_often([step.prediction for step in steps]),
                gradients=_often([step.gradient for step in steps]),
            )
        )
    return found


def _often(works: Sequence[Computation]) -> int:
    return works.count(Computation.COMPUTED) + (Computation.SHARED in works)
