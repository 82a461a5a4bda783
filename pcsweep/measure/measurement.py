"""A pack of grid points on the same images: dynamics, attribution and metrics at every timestep."""

from collections.abc import Callable, Collection, Iterator, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from pcsweep.attribution.every_layer import LevelScene
from pcsweep.attribution.scene import Scene
from pcsweep.dataset import Sample
from pcsweep.machine.device import Precision, computing_in
from pcsweep.measure import png
from pcsweep.measure.layers import maps_at_layers, measured_at_layers, unshared
from pcsweep.metric import ASKED, FILES, TABLE
from pcsweep.metric.area import pixels
from pcsweep.metric.row import Scored
from pcsweep.metric.saliency import scaled
from pcsweep.model import Model
from pcsweep.network.engine.run import ROWS, Moment
from pcsweep.pcoder.rule import UpdateRule, Values
from pcsweep.study.schema import at_layers

if TYPE_CHECKING:
    Metric = str
else:
    Metric = Literal[ASKED]
Target = Literal["label", "predicted", "predicted_at_0"]
Columns = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples made ready to be measured.

    Args:
        samples: some images.
        noisy: their noisy, normalised images, filled up with the last of them to a multiple of `ROWS`.
    """

    samples: Sequence[Sample]
    noisy: Tensor


def batch(samples: Sequence[Sample], corrupt: Callable[[Sample], Tensor]) -> Batch:
    """The samples with `corrupt` of each: its noisy, normalised image."""
    images = [corrupt(sample) for sample in samples]
    return Batch(samples, torch.stack(images + images[-1:] * (-len(images) % ROWS)))


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is measured, apart from the images: the same for every batch.

    Args:
        model: on its device.
        rule: how the network is updated.
        points: of every grid point the rule's coefficients, pcoder by pcoder, inactive ones included.
        attribution: makes maps (rows, height, width) of a scene.
        every_layer: whether maps of every pcoder are wanted, each from a scene of its own; the map is then that of the last one.
        target: whose map: the `label`, or the class `predicted` at each timestep or at t = 0.
        timesteps: T; states 0..T are measured.
        threshold: of `iou`, a share of the map's maximum.
        thresholds: of `iou_at` and `found_at`.
        metrics: which to compute; the others stay null.
        precision: of the dynamics and the attribution; the metrics are always fp32.
        rows: images times points that the network computes at once; never changes a result.
        pictured: the `image_id`s of which pictures and maps are kept.
        mapped: those of which maps are kept, with or without pictures.
    """

    model: Model
    rule: UpdateRule
    points: Sequence[Sequence[Values]]
    attribution: Callable[[Scene | LevelScene], Tensor]
    target: Target
    timesteps: int
    threshold: float
    thresholds: Sequence[float]
    metrics: Sequence[Metric]
    precision: Precision
    rows: int
    pictured: Set[str] = frozenset()
    mapped: Set[str] = frozenset()
    every_layer: bool = False

    @property
    def _kept(self) -> Set[str]:
        """Images of which maps are kept."""
        return self.pictured | self.mapped

    @property
    def parts(self) -> int:
        """Of each image, as `of` tells of them: one per grid point and timestep."""
        return len(self.points) * (self.timesteps + 1)

    def of(self, given: Batch, advance: Callable[[int], None] = lambda _: None) -> list[Columns]:
        """The measured columns of every grid point, one row per image and timestep, image by image.

        Args:
            given: the images.
            advance: is told how many images times grid points have come a timestep further, `parts` for each image in all.
        """
        return [self._columns(given, steps) for steps in self._measured_at_all(given, advance)]

    def _columns(self, given: Batch, steps: Sequence[Columns]) -> Columns:
        """Of one grid point, from what was measured at t = 0..T."""
        samples = given.samples
        columns = {name: np.stack([step[name][: len(samples)] for step in steps], axis=1) for name in steps[0]}
        pictures = self._pictures(given, columns.pop("map")) if self._kept else {}
        repeats = self.timesteps + 1
        count = len(samples) * repeats
        rows = {name: values.reshape(count, *values.shape[2:]) for name, values in columns.items()}  # from (batch, T + 1, …)
        return {
            "image_id": np.repeat([sample.image_id for sample in samples], repeats),
            "class_index": np.repeat([sample.class_index for sample in samples], repeats),
            "category": np.repeat([sample.category for sample in samples], repeats),
            "timestep": np.tile(np.arange(repeats), len(samples)),
            **rows,
            **pictures,
        }

    def _pictures(self, given: Batch, maps: np.ndarray) -> Columns:
        """Maps of the samples to be kept, and at t = 0 PNGs of those to be pictured; null in the other rows.

        Args:
            given: the batch.
            maps: (batch, T + 1, height, width), before upsampling.
        """
        repeats = self.timesteps + 1
        columns = {name: np.full(len(given.samples) * repeats, None) for name in ("map", "image", "noisy", "mask", "ignore")}
        for number, sample in enumerate(given.samples):
            if sample.image_id not in self._kept:
                continue
            start = number * repeats
            for timestep in range(repeats):
                columns["map"][start + timestep] = maps[number, timestep].tolist()
            if sample.image_id not in self.pictured:
                continue
            columns["image"][start] = png.of_image(sample.image)
            columns["noisy"][start] = png.of_image(self.model.denormalize(given.noisy[number]))
            columns["mask"][start], columns["ignore"][start] = png.of_mask(sample.mask), png.of_mask(sample.ignore)
        return columns

    def _measured_at_all(self, given: Batch, advance: Callable[[int], None]) -> list[list[Columns]]:
        """What is measured of every grid point at t = 0..T, an array (batch, …) per column."""
        device = next(self.model.network.parameters()).device
        filled = [*given.samples, *[given.samples[-1]] * (len(given.noisy) - len(given.samples))]
        truth = _Truth(
            mask=torch.stack([sample.mask for sample in filled]).to(device),
            ignore=torch.stack([sample.ignore for sample in filled]).to(device),
            label=torch.tensor([sample.class_index for sample in filled], device=device),
        )
        measured: list[list[dict[str, Tensor]]] = [[] for _ in self.points]
        with computing_in(self.precision, device):
            for moment, columns in self._moments(given.noisy.to(device), truth):
                for place, point in enumerate(moment.points):
                    first = 0 if moment.shared else place * moment.images
                    own = {name: values[first : first + moment.images] for name, values in columns.items()}
                    measured[point].append(own)
                advance(len(given.samples) * len(moment.points))
        # Only now from the device, which would have to be waited for at every timestep.
        return [[{name: values.cpu().numpy() for name, values in step.items()} for step in steps] for steps in measured]

    def _moments(self, images: Tensor, truth: "_Truth") -> Iterator[tuple[Moment, dict[str, Tensor]]]:
        """Every moment and what is measured of it, on the device, a row for each of its representation's."""
        network = self.model.network
        moments = network.moments(images, self.rule, self.points, self.timesteps, self.rows)
        predicted_at_0: Tensor | None = None
        start: Tensor | None = None
        at_0: dict[str, Tensor] = {}
        with torch.no_grad():
            for moment in map(unshared, moments) if self.every_layer else moments:
                representation = moment.representations[-1]
                if representation is start:  # it has not moved since t = 0
                    yield moment, at_0
                    continue
                repeats = len(representation) // len(images)
                logits = network.head(representation)
                predicted = logits.argmax(1)
                predicted_at_0 = predicted if predicted_at_0 is None else predicted_at_0
                repeated = truth.repeated(repeats)
                targets = {"label": repeated.label, "predicted": predicted, "predicted_at_0": predicted_at_0.repeat(repeats)}
                with torch.enable_grad():
                    maps = self._maps(moment, targets[self.target], images)
                columns = self._measured(maps, logits.float(), targets[self.target], repeated)
                if moment.timestep == 0:
                    start, at_0 = representation, columns
                yield moment, columns

    def _maps(self, moment: Moment, target: Tensor, images: Tensor) -> list[Tensor]:
        """At every pcoder that is asked for, the last one at least, each (rows, map height, map width)."""
        network = self.model.network
        if self.every_layer:
            return maps_at_layers(network, moment, target, images, self.attribution)
        maps = self.attribution(Scene(network.head, moment.representations[-1], target, images))
        return [maps.detach().clone().float()]  # it may be a view of a representation, which is overwritten

    def _measured(self, maps: Sequence[Tensor], logits: Tensor, target: Tensor, truth: "_Truth") -> dict[str, Tensor]:
        scored = Scored(
            saliency=scaled(maps[-1], (truth.mask.shape[1], truth.mask.shape[2])),
            mask=truth.mask,
            ignore=truth.ignore,
            logits=logits,
            target=target,
            label=truth.label,
            threshold=self.threshold,
            thresholds=self.thresholds,
        )
        measured: dict[str, Tensor] = {"target": target, "pixels": pixels(truth.ignore).to(torch.int32)}
        if self._kept:
            measured["map"] = maps[-1]
        measured |= measured_by(scored, self.metrics)
        if not self.every_layer:
            return measured
        size = truth.mask.shape[1], truth.mask.shape[2]
        each = [*(replace(scored, saliency=scaled(lower, size)) for lower in maps[:-1]), scored]
        return measured | {at_layers(name): values for name, values in measured_at_layers(each, self.metrics).items()}


