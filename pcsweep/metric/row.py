"""What a metric says of itself: a row of the table that the folder is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from pcsweep.metric.perturbation import Perturbation, Probe
from pcsweep.metric.saliency import Counts, counts_above
from pcsweep.statistics.pooled import Pooled

Scores = Float[Any, "batch"] | Bool[Any, "batch"]
Lists = Float[Any, "batch thresholds"]


@dataclass(frozen=True, eq=False)
class Scored:
    """What metrics are computed from: a batch of images, masks and maps. Tensors, whose methods are all that a metric needs.

    Args:
        saliency: maps at the masks' size, each divided by its maximum; NaN throughout where that is zero.
        mask: where the object is.
        ignore: pixels left out of every sum and count.
        logits: of the network.
        target: class index whose map this is.
        label: class index of the object.
        threshold: of a map that is cut, a share of its maximum.
        thresholds: further ones.
        probe: for metrics that ask the network about other images (`Metric.variants`); None for all others.
    """

    saliency: Float[Any, "batch height width"]
    mask: Bool[Any, "batch height width"]
    ignore: Bool[Any, "batch height width"]
    logits: Float[Any, "batch classes"]
    target: Int[Any, "batch"]
    label: Int[Any, "batch"]
    threshold: float
    thresholds: Sequence[float]
    probe: Probe | None = None

    @cached_property
    def counts_above(self) -> tuple[Counts, Counts]:
        """How many pixels are above each of the further thresholds, and how many of these are in the mask."""
        return counts_above(self.saliency, self.mask, self.ignore, self.thresholds)

    @property
    def asked(self) -> Probe:
        """The probe, in a metric that has `variants`."""
        assert self.probe is not None
        return self.probe


@runtime_checkable
class Stored(Protocol):
    """What a shard holds, in the order of its images' identifiers."""

    @property
    def metrics(self) -> Mapping[str, np.ndarray]:
        """Means over images by name, (timesteps, images) each."""

    @property
    def pixels(self) -> np.ndarray:
        """How many are looked at, (timesteps, images)."""

    @property
    def classes(self) -> np.ndarray:
        """Of the images, (images,)."""

    @property
    def threshold(self) -> float:
        """The study's, which may or may not be among those of `at_thresholds`."""

    def at_thresholds(self, column: str) -> Mapping[float, np.ndarray]:
        """A column with a value for each threshold, from high to low, (timesteps, images) each; empty if not measured."""


@dataclass(frozen=True, eq=False)
class Pool:
    """A metric of all images together, which is no mean over them.

    Args:
        own: of what is defined at t.
        pairs: at t and at t = 0, of what is defined at both; None where that is all.
        nan: how many values are undefined, by timestep.
    """

    own: Pooled
    pairs: tuple[Pooled, Pooled] | None
    nan: Int[np.ndarray, " timesteps"]


@dataclass(frozen=True)
class Baseline:
    """What a map that looks at no image reaches.

    Args:
        metric: of the mask alone, whose value it is.
        label: of the map, for people.
        cut: whether it depends on the threshold at which maps are cut.
    """

    metric: str
    label: str
    cut: bool = False


UNIFORM = Baseline("area", "uniform map")  # every pixel alike


@dataclass(frozen=True)
class Metric:
    """A row of the table.

    Args:
        name: of its column, and on the command line.
        label: for people, in tables and pictures.
        unit: of its values: `share` (0 to 1), `logit`.
        baselines: what maps that look at no image reach; empty where that is not known from the mask.
        place: among the metrics in tables; equals by name.
        measured: one value per image; None where the metric is only of all images together.
        lists: further columns with one value per image and threshold, each by its own function.
        pooled: the metric of all images together, from the shards of a cell; None where one of them has it not.
        needs: what a study must have measured, where it follows from columns of other metrics; in words.
        asked: whether it is measured only where the setting `metrics` asks for it.
        best: whether a cell can be best by it: it is above 0, and says something of the network.
        tested: whether its gains are tested without being asked for.
        mask_only: whether it is of the mask alone, and of nothing that a network does; it is shown beside no result.
        lower_is_better: whether a good map has a low value.
        variants: of a metric that asks the network about other images, by `Scored.asked`: about how many for each map. It is
            measured at the timesteps of the setting `faithfulness.timesteps` alone, and has no `lists`. None for all others.
    """

    name: str
    label: str
    unit: str = "share"
    baselines: tuple[Baseline, ...] = ()
    place: int = 50
    measured: Callable[[Scored], Any] | None = None
    lists: Mapping[str, Callable[[Scored], Any]] = field(default_factory=dict)
    pooled: Callable[[Sequence[Stored]], Pool | None] | None = None
    needs: str = ""
    asked: bool = True
    best: bool = True
    tested: bool = True
    mask_only: bool = False
    lower_is_better: bool = False
    variants: Callable[[Perturbation], int] | None = None

    def __post_init__(self) -> None:
        if self.variants and (self.lists or not self.measured):
            raise ValueError(
                f"Expected `{self.name}`, which asks the network about other images, to be `measured` and to have no `lists`."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Of a shard."""
        return (*((self.name,) if self.measured else ()), *self.lists)

    @property
    def needs_thresholds(self) -> bool:
        """Whether there is nothing of it without further thresholds."""
        return bool(self.lists) and self.measured is None
