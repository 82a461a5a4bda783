"""Training a predictive network: the backbone by classification, then the predictors by reconstruction.

The predictors' recipe is predify's: the sum over pcoders of the mean squared error between p_n and r_{n-1} at t = 0, with the
backbone frozen. *Where we differ:* Adam with a one-cycle schedule instead of plain SGD, which needs far fewer epochs here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float, Int, UInt8
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pcsweep.dataset import Dataset
from pcsweep.model import Model
from pcsweep.network import PredictiveNetwork
from pcsweep.progress import progress

Images = UInt8[Tensor, "count 3 height width"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=0)]
Loss = Callable[[Tensor, Tensor], Tensor]  # (images, their indices) -> a number


@dataclass(frozen=True)
class Recipe:
    """How one part of a network is trained.

    Args:
        epochs: passes over the data.
        batch_size: images per step.
        learning_rate: the highest of the one-cycle schedule.
        weight_decay: decoupled (AdamW).
        noise: each image gets Gaussian noise of a σ drawn uniformly from [0, noise], in units of the pixel range.
    """

    epochs: Whole
    batch_size: Annotated[int, Field(ge=1)] = 64
    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.0
    noise: NonNegative = 0.0


def load(dataset: Dataset) -> tuple[Images, Int[Tensor, " count"]]:
    """Every image of the dataset in 8 bits, and its class."""
    images, labels = [], []
    with progress("images", len(dataset), "images") as advance:
        for index in range(len(dataset)):
            sample = dataset[index]
            images.append((sample.image * 255).round().to(torch.uint8))
            labels.append(sample.class_index)
            advance(1)
    return torch.stack(images), torch.tensor(labels)


def train_backbone(
    model: Model, images: Images, labels: Int[Tensor, " count"], recipe: Recipe, generator: torch.Generator
) -> list[float]:
    """Trains stages and head by cross-entropy, in place. Returns the loss of every step."""
    network = model.network
    network.stages.train()
    network.head.train()

    def loss(noisy: Tensor, batch: Tensor) -> Tensor:
        return functional.cross_entropy(network(noisy), labels[batch])

    losses = _descend([network.stages, network.head], _Batches(model, images, recipe, generator), loss, recipe, "backbone")
    network.eval()
    return losses


def train_predictors(model: Model, images: Images, recipe: Recipe, generator: torch.Generator) -> list[float]:
    """Trains the predictors by reconstruction at t = 0, in place, the backbone frozen. Returns the loss of every step."""

    def loss(noisy: Tensor, _: Tensor) -> Tensor:
        return reconstruction_error(model.network, noisy)

    return _descend([model.network.predictors], _Batches(model, images, recipe, generator), loss, recipe, "predictors")


def reconstruction_error(network: PredictiveNetwork, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, ""]:
    """Σ_n of the mean squared error between p_n and r_{n-1} at t = 0; no gradient reaches the backbone."""
    total = images.new_zeros(())
    below = images
    for stage, predictor in zip(network.stages, network.predictors, strict=True):
        with torch.no_grad():
            representation = stage(below)
        total = total + functional.mse_loss(predictor(representation), below)
        below = representation
    return total


class _Batches:
    """Normalised noisy batches with the indices they came from, in an order drawn anew each epoch."""

    def __init__(self, model: Model, images: Images, recipe: Recipe, generator: torch.Generator) -> None:
        self.model, self.images, self.recipe, self.generator = model, images, recipe, generator
        self.per_epoch = max(1, len(images) // recipe.batch_size)

    def __len__(self) -> int:
        return self.per_epoch * self.recipe.epochs

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(self.recipe.epochs):
            order = torch.randperm(len(self.images), generator=self.generator)
            for batch in torch.split(order, self.recipe.batch_size)[: self.per_epoch]:
                yield self._noisy(self.images[batch].float() / 255), batch

    def _noisy(self, pixels: Tensor) -> Tensor:
        if self.recipe.noise:
            sigma = self.recipe.noise * torch.rand(len(pixels), 1, 1, 1, generator=self.generator)
            pixels = pixels + sigma * torch.randn(pixels.shape, generator=self.generator)
        return self.model.normalize(pixels)


def _descend(parts: Iterable[nn.Module], batches: _Batches, loss: Loss, recipe: Recipe, description: str) -> list[float]:
    if not len(batches):
        return []
    parameters = [parameter for part in parts for parameter in part.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=len(batches) + 1, pct_start=0.15
    )
    losses = []
    with progress(description, len(batches), "steps") as advance:
        for images, batch in batches:
            value = loss(images, batch)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(value.item())
            advance(1)
    return losses
