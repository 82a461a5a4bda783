"""A pack of grid points on the same images: dynamics, attribution and metrics at every timestep."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from pcsweep.attribution.every_layer import LevelScene
from pcsweep.attribution.scene import Scene
from pcsweep.machine.device import Precision, computing_in
from pcsweep.machine.stopwatch import Stopwatch
from pcsweep.machine.transfer import to_host
from pcsweep.measure import png
from pcsweep.measure.batch import Batch
from pcsweep.measure.columns import Columns, measured_by, over_time
from pcsweep.measure.layers import maps_at_layers, measured_at_layers, unshared
from pcsweep.measure.probing import Look, Probing
from pcsweep.measure.truth import Target, Truth, truth_of
from pcsweep.metric import ASKED, TABLE, variants_of
from pcsweep.metric.area import pixels
from pcsweep.metric.perturbation import Perturbation, Probe
from pcsweep.metric.row import Scored
from pcsweep.metric.saliency import scaled
from pcsweep.model import Model
from pcsweep.network.engine.arrays import slices
from pcsweep.network.engine.run import ROWS, Moment
from pcsweep.network.stimulus import Stimulus
from pcsweep.pcoder.rule import UpdateRule, Values
from pcsweep.study.schema import at_layers

if TYPE_CHECKING:
    Metric = str
else:
    Metric = Literal[ASKED]


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is measured, apart from the images: the same for every batch.

    Args:
        model: on its device.
        rule: how the network is updated.
        points: of every grid point the rule's coefficients, pcoder by pcoder, inactive ones included.
        attribution: makes maps (rows, height, width) of a scene.
        layer: where it takes activations: None for the last representation, or the name of a module of the head.
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
        perturbation: of metrics that ask the network about other images; None where there is no such metric.
        watch: is told when dynamics, attribution and metrics begin and end.
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
    layer: str | None = None
    every_layer: bool = False
    perturbation: Perturbation | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def _kept(self) -> Set[str]:
        """Images of which maps are kept."""
        return self.pictured | self.mapped

    @property
    def parts(self) -> int:
        """Of each image, as `of` tells of them: one per grid point and timestep, and as many for every image asked about."""
        later = sum(map(self._asked_at, self._asking[1:])) * len(self.points)
        return len(self.points) * (self.timesteps + 1) + sum(map(self._asked_at, self._asking[:1])) + later

    @property
    def _asking(self) -> tuple[int, ...]:
        """The timesteps at which the network is asked about other images, the first of them t = 0."""
        return self.perturbation.timesteps if self.perturbation else ()

    def _asked_at(self, timestep: int) -> int:
        """How many timesteps of other images are computed for a map at t."""
        return variants_of(self.metrics, self.perturbation) * (timestep + 1)

    def of(self, given: Batch, advance: Callable[[int], None] = lambda _: None) -> list[Columns]:
        """The measured columns of every grid point, one row per image and timestep, image by image.

        Args:
            given: the images.
            advance: is told how many images times grid points, or other images, have come a timestep further: `parts` for each
                image in all.
        """
        measured, pictures = self._measured_at_all(given, advance), self._pictures(given)
        return [self._columns(given, steps, pictures) for steps in measured]

    def _columns(self, given: Batch, steps: Sequence[Columns], pictures: Sequence[Mapping[str, bytes]]) -> Columns:
        """Of one grid point, from what was measured at t = 0..T."""
        samples = given.samples
        columns = {name: over_time(name, steps, len(samples)) for name in steps[0]}
        kept = self._to_keep(given, columns.pop("map"), pictures) if self._kept else {}
        repeats = self.timesteps + 1
        count = len(samples) * repeats
        rows = {name: values.reshape(count, *values.shape[2:]) for name, values in columns.items()}  # from (batch, T + 1, …)
        return {
            "image_id": np.repeat([sample.image_id for sample in samples], repeats),
            "class_index": np.repeat([sample.class_index for sample in samples], repeats),
            "category": np.repeat([sample.category for sample in samples], repeats),
            "timestep": np.tile(np.arange(repeats), len(samples)),
            **rows,
            **kept,
        }

    def _pictures(self, given: Batch) -> list[Mapping[str, bytes]]:
        """PNGs of each sample to be pictured, the same for all grid points; of others none."""
        return [
            {
                "image": png.of_image(sample.image),
                "noisy": png.of_image(self.model.denormalize(noisy)),
                "mask": png.of_mask(sample.mask),
                "ignore": png.of_mask(sample.ignore),
            }
            if sample.image_id in self.pictured
            else {}
            for sample, noisy in zip(given.samples, given.noisy, strict=False)  # the batch is filled up
        ]

    def _to_keep(self, given: Batch, maps: np.ndarray, pictures: Sequence[Mapping[str, bytes]]) -> Columns:
        """Maps of the samples to be kept, and at t = 0 PNGs of those to be pictured; null in the other rows.

        Args:
            given: the batch.
            maps: (batch, T + 1, height, width), before upsampling.
            pictures: of each sample.
        """
        repeats = self.timesteps + 1
        columns = {name: np.full(len(given.samples) * repeats, None) for name in ("map", "image", "noisy", "mask", "ignore")}
        for number, (sample, pngs) in enumerate(zip(given.samples, pictures, strict=True)):
            if sample.image_id in self._kept:
                start = number * repeats
                for timestep in range(repeats):
                    columns["map"][start + timestep] = maps[number, timestep].tolist()
                for name, data in pngs.items():
                    columns[name][start] = data
        return columns

    def _measured_at_all(self, given: Batch, advance: Callable[[int], None]) -> list[list[Columns]]:
        """What is measured of every grid point at t = 0..T, an array (batch, …) per column."""
        device = next(self.model.network.parameters()).device
        truth = truth_of(given.samples, len(given.noisy), device)
        stimulus, count = given.stimulus(device, self.timesteps), len(given.samples)
        measured: list[list[dict[str, Tensor]]] = [[] for _ in self.points]
        kept: list[Look] = []
        with self.watch.on(device):
            with computing_in(self.precision, device):
                for look in self._looks(stimulus, truth):
                    for point in look.points:
                        measured[point].append({name: values[look.rows(point)] for name, values in look.columns.items()})
                    kept += [look] * (look.timestep in self._asking)
                    advance(count * len(look.points))
                with self.watch.during("metrics"):
                    self._ask(kept, stimulus.images, truth, measured, lambda timesteps: advance(count * timesteps))
            return _on_host(measured)  # only now, since the device would have to be waited for at every timestep

    def _looks(self, stimulus: Stimulus, truth: Truth) -> Iterator[Look]:
        """What is made of every moment, on the device, a row for each of its representation's."""
        network = self.model.network
        moments = network.moments(stimulus, self.rule, self.points, self.timesteps, self.rows)
        predicted_at_0: Tensor | None = None
        start: Tensor | None = None
        at_0: Look | None = None
        with torch.no_grad():
            for moment in self.watch.over("dynamics", map(unshared, moments) if self.every_layer else moments):
                representation = moment.representations[-1]
                if at_0 and representation is start and stimulus.stays:  # nothing has moved since t = 0
                    yield replace(at_0, timestep=moment.timestep, points=moment.points, still=True)
                    continue
                images = stimulus.at(moment.timestep)
                repeats = len(representation) // len(images)
                repeated = truth.repeated(repeats)
                scene = Scene(network.head, representation, partial(self._target, repeated, predicted_at_0), images, self.layer)
                with self.watch.during("attribution"), torch.enable_grad():
                    maps = self._maps(moment, scene)
                logits, target = scene.logits, scene.target
                predicted_at_0 = logits.argmax(1) if predicted_at_0 is None else predicted_at_0
                with self.watch.during("metrics"):
                    of_masks = {} if at_0 is None else _of_masks(at_0.columns, repeats)
                    columns = self._measured(maps, logits.float(), target, repeated, of_masks)
                look = Look(moment.timestep, moment.points, len(images), False, maps[-1], logits.float(), target, columns)
                if moment.timestep == 0:
                    start, at_0 = representation, look
                yield look

    def _ask(
        self,
        looks: Sequence[Look],
        images: Tensor,
        truth: Truth,
        measured: Sequence[Sequence[dict[str, Tensor]]],
        advance: Callable[[int], None],
    ) -> None:
        """Adds what the network says of other images; once the dynamics are over, so that these do not take memory as well.

        Args:
            looks: at the timesteps at which it is asked.
            images: (batch, 3, height, width), that the looks are of.
            truth: what they show.
            measured: of every point what was measured at t = 0..T, to which columns are added.
            advance: is told how many timesteps have been computed, of all images together.
        """
        if not self.perturbation:
            return
        probing = Probing(self.model.network, self.rule, images, self.rows, self.perturbation, advance)
        for look in looks:
            for points in look.apart:
                found = self._as_at_0(measured[points[0]][0]) if look.still else self._asked(look, points[0], truth, probing)
                for point in points:
                    measured[point][look.timestep].update(found)
                told = 0 if look.still else 1
                advance(self._asked_at(look.timestep) * (len(points) - told if look.timestep else 0))

    def _asked(self, look: Look, point: int, truth: Truth, probing: Probing) -> dict[str, Tensor]:
        """The columns of metrics that ask the network, for the images of a point."""
        rows = look.rows(point)
        probe = probing.probe(self.points[point], look.timestep, look.target[rows])
        return measured_by(self._scored(look.maps[rows], look.logits[rows], look.target[rows], truth, probe), self.metrics)

    def _as_at_0(self, at_0: dict[str, Tensor]) -> dict[str, Tensor]:
        """What these metrics have measured at t = 0."""
        return {name: values for name, values in at_0.items() if name in TABLE and TABLE[name].variants}

    def _target(self, truth: Truth, predicted_at_0: Tensor | None, logits: Tensor) -> Tensor:
        """The classes whose maps are taken of these logits."""
        predicted = logits.argmax(1)
        return truth.target(self.target, predicted, predicted if predicted_at_0 is None else predicted_at_0)

    def _maps(self, moment: Moment, scene: Scene) -> list[Tensor]:
        """At every pcoder that is asked for, the last one at least, each (rows, map height, map width)."""
        if self.every_layer:
            return maps_at_layers(self.model.network, moment, scene.target, scene.images, self.attribution)
        maps = self.attribution(scene)
        return [maps.detach().clone().float()]  # it may be a view of a representation, which is overwritten

    def _measured(
        self, maps: Sequence[Tensor], logits: Tensor, target: Tensor, truth: Truth, of_masks: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The columns of all rows; a few at a time on a CPU, whose caches they stay in.

        Args:
            maps: at every pcoder that is asked for, the last one at least, each (rows, map height, map width).
            logits, target: of the same rows.
            truth: what they show.
            of_masks: columns of the masks alone, if they are known.
        """
        rows = len(target)
        parts = [
            self._measured_rows(
                [each[part] for each in maps],
                logits[part],
                target[part],
                Truth(truth.mask[part], truth.ignore[part], truth.label[part]),
                {name: values[part] for name, values in of_masks.items()},
            )
            for part in slices(0, rows, rows if logits.is_cuda else ROWS)
        ]
        measured = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return {**measured, "target": target, **({"map": maps[-1]} if self._kept else {})}

    def _measured_rows(
        self, maps: Sequence[Tensor], logits: Tensor, target: Tensor, truth: Truth, of_masks: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        scored = self._scored(maps[-1], logits, target, truth)
        measured = {"pixels": of_masks["pixels"] if of_masks else pixels(truth.ignore).to(torch.int32)}
        measured |= measured_by(scored, self.metrics, known=of_masks)
        if not self.every_layer:
            return measured
        size = truth.mask.shape[1], truth.mask.shape[2]
        each = [*(replace(scored, saliency=scaled(lower, size)) for lower in maps[:-1]), scored]
        return measured | {at_layers(name): values for name, values in measured_at_layers(each, self.metrics).items()}

    def _scored(self, maps: Tensor, logits: Tensor, target: Tensor, truth: Truth, probe: Probe | None = None) -> Scored:
        return Scored(
            saliency=scaled(maps, (truth.mask.shape[1], truth.mask.shape[2])),
            mask=truth.mask,
            ignore=truth.ignore,
            logits=logits,
            target=target,
            label=truth.label,
            threshold=self.threshold,
            thresholds=self.thresholds,
            probe=probe,
        )


def _of_masks(at_0: Mapping[str, Tensor], points: int) -> dict[str, Tensor]:
    """What is measured of the masks alone, the same at every timestep, for each of several grid points.

    Args:
        at_0: the columns of the images at t = 0.
        points: how many.
    """
    names = ["pixels", *(name for row in TABLE.values() if row.mask_only for name in row.columns if name in at_0)]
    return {name: at_0[name].repeat(points, *[1] * (at_0[name].ndim - 1)) for name in names}


def _on_host(measured: Sequence[Sequence[dict[str, Tensor]]]) -> list[list[Columns]]:
    """The same as arrays; what several points share is copied once."""
    tensors = {id(values): values for steps in measured for step in steps for values in step.values()}
    arrays = {key: values.numpy() for key, values in zip(tensors, to_host(list(tensors.values())), strict=True)}
    return [[{name: arrays[id(values)] for name, values in step.items()} for step in steps] for steps in measured]
