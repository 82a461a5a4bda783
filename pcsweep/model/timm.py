"""Any convolutional network of timm with pcoders at the modules that are listed: a new backbone needs a YAML only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from pcsweep.config.schema import Mark
from pcsweep.model import Model, Preprocessing
from pcsweep.model.build.feedback import predictive, say_if_random
from pcsweep.model.build.feedback_weights import Source
from pcsweep.model.build.pretrained import class_names, data_config, timm_backbone


def timm(  # noqa: PLR0913  # a setting each
    *,
    name: str,
    pcoders: Annotated[tuple[str, ...], Field(min_length=1)],
    weights: Annotated[str, Mark.PLACE] = "default",
    feedback_weights: Annotated[str | None, Mark.PLACE] = None,
    gradient_scaling: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
    num_classes: Annotated[Annotated[int, Field(ge=1, le=100_000)] | None, Mark.YOUNGER] = None,
) -> Model:
    """A network of timm with predify's default predictors; normalisation and image size are those that timm states for it.

    Args:
        name: timm's, such as `resnet50` or `resnet50.a1_in1k`.
        pcoders: modules whose outputs are the representations, bottom-up, such as `layer1`.
        weights: `default` (timm's pretrained ones, through its cache), the path of a state dict, or `random`.
        feedback_weights: a file of pcsweep.train, a folder, glob or zip file of predify's files, or `random` (also `None`).
        gradient_scaling: scale the error's gradient by K_n/√C_n.
        seed: of random weights.
        num_classes: of a head of one's own, whose weights are in the file (or random); `None` for the network's.

    Raises:
        ValueError: no such network, a network that cannot be cut there, or weights that are missing or do not fit.
    """
    asked = Backbone(name, weights, num_classes)
    return model_of(asked, pcoders, Source(feedback_weights), gradient_scaling, seed)


def backbone_of(name: str, weights: str) -> nn.Module:
    """The network of timm with its weights, for `pcsweep.fetch`."""
    return timm_backbone(name, weights)


@dataclass(frozen=True)
class Backbone:
    """A network of timm: its name, weights and number of classes, as `timm` takes them."""

    name: str
    weights: str
    num_classes: int | None = None


def model_of(asked: Backbone, pcoders: Sequence[str], source: Source, gradient_scaling: bool, seed: int) -> Model:
    """`timm`, with a source of feedback weights that knows the names of its published files."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = timm_backbone(asked.name, asked.weights, asked.num_classes)
        settings = data_config(backbone)
        size = int(settings["input_size"][-1])
        network, coefficients = predictive(backbone, pcoders, size, source, gradient_scaling)
    say_if_random(backbone=asked.weights == "random", predictors=source.random)
    return Model(
        network,
        mean=settings["mean"],
        std=settings["std"],
        **class_names(network.classes(size), _stated(backbone), asked.num_classes is not None),
        preprocessing=_preprocessing(settings, size),
        coefficients=coefficients,
    )


def _stated(backbone: Any) -> Sequence[str] | None:
    """The names of the classes in timm's description of the weights, if any."""
    names: Sequence[str] | None = backbone.pretrained_cfg.get("label_names")
    return names


def _preprocessing(settings: dict[str, Any], size: int) -> Preprocessing:
    return Preprocessing(
        resize=math.floor(size / settings["crop_pct"]),
        crop=size,
        interpolation="bilinear" if settings["interpolation"] == "bilinear" else "bicubic",
    )