def measured_by(
    scored: Scored, metrics: Collection[str], around: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
) -> dict[str, Tensor]:
    """The columns of the metrics that are asked for, and of those that always are: (batch,) or (batch, thresholds) each.

    Args:
        scored: a batch.
        metrics: that are asked for.
        around: of each metric, by its file, what its computation is done within.

    Raises:
        ValueError: a metric returns another shape; names its file.
    """
    found: dict[str, Tensor] = {}
    for name, row in TABLE.items():
        if row.asked and name not in metrics:
            continue
        with around(str(FILES[name])):
            own = {name: row.measured(scored)} if row.measured else {}
            own |= {column: value(scored) for column, value in row.lists.items()}
        for column, values in own.items():
            shape = (len(scored.saliency), len(scored.thresholds))[: 2 if column in row.lists else 1]
            if not isinstance(values, Tensor) or tuple(values.shape) != shape or values.is_complex():
                got = f"{tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
                raise ValueError(f"Expected `{column}` of {FILES[name]} to be a tensor of shape {shape}, but got {got}.")
        found |= own
    return found


@dataclass(frozen=True, eq=False)
class _Truth:
    """What a batch of images shows in truth: masks and ignored pixels (batch, height, width), labels (batch,)."""

    mask: Tensor
    ignore: Tensor
    label: Tensor

    def repeated(self, times: int) -> "_Truth":
        """The same images for each of several grid points."""
        if times == 1:
            return self
        return _Truth(self.mask.repeat(times, 1, 1), self.ignore.repeat(times, 1, 1), self.label.repeat(times))


def summary(columns: Columns) -> str:
    """Mean IoU at the first and the last timestep."""
    if "iou" not in columns:
        return "measured"
    timestep, iou = np.asarray(columns["timestep"]), columns["iou"]
    first, last = (np.asarray(iou, dtype=float)[timestep == t] for t in (0, timestep.max()))
    if np.isnan(first).all() or np.isnan(last).all():
        return "IoU undefined"
    return f"IoU {np.nanmean(first):.3f} at t=0, {np.nanmean(last):.3f} at t={timestep.max()}"
