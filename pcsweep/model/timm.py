"""Any convolutional network of timm with pcoders at the modules that are listed: a new backbone needs a YAML only."""

import math
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from timm.data import resolve_model_data_config

from pcsweep.feedback import Source, predictive, say_if_random
from pcsweep.model import Model, Preprocessing
from pcsweep.pretrained import class_names, timm_backbone


def timm(
    *,
    name: str,
    pcoders: Annotated[tuple[str, ...], Field(min_length=1)],
    weights: str = "default",
    feedback_weights: str | None = None,
    gradient_scaling: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> Model:
    """A network of timm with predify's default predictors; normalisation and image size are those that timm states for it.

    Args:
        name: timm's, such as `resnet50` or `resnet50.a1_in1k`.
        pcoders: modules whose outputs are the representations, bottom-up, such as `layer1`.
        weights: `default` (timm's pretrained ones, through its cache), the path of a state dict, or `random`.
        feedback_weights: a file of pcsweep.train, a folder or glob of predify's files, or `random` (also `None`).
        gradient_scaling: scale the error's gradient by K_n/√C_n.
        seed: of random weights.

    Raises:
        ValueError: no such network, a network that cannot be cut there, or weights that are missing or do not fit.
    """
    return model_of(name, pcoders, weights, Source(feedback_weights), gradient_scaling, seed)


def model_of(name: str, pcoders: Sequence[str], weights: str, source: Source, gradient_scaling: bool, seed: int) -> Model:
    """`timm`, with a source of feedback weights that knows the names of its published files."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = timm_backbone(name, weights)
        settings = resolve_model_data_config(backbone)
        size = int(settings["input_size"][-1])
        network, coefficients = predictive(backbone, pcoders, size, source, gradient_scaling)
    say_if_random(backbone=weights == "random", predictors=source.random)
    return Model(
        network,
        mean=settings["mean"],
        std=settings["std"],
        class_names=class_names(network, size),
        preprocessing=_preprocessing(settings, size),
        coefficients=coefficients,
    )


def _preprocessing(settings: dict[str, Any], size: int) -> Preprocessing:
    return Preprocessing(
        resize=math.floor(size / settings["crop_pct"]),
        crop=size,
        interpolation="bilinear" if settings["interpolation"] == "bilinear" else "bicubic",
    )
