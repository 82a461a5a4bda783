"""What a search is after, in words of the table: `iou gain at t=T`, `iou gain max over t`, `target_probability at t=5`.

`at T` is `at t=T`; on the command line it needs no quotes of its own.

Under several conditions, such as noise levels, an image counts with its mean over them. What is undefined is left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from pcsweep.config.errors import BadSetting
from pcsweep.metric import TABLE
from pcsweep.search.estimate import Estimate
from pcsweep.statistics.bootstrap import mean
from pcsweep.statistics.paired import deviation, over_seeds
from pcsweep.study.values import MEASURED, ShardValues

_WORDS = re.compile(
    r"(?P<metric>\S+)(?P<gain>\s+gain)?\s+(?:at\s+(?:t\s*=\s*)?(?P<timestep>T|\d+)|(?P<over>max|mean)\s+over\s+t)", re.IGNORECASE
)
_FORM = "'METRIC [gain] at T', '… at N', '… max over t' or '… mean over t'"
Over = Literal["max", "mean", ""]
Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Objective:
    """One quantity of a trial.

    Args:
        metric: such as iou or iou@0.15.
        gain: whether it is the gain on t = 0, of each image.
        over: `max` of the means over t ≥ 1, `mean` over t ≥ 1, or empty: at a timestep.
        timestep: at which; None for the last.
    """

    metric: str
    gain: bool
    over: Over = ""
    timestep: int | None = None

    @property
    def words(self) -> str:
        """As it is written."""
        when = f"{self.over} over t" if self.over else f"at t={'T' if self.timestep is None else self.timestep}"
        return f"{self.metric}{' gain' if self.gain else ''} {when}"

    @property
    def direction(self) -> Direction:
        """Whether more is better."""
        return "minimize" if TABLE[self.metric.partition("@")[0]].lower_is_better else "maximize"

    def estimate(self, conditions: Sequence[ShardValues], images: Sequence[str], at: int | None = None) -> Estimate:
        """The quantity on some images, under conditions of which each has one shard.

        Args:
            conditions: the values of the shards.
            images: identifiers of those that count.
            at: the timestep at which it is taken, instead of where it is largest.

        Raises:
            BadSetting: a shard has no such metric.
        """
        each = np.stack([_of(values, self.metric, images) for values in conditions])  # (conditions, timesteps, images)
        if self.gain:
            each = each - each[:, :1]  # (conditions, timesteps, images)
        values = over_seeds(each)  # (timesteps, images)
        timestep = self._timestep(values) if at is None else at
        chosen = values[timestep] if timestep is not None else over_seeds(values[1:])  # (images,)
        defined = int((~np.isnan(chosen)).sum())
        spread = float(deviation(chosen[None])[0])
        error = spread / defined**0.5 if defined else float("nan")
        return Estimate(float(mean(chosen[None])[0]), error, defined, timestep)

    def _timestep(self, values: Float64[np.ndarray, "timesteps images"]) -> int | None:
        """At which it is taken; None where it is a mean over all."""
        if self.over == "mean":
            return None
        if not self.over:
            return len(values) - 1 if self.timestep is None else self.timestep
        means = mean(values[1:])  # (timesteps,)
        if np.isnan(means).all():
            return 1
        return 1 + int(np.nanargmin(means) if self.direction == "minimize" else np.nanargmax(means))


def _of(values: ShardValues, metric: str, images: Sequence[str]) -> Float64[np.ndarray, "timesteps images"]:
    if metric not in values.metrics:
        there = ", ".join(values.metrics)
        raise BadSetting(f"Expected `search.objective` to be of what is measured ({there}), but got {metric!r}.")
    place = {name: number for number, name in enumerate(values.images)}
    return values.metrics[metric][:, [place[name] for name in images]].astype(np.float64)


def objective(words: str, timesteps: int, metrics: Sequence[str], thresholds: Sequence[float]) -> Objective:
    """The objective that words ask for.

    Args:
        words: such as `iou gain at t=T`.
        timesteps: T.
        metrics: that are measured because they are asked for.
        thresholds: further ones of the IoU.

    Raises:
        BadSetting: words of another form, a metric that is not measured, or a timestep that there is not.
    """
    matched = _WORDS.fullmatch(words.strip())
    if not matched:
        raise BadSetting(f"Expected `search.objective` to be {_FORM}, but got {words!r}.")
    metric = matched["metric"].lower() if matched["metric"].lower() in MEASURED else matched["metric"]
    known = _known(metrics, thresholds)
    if metric not in known:
        raise BadSetting(f"Expected a metric in `search.objective` that is measured ({', '.join(known)}), but got {metric!r}.")
    over: Over = "" if not matched["over"] else "max" if matched["over"].lower() == "max" else "mean"
    gain = bool(matched["gain"])
    named = matched["timestep"]
    timestep = None if named is None or named.upper() == "T" else int(named)
    if timestep is not None and timestep > timesteps:
        raise BadSetting(f"Expected a timestep up to T = {timesteps} in `search.objective`, but got t={timestep}.")
    if (gain and timestep == 0) or timesteps == 0:
        raise BadSetting(f"Expected `search.objective` to be of a timestep after t = 0, but got {words!r} with T = {timesteps}.")
    if TABLE[metric.partition("@")[0]].mask_only:
        raise BadSetting(f"Expected a metric in `search.objective` that the network has a part in, but got {metric!r}.")
    return Objective(metric, gain, over, timestep)


def _known(metrics: Sequence[str], thresholds: Sequence[float]) -> list[str]:
    names = [name for name in MEASURED if (name in metrics or not TABLE[name].asked) and not TABLE[name].mask_only]
    return names + [f"iou@{each:.10g}" for each in thresholds if "iou" in metrics]
