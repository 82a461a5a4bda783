"""What has to be computed when, decided from which coefficients are zero; `python -m pcsweep.plan` prints it.

A timestep t = 1..T updates every pcoder n from its drive f_n(r_{n-1}(t)), the prediction p_{n+1}(t-1) from above and its own
gradient g_n(t-1). What no coefficient asks for is *skipped*, and nothing is predicted from the last state. What depends on the
image alone, not on the grid point, is computed once and *shared* by all points: everything at t = 0, and what never changes.
Where r_0 is another at every timestep, f_1(r_0(t)) is shared by points of one structure, and computed at each.

r_n is constant over time if nothing moves it: λ_n = α_n = 0, and β_n = 0 or a constant r_{n-1} (r_0 mostly is). Its drive, if the
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

    @property
    def corrected(self) -> bool:
        """Whether the gradient enters r_n(t)."""
        return self.gradient is not Computation.SKIPPED


@dataclass(frozen=True)
class Structure:
    """Which terms a set of rules has, one entry per pcoder; grid points of one structure are computed alike.

    Args:
        driven: β_n > 0.
        fed_back: λ_n > 0, never in the last pcoder.
        corrected: α_n > 0.
        changing: whether r_0 is another at every timestep.
    """

    driven: tuple[bool, ...]
    fed_back: tuple[bool, ...]
    corrected: tuple[bool, ...]
    changing: bool = False

    @property
    def constant(self) -> tuple[bool, ...]:
        """Whether r_n never changes, for n = 0..N."""
        constant = [not self.changing]
        for driven, fed_back, corrected in zip(self.driven, self.fed_back, self.corrected, strict=True):
            constant.append(not fed_back and not corrected and (not driven or constant[-1]))
        return tuple(constant)


def structure(rules: Sequence[Rule], changing: bool = False) -> Structure:
    """The terms that the rules (β_n, λ_n, α_n) have, with an r_0 that changes over time or not."""
    weights = updates(rules)
    return Structure(
        driven=tuple(each.drive > 0 for each in weights),
        fed_back=tuple(each.feedback > 0 for each in weights),
        corrected=tuple(each.error < 0 for each in weights),
        changing=changing,
    )


def levels(terms: Structure, timestep: int, alone: bool = False) -> list[Level]:
    """What timestep t ≥ 1 computes, pcoder by pcoder, of points of that structure.

    Args:
        terms: of the points.
        timestep: t.
        alone: whether there is one point only, which has none to share t = 0 with.
    """
    constant = terms.constant
    at_start = Computation.SHARED if timestep == 1 and not alone else Computation.COMPUTED  # what is made from r(t-1)
    found = []
    for n, (driven, corrected) in enumerate(zip(terms.driven, terms.corrected, strict=True)):
        below_is_constant, is_constant = constant[n : n + 2]
        below_is_shared = below_is_constant or n == 0  # r_0(t) is that of all points
        predicted = corrected or (n > 0 and terms.fed_back[n - 1])
        found.append(
            Level(
                drive=_if(driven and not is_constant, Computation.SHARED if below_is_shared else Computation.COMPUTED),
                prediction=_if(predicted, Computation.SHARED if is_constant and not corrected else at_start),
                gradient=_if(corrected, at_start),
                state=Computation.SHARED if is_constant else Computation.COMPUTED,
            )
        )
    return found


def _if(needed: bool, computation: Computation) -> Computation:
    return computation if needed else Computation.SKIPPED


@dataclass(frozen=True)
class Count:
    """How often a pack of grid points computes each thing of one pcoder, for one image and all of its timesteps.

    Args:
        drives, predictions, gradients: of f_n, P_n and the gradient of P_n's error.
        steps: what a rule without an engine computes beside the drive.
    """

    drives: int
    predictions: int
    gradients: int
    steps: int = 0


def counts(points: Sequence[Structure], timesteps: int) -> list[Count]:
    """What a pack of points computes, pcoder by pcoder; once per image where the points share it."""
    alone = len(points) == 1
    steps = [levels(terms, timestep, alone) for terms in points for timestep in range(1, timesteps + 1)]
    first = [1 + _first_drives(points, timesteps), *[1] * (len(points[0].driven) - 1)]  # one at t = 0
    found = []
    for n in range(len(points[0].driven)):
        of_pcoder = [step[n] for step in steps]
        found.append(
            Count(
                drives=first[n] + [level.drive for level in of_pcoder].count(Computation.COMPUTED),
                predictions=_times([level.prediction for level in of_pcoder]),
                gradients=_times([level.gradient for level in of_pcoder]),
            )
        )
    return found


def _first_drives(points: Sequence[Structure], timesteps: int) -> int:
    """How often f_1 of an image that changes: at every timestep, once for points of one structure."""
    return timesteps * len({terms for terms in points if terms.changing and terms.driven[0]})


def _times(computations: Sequence[Computation]) -> int:
    """How often something is computed: what is shared, once."""
    return computations.count(Computation.COMPUTED) + (Computation.SHARED in computations)
