"""How long grid points will take: as their like have taken, or assumed from multiplications where none is finished."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcsweep.grid.faithfulness import asking, passes
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint
from pcsweep.study import shards

if TYPE_CHECKING:
    from pcsweep.grid.plan import Plan

# Assumptions, for want of anything measured: multiplications per second as predify would count them, and what metrics and
# attribution take for one image at one timestep, apart from the passes of the head that an attribution says it takes. The rate
# of a core was measured with PVGG16, that of a GPU was not.
_PER_GPU = 5e12
_PER_CORE = 2e11
_SECONDS_PER_MAP = 1.5e-3
_SAMPLE = 5  # finished shards that are looked at, of each kind


@dataclass(frozen=True)
class Estimate:
    """Seconds that each of the waiting points takes, by identity; `measured` says whether all follow from finished ones."""

    seconds: dict[str, float]
    measured: bool

    def of(self, identities: Iterable[str]) -> float:
        """Of several points together, in seconds."""
        return sum((self.seconds[identity] for identity in identities), 0.0)


def estimate(plan: "Plan", gpus: int, cores: int) -> Estimate:
    """Estimates the waiting points of a plan.

    Args:
        plan: of a sweep.
        gpus: of each task.
        cores: of each task, which count where it has no GPU.
    """
    finished: dict[str, list[float]] = {}
    waiting = set(plan.waiting)
    for number, planned in enumerate(plan.points):
        if number in waiting or planned.identity is None:
            continue
        kind = _kind(planned.point)
        if len(finished.get(kind, ())) < _SAMPLE:
            taken = shards.seconds(shards.metadata(planned.shard))
            if taken is not None:
                finished.setdefault(kind, []).append(taken)
    rate = _PER_GPU * gpus if gpus else _PER_CORE * cores
    assumed: dict[str, float] = {}
    seconds = {}
    for planned in (plan.points[number] for number in plan.waiting):
        assert planned.identity is not None  # waiting
        kind = _kind(planned.point)
        if kind not in finished and kind not in assumed:
            assumed[kind] = _assumed(planned.point, rate, plan.loaded)
        seconds[planned.identity] = statistics.median(finished[kind]) if kind in finished else assumed[kind]
    return Estimate(seconds, not assumed)


def _kind(point: GridPoint) -> str:
    settings, asked = point.settings, asking(point.settings.metrics)
    mapped = point.attribution, point.layer
    further = (sorted(asked), point.perturbation) if asked else ()
    return str((point.model, point.dataset, point.limit, settings.timesteps, settings.precision, point.rule, mapped, *further))


def _assumed(point: GridPoint, rate: float, loaded: Loaded) -> float:
    from pcsweep.compute.cost import tap_by_tap
    from pcsweep.compute.passes import passes_of

    selection = point.selection(loaded)
    image = loaded.dataset(point.dataset)[selection[0]].image[None]
    each = tap_by_tap(loaded.model(point.model).network.cpu(), image, point.rule).everything(point.rule, 1, 0)
    asked = passes(point.settings.metrics, point.perturbation) * each / rate
    each += passes_of(point, loaded).multiplications
    return len(selection) * ((point.settings.timesteps + 1) * (each / rate + _SECONDS_PER_MAP) + asked)
