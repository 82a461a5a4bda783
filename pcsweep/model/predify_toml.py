"""A network described by a predify configuration (TOML), on a backbone of torchvision or timm."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from pcsweep.config.schema import Mark
from pcsweep.model import IMAGENET_MEAN, IMAGENET_STD, Model, Preprocessing
from pcsweep.model.build.feedback import predictive, say_if_random
from pcsweep.model.build.feedback_weights import Source
from pcsweep.model.build.predify import configuration
from pcsweep.model.build.pretrained import class_names, data_config, timm_backbone, torchvision_backbone


def predify_toml(
    *,
    config: Annotated[Path, Mark.PLACE],
    backbone: str = "vgg16",
    library: Literal["torchvision", "timm"] = "torchvision",
    weights: Annotated[str, Mark.PLACE] = "default",
    feedback_weights: Annotated[str | None, Mark.PLACE] = None,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> Model:
    """The network of a predify configuration, with its gradient scaling and its coefficients (`hyperparameter=model`).

    Coefficients that come with the feedback weights take the place of the configuration's.

    Args:
        config: path of the TOML file.
        backbone: the network that the configuration is for, by the name that its library gives it.
        library: of the backbone.
        weights: `default` (the library's), the path of a state dict, or `random`.
        feedback_weights: a folder, glob or zip file of predify's files, a whole predify network, a file of pcsweep.train, or
            `random` (also `None`).
        seed: of random weights.

    Raises:
        ValueError: a configuration that is refused, a backbone that cannot be cut there, weights that are missing or do not fit.
    """
    described, source = configuration(config), Source(feedback_weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = backbone_of(backbone, library, weights)
        modules = _by_todays_names(described.modules, network)
        predicting, learned = predictive(network, modules, described.size, source, described.gradient_scaling, described.build)
    settings = data_config(network) if library == "timm" else {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    say_if_random(backbone=weights == "random", predictors=source.random)
    return Model(
        predicting,
        mean=settings["mean"],
        std=settings["std"],
        **class_names(predicting.classes(described.size)),
        preprocessing=Preprocessing(resize=described.size, crop=described.size),
        coefficients=learned or described.coefficients,
    )


def backbone_of(backbone: str, library: str, weights: str) -> nn.Module:
    """The configuration's backbone with its weights, for `pcsweep.fetch`."""
    return (torchvision_backbone if library == "torchvision" else timm_backbone)(backbone, weights)


def _by_todays_names(modules: Sequence[str], backbone: nn.Module) -> list[str]:
    """timm 1 has batch norm and activation in one module, `bn1`, where predify's configurations name the activation, `act1`."""
    there = {name for name, _ in backbone.named_modules()}
    return ["bn1" if module == "act1" and "act1" not in there and "bn1" in there else module for module in modules]
