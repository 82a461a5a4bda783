"""How a network is trained: the settings, each checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from pcsweep.machine.device import Device, Precision

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class TrainingOptions:
    """The top-level keys of `conf/train.yaml` that concern the whole training.

    Args:
        seed: of initial weights, of the order of images, of their noise and of random crops.
        device, precision: see `conf/train.yaml`.
        devices, nodes: processes on each machine, and machines.
        accumulate: batches whose gradients make one step, on each device.
        workers: processes that decode images, on each machine.
        in_memory: whether all images are decoded once, and kept.
        random_resized_crop: the least share of the picture's area that a random crop has; true: 0.08; false: none.
        flip: whether half of the images, at random, are mirrored.
        damaged: whether an image that is not whole ends the training, or the next one takes its place.
        checkpoint_every: steps between two checkpoints, beside the one after every epoch.
        validation: images that are held out: a share, a split, or settings of the dataset. `None`: none.
        patience: epochs without a lower held-out loss after which a phase ends. `None`: never.
        compile: whether the reconstruction error is compiled (`torch.compile`).
    """

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    device: Device
    precision: Precision
    devices: Count = 1
    nodes: Count = 1
    accumulate: Count = 1
    workers: Literal["auto"] | Whole = "auto"
    in_memory: bool = False
    random_resized_crop: bool | Annotated[float, Field(gt=0, le=1)] = False
    flip: bool = False
    damaged: Literal["refuse", "replace"] = "refuse"
    checkpoint_every: Count = 1000
    validation: Share | Annotated[str, Field(pattern="^[A-Za-z]")] | Mapping[str, Any] | None = None
    patience: Count | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        if self.patience and self.validation is None:
            raise ValueError(
                f"Expected `validation` to be a share such as 0.05, or a split, with `patience={self.patience}`, but got null."
            )

    @property
    def processes(self) -> int:
        """Of all machines."""
        return self.devices * self.nodes

    @property
    def least_area(self) -> float | None:
        """The least share of a picture's area that a random crop has; `None` without random crops."""
        if isinstance(self.random_resized_crop, bool):
            return 0.08 if self.random_resized_crop else None
        return self.random_resized_crop


@dataclass(frozen=True)
class Recipe:
    """How one part of a network is trained.

    Args:
        epochs: passes over the data.
        batch_size: images that each device computes at once.
        optimizer: `sgd`, or `adamw` with decoupled weight decay.
        learning_rate: the highest of the schedule.
        weight_decay: of the optimizer.
        momentum: of `sgd`.
        schedule: `constant`, or `one_cycle` (up, then down to nearly nothing).
        noise: each image gets Gaussian noise of a σ drawn uniformly from [0, noise], in units of the pixel range.
        drop_last: leave out the images that fill no step.
    """

    epochs: Whole
    batch_size: Count = 64
    optimizer: Literal["sgd", "adamw"] = "adamw"
    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    noise: NonNegative = 0.0
    drop_last: bool = True

    @property
    def runs(self) -> bool:
        """Whether anything is learned by it."""
        return self.epochs > 0


@dataclass(frozen=True)
class FeedbackRecipe(Recipe):
    """How the predictors are trained.

    Args:
        reconstruction: weight of the reconstruction error.
        classification: weight of the cross-entropy.
        timesteps: T of the classification.
        learn_coefficients: whether β, λ and α are learned as well.
        closed_form: whether the predictors begin at the smallest reconstruction error (`pcsweep.train.least_squares`).
        ridge, positions: of the closed form.
    """

    reconstruction: NonNegative = 1.0
    classification: NonNegative = 0.0
    timesteps: Whole = 4
    learn_coefficients: bool = False
    closed_form: bool = False
    ridge: NonNegative = 0.01
    positions: Count = 64

    @property
    def runs(self) -> bool:
        """Whether anything is learned by it."""
        return self.epochs > 0 or self.closed_form

    def __post_init__(self) -> None:
        if self.epochs and not (self.reconstruction or self.classification):
            raise ValueError("Expected `feedback.reconstruction` or `feedback.classification` to be positive, but both are 0.")
        if self.classification and not self.timesteps:
            raise ValueError("Expected `feedback.timesteps` to be at least 1 with `feedback.classification`, but got 0.")
        if self.learn_coefficients and not self.classification:
            raise ValueError("Expected `feedback.classification` to be positive with `feedback.learn_coefficients`, but got 0.0.")
