"""How a network is trained: the settings, each checked."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from pcsweep.machine.device import Device, Precision

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Whole = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class TrainingOptions:
    """The top-level keys of `conf/train.yaml` that concern the whole training."""

    seed: Annotated[int, Field(ge=0, lt=2**63)]
    device: Device
    precision: Precision


@dataclass(frozen=True)
class Recipe:
    """How one part of a network is trained.

    Args:
        epochs: passes over the data.
        batch_size: images per step.
        optimizer: `sgd`, or `adamw` with decoupled weight decay.
        learning_rate: the highest of the schedule.
        weight_decay: of the optimizer.
        momentum: of `sgd`.
        schedule: `constant`, or `one_cycle` (up, then down to nearly nothing).
        noise: each image gets Gaussian noise of a σ drawn uniformly from [0, noise], in units of the pixel range.
        drop_last: leave out the images that fill no batch.
    """

    epochs: Whole
    batch_size: Annotated[int, Field(ge=1)] = 64
    optimizer: Literal["sgd", "adamw"] = "adamw"
    learning_rate: Positive = 3e-3
    weight_decay: NonNegative = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    noise: NonNegative = 0.0
    drop_last: bool = True


@dataclass(frozen=True)
class FeedbackRecipe(Recipe):
    """How the predictors are trained.

    Args:
        reconstruction: weight of the reconstruction error.
        classification: weight of the cross-entropy.
        timesteps: T of the classification.
        learn_coefficients: whether β, λ and α are learned as well.
    """

    reconstruction: NonNegative = 1.0
    classification: NonNegative = 0.0
    timesteps: Whole = 4
    learn_coefficients: bool = False

    def __post_init__(self) -> None:
        if self.epochs and not (self.reconstruction or self.classification):
            raise ValueError("Expected `feedback.reconstruction` or `feedback.classification` to be positive, but both are 0.")
        if self.classification and not self.timesteps:
            raise ValueError("Expected `feedback.timesteps` to be at least 1 with `feedback.classification`, but got 0.")
        if self.learn_coefficients and not self.classification:
            raise ValueError("Expected `feedback.classification` to be positive with `feedback.learn_coefficients`, but got 0.0.")
