"""For whom the best cells gain: classes, sizes of the object, single images."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pcsweep.aggregate.best import Headline
from pcsweep.metric.sizes import SIZES
from pcsweep.statistics.bootstrap import interval, means, resampling
from pcsweep.statistics.paired import over_seeds
from pcsweep.study import shards
from pcsweep.study.values import values_of

FEWEST = 5  # images that get an interval


@dataclass(frozen=True)
class Part:
    """Some of a cell's images.

    Args:
        label: what they have in common.
        n: how many have a defined value at t = 0 and at t.
        start, end: their mean value at t = 0 and at t.
        gain, low, high: mean of their differences, with the bootstrap's 95 % interval; no interval for fewer than `FEWEST`.
    """

    label: str
    n: int
    start: float
    end: float
    gain: float
    low: float
    high: float

    def as_json(self) -> dict[str, Any]:
        """With None for NaN."""
        return {name: None if value != value else value for name, value in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class Images:
    """The images of one cell, a metric of them averaged over noise seeds: everything (images,).

    Args:
        ids: in order.
        categories: the dataset's words for their classes.
        area: share of the mask.
        start, end, gain: the metric at t = 0 and at t, and the mean of its paired differences; NaN where undefined.
    """

    ids: list[str]
    categories: list[str]
    area: np.ndarray
    start: np.ndarray
    end: np.ndarray
    gain: np.ndarray


def images(folder: Path, headline: Headline) -> Images:
    """Of the headline's cell, at its timestep.

    Args:
        folder: of the shards.
        headline: whose shards are there.
    """
    read = [shards.read(shards.place(folder, name)) for name in headline.row["shards"].split()]
    seeds = [values_of(shard) for shard in read]
    first, timestep = seeds[0], seeds[0].timesteps.index(headline.row["timestep"])
    values = np.stack([each.metrics[headline.metric] for each in seeds])
    words = read[0].table.select(["image_id", "category"]).to_pydict()
    category = dict(zip(words["image_id"], words["category"], strict=True))
    return Images(
        ids=first.images,
        categories=[category[name] or str(index) for name, index in zip(first.images, first.classes, strict=True)],
        area=first.metrics["area"][0],
        start=over_seeds(values)[0],
        end=over_seeds(values)[timestep],
        gain=over_seeds(values - values[:, :1])[timestep],
    )


def by_class(of_cell: Images, resamples: int, seed: int) -> list[Part]:
    """One part per class, the highest gain first."""
    names = np.array(of_cell.categories)
    parts = [_part(str(name), of_cell, names == name, resamples, seed) for name in np.unique(names)]
    return sorted(parts, key=lambda part: (part.gain != part.gain, -part.gain))


def by_size(of_cell: Images, resamples: int, seed: int) -> list[Part]:
    """One part for each size of ImageNet-S, small to large, with no image where the cell has none of it."""
    return [_part(size.label, of_cell, size.has(of_cell.area), resamples, seed) for size in SIZES]


def _part(label: str, of_cell: Images, chosen: np.ndarray, resamples: int, seed: int) -> Part:
    defined = chosen & ~np.isnan(of_cell.gain)
    n = int(defined.sum())
    start, end, gain = (float(values[defined].mean()) if n else np.nan for values in (of_cell.start, of_cell.end, of_cell.gain))
    low, high = np.nan, np.nan
    if n >= FEWEST:
        (low,), (high,) = interval(means(of_cell.gain[None, defined], resampling(n, resamples, seed)))
    return Part(label, n, start, end, gain, float(low), float(high))


def most(of_cell: Images, count: int, sign: int = 1) -> tuple[list[str], list[str]]:
    """Identifiers of the images that gained and of those that lost most, from the largest change on, and of equals in order.

    Args:
        of_cell: all of them.
        count: of either kind, at most.
        sign: -1 where lower is better, so that those that fell come first.
    """
    gain = sign * of_cell.gain
    gained = [place for place in np.argsort(-gain, kind="stable") if gain[place] > 0][:count]
    lost = [place for place in np.argsort(gain, kind="stable") if gain[place] < 0][:count]
    return [of_cell.ids[place] for place in gained], [of_cell.ids[place] for place in lost]


def spread(found: Sequence[Headline], count: int) -> list[Headline]:
    """So many of them, evenly from the first to the last."""
    places = np.unique(np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int))
    return [found[place] for place in places]
