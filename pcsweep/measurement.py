"""One grid point on many images: noise, dynamics, attribution and metrics at every timestep."""

from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pcsweep import metrics, png
from pcsweep.dataset import Sample
from pcsweep.model import Model
from pcsweep.network import Coefficients, State

Metric = Literal["iou", "pointing", "mass", "rank"]
Target = Literal["label", "predicted", "predicted_at_0"]
Precision = Literal["fp32", "tf32", "bf16"]
Columns = dict[str, Any]

# Images per pass through the network, always: libraries choose their algorithm by the shape of a batch, and a result would
# otherwise depend in its last bits, and at a threshold or a near-tie in its first, on how many images share the batch.
ROWS = 8


@dataclass(frozen=True, eq=False)
class Measurement:
    """What is measured, apart from the images: the same for every batch.

    Args:
        model: on its device.
        coefficients: of all pcoders, those of inactive ones included.
        corrupt: a sample to its noisy, normalised image.
        attribution: (head, representation, target) to maps (batch, height, width).
        target: whose Grad-CAM: the `label`, or the class `predicted` at each timestep or at t = 0.
        timesteps: T; states 0..T are measured.
        threshold: of `iou`, a share of the map's maximum.
        thresholds: of `iou_at`.
        metrics: which to compute; the others stay null.
        precision: of the dynamics and the attribution; the metrics are always fp32.
        pictured: the `image_id`s of which pictures and maps are kept.
    """

    model: Model
    coefficients: Coefficients
    corrupt: Callable[[Sample], Tensor]
    attribution: Callable[[torch.nn.Module, Tensor, Tensor], Tensor]
    target: Target
    timesteps: int
    threshold: float
    thresholds: Sequence[float]
    metrics: Sequence[Metric]
    precision: Precision
    pictured: Set[str] = frozenset()

    def of(self, samples: Sequence[Sample]) -> Columns:
        """The measured columns, one row per image and timestep, image by image."""
        groups = [self._of_group(samples[start : start + ROWS]) for start in range(0, len(samples), ROWS)]
        return {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}

    def _of_group(self, samples: Sequence[Sample]) -> Columns:
        """Of at most `ROWS` samples."""
        steps = self._computed([*samples, *[samples[-1]] * (ROWS - len(samples))])  # filled up with the last of them
        columns = {name: np.stack([step[name][: len(samples)] for step in steps], axis=1) for name in steps[0]}
        pictures = self._pictures(samples, columns.pop("map")) if self.pictured else {}
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

    def _pictures(self, samples: Sequence[Sample], maps: np.ndarray) -> Columns:
        """Maps, and at t = 0 PNGs, of the samples to be pictured; null in the other rows.

        Args:
            samples: of one group.
            maps: (batch, T + 1, height, width), before upsampling.
        """
        repeats = self.timesteps + 1
        columns = {name: np.full(len(samples) * repeats, None) for name in ("map", "image", "noisy", "mask", "ignore")}
        for number, sample in enumerate(samples):
            if sample.image_id not in self.pictured:
                continue
            start = number * repeats
            for timestep in range(repeats):
                columns["map"][start + timestep] = maps[number, timestep].tolist()
            columns["image"][start] = png.of_image(sample.image)
            columns["noisy"][start] = png.of_image(self.model.denormalize(self.corrupt(sample)))
            columns["mask"][start], columns["ignore"][start] = png.of_mask(sample.mask), png.of_mask(sample.ignore)
        return columns

    def _computed(self, samples: Sequence[Sample]) -> list[dict[str, Any]]:
        """What is measured at t = 0..T, an array (batch, …) per column."""
        device = next(self.model.network.parameters()).device
        images = torch.stack([self.corrupt(sample) for sample in samples]).to(device)
        scene = _Scene(
            mask=torch.stack([sample.mask for sample in samples]).to(device),
            ignore=torch.stack([sample.ignore for sample in samples]).to(device),
            label=torch.tensor([sample.class_index for sample in samples], device=device),
        )
        with computing_in(self.precision, device):
            return list(self._steps(images, scene))

    def _steps(self, images: Tensor, scene: "_Scene") -> Iterator[dict[str, Any]]:
        predicted_at_0: Tensor | None = None
        for state in self.model.network.run(images, self.coefficients, self.timesteps):
            predicted = state.logits.argmax(1)
            predicted_at_0 = predicted if predicted_at_0 is None else predicted_at_0
            target = {"label": scene.label, "predicted": predicted, "predicted_at_0": predicted_at_0}[self.target]
            yield self._measured(state, target, scene)

    def _measured(self, state: State, target: Tensor, scene: "_Scene") -> dict[str, Any]:
        maps = self.attribution(self.model.network.head, state.representations[-1], target).float()
        saliency = metrics.scaled(maps, (scene.mask.shape[1], scene.mask.shape[2]))
        logit, probability, correct = metrics.classification(state.logits.float(), target, scene.label)
        measured: dict[str, Tensor] = {
            "target": target,
            "area": metrics.area(scene.mask, scene.ignore),
            "target_logit": logit,
            "target_probability": probability,
            "correct": correct,
        }
        if self.pictured:
            measured["map"] = maps
        if "iou" in self.metrics:
            measured["iou"] = metrics.iou(saliency, scene.mask, scene.ignore, self.threshold)
            at = [metrics.iou(saliency, scene.mask, scene.ignore, threshold) for threshold in self.thresholds]
            measured["iou_at"] = torch.stack(at, dim=1) if at else saliency.new_zeros(len(saliency), 0)
        for name, metric in (("pointing", metrics.pointing), ("mass", metrics.mass), ("rank", metrics.rank)):
            if name in self.metrics:
                measured[name] = metric(saliency, scene.mask, scene.ignore)
        return {name: values.cpu().numpy() for name, values in measured.items()}


@dataclass(frozen=True, eq=False)
class _Scene:
    """What a batch of images shows: masks and ignored pixels (batch, height, width), labels (batch,)."""

    mask: Tensor
    ignore: Tensor
    label: Tensor


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which matrix products and convolutions have that precision; restores what was set before."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    if device.type != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=precision == "tf32")
