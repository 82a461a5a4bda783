"""What is reported of one cell for every metric and timestep: means over its images, and how they change from t = 0.

Ratios and differences are of the values at t and at t = 0 of the same images: `now`, `start` and `gain` (`now` less `start`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Float64, Int

from pcsweep.statistics.bootstrap import interval, mean, means_together, moments, relative
from pcsweep.statistics.confirmation import Confirmation
from pcsweep.statistics.drawing import Drawing
from pcsweep.statistics.paired import PairedValues, effect_size
from pcsweep.statistics.pooled import Pooled


@dataclass(frozen=True)
class Summary:
    """Every array is (metrics, timesteps). An image counts once: its values are averaged over noise seeds first."""

    mean: Float64[np.ndarray, "metrics timesteps"]
    bootstrap_mean: Float64[np.ndarray, "metrics timesteps"]
    bootstrap_std: Float64[np.ndarray, "metrics timesteps"]  # over resamples, with their number less one below
    low: Float64[np.ndarray, "metrics timesteps"]
    high: Float64[np.ndarray, "metrics timesteps"]
    n: Int[np.ndarray, "metrics timesteps"]  # images with a defined value
    nan: Int[np.ndarray, "metrics timesteps"]  # undefined values, of images times noise seeds
    seed_std: Float64[np.ndarray, "metrics timesteps"]  # between noise seeds of an image, pooled over images; NaN with one seed
    normalized: Float64[np.ndarray, "metrics timesteps"]  # mean(t) / mean(0), of what is defined at both
    normalized_low: Float64[np.ndarray, "metrics timesteps"]
    normalized_high: Float64[np.ndarray, "metrics timesteps"]
    difference: Float64[np.ndarray, "metrics timesteps"]  # mean of what an image gains on t = 0, with the same noise
    difference_low: Float64[np.ndarray, "metrics timesteps"]
    difference_high: Float64[np.ndarray, "metrics timesteps"]
    pairs: Int[np.ndarray, "metrics timesteps"]  # images with a defined difference
    effect: Float64[np.ndarray, "metrics timesteps"]  # the difference in standard deviations of the images' differences


STATISTICS = tuple(field.name for field in fields(Summary))
Statistics = TypeVar("Statistics", Summary, Confirmation)


def summarise(values: PairedValues, drawing: Drawing) -> Summary:
    """The statistics of metrics that are means over images.

    A mean of nothing is NaN, and so is a ratio to nothing or to what is not above 0. A resample whose own mean or ratio is
    undefined is left out of the bootstrap's statistics.

    Args:
        values: of the cell's images.
        drawing: for that number of images.
    """
    others = [] if values.same.all() else [values.start[~values.same], values.gain[~values.same]]
    resampled, *of_others = means_together([values.now, *others], drawing.counts)
    now = Estimate(mean(values.now), resampled)
    start, gain = _start_and_gain(values, resampled, of_others)
    return Summary(
        **_bootstrapped(now, start, gain),
        n=_defined_images(values.now),
        nan=values.nan,
        seed_std=values.seed_std,
        pairs=_defined_images(values.gain),
        effect=effect_size(values.gain),
    )


def summarise_pooled(
    at_t: Pooled, paired: tuple[Pooled, Pooled] | None, drawing: Drawing, nan: Int[np.ndarray, " timesteps"]
) -> Summary:
    """The statistics of one metric that is no mean over images: no effect size, no test, and no spread between noise seeds.

    Args:
        at_t: of what is defined at t.
        paired: at t and at t = 0, of what is defined at both; None where that is the same as `at_t`.
        drawing: for that number of images.
        nan: how many values are undefined.
    """
    now = _estimate_of(at_t, drawing)
    if paired:
        now_of_pairs, start = (_estimate_of(each, drawing) for each in paired)
        pairs = paired[0].images()[None]  # (1, timesteps)
    else:
        now_of_pairs, start = now, Estimate(now.observed[:, :1], now.resampled[:, :1])
        pairs = at_t.images()[None]
    gain = Estimate(now_of_pairs.observed - start.observed, now_of_pairs.resampled - start.resampled)
    undefined = np.full(now.observed.shape, np.nan)
    return Summary(
        **_bootstrapped(now, start, gain),
        n=at_t.images()[None],
        nan=nan[None],
        seed_std=undefined,
        pairs=pairs,
        effect=undefined,
    )


def joined(each: Sequence[Statistics]) -> Statistics:
    """The metrics of all, one after the other."""
    kind = type(each[0])
    return kind(**{field.name: np.concatenate([getattr(one, field.name) for one in each]) for field in fields(kind)})


@dataclass(frozen=True, eq=False)
class Estimate:
    """A quantity of all images, and of each of their resamples; one timestep where it is the same at all."""

    observed: Float64[np.ndarray, "metrics timesteps"]
    resampled: Float[np.ndarray, "metrics timesteps resamples"]


def _start_and_gain(
    values: PairedValues,
    resampled: Float64[np.ndarray, "metrics timesteps resamples"],
    others: Sequence[Float64[np.ndarray, "rows resamples"]],
) -> tuple[Estimate, Estimate]:
    """The mean at t = 0 and the mean gain, of the images that are defined at t and at t = 0.

    Where the same images are defined at both, a resample's mean gain is the difference of its means, which is faster.

    Args:
        values: of the cell's images.
        resampled: the mean at t of each resample.
        others: of each resample the mean at t = 0 and the mean gain, where not the same images are defined at both.
    """
    at_start = resampled[:, :1]  # (metrics, 1, resamples)
    start = np.repeat(at_start, resampled.shape[1], axis=1)  # (metrics, timesteps, resamples)
    gain: np.ndarray = resampled - at_start  # (metrics, timesteps, resamples)
    if others:
        start[~values.same], gain[~values.same] = others
    return Estimate(mean(values.start), start), Estimate(mean(values.gain), gain)


def _estimate_of(metric: Pooled, drawing: Drawing) -> Estimate:
    return Estimate(
        metric.observed()[None], metric.resampled(drawing.resamples_of_all)[None]
    )  # (1, timesteps), (1, timesteps, resamples)


def _bootstrapped(now: Estimate, start: Estimate, gain: Estimate) -> dict[str, np.ndarray]:
    """The fields of `Summary` that follow from these alone, (metrics, timesteps) each."""
    bootstrap_mean, bootstrap_std = moments(now.resampled)
    low, high = interval(now.resampled)
    normalized_low, normalized_high = interval(relative(gain.resampled, start.resampled))
    difference_low, difference_high = interval(gain.resampled)
    return {
        "mean": now.observed,
        "bootstrap_mean": bootstrap_mean,
        "bootstrap_std": bootstrap_std,
        "low": low,
        "high": high,
        "normalized": relative(gain.observed, start.observed),
        "normalized_low": normalized_low,
        "normalized_high": normalized_high,
        "difference": gain.observed,
        "difference_low": difference_low,
        "difference_high": difference_high,
    }


def _defined_images(values: Float64[np.ndarray, "metrics timesteps images"]) -> Int[np.ndarray, "metrics timesteps"]:
    count: np.ndarray = (~np.isnan(values)).sum(axis=-1)
    return count
