"""PVGG16: VGG16, as torchvision has it, with predify's five pcoders, the network of the paper.

Pcoders on the last ReLU of each block and the predictors are those of predify's PVGG16 configuration (Choksi et al., 2021).
"""

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import nn

from pcsweep.config.schema import Mark
from pcsweep.model import IMAGENET_MEAN, IMAGENET_STD, Model, Preprocessing
from pcsweep.model.build.feedback import predictive, say_if_random
from pcsweep.model.build.feedback_weights import published
from pcsweep.model.build.predictors import Shape
from pcsweep.model.build.pretrained import class_names
from pcsweep.model.build.vgg16 import vgg16

MODULES = ("features.3", "features.8", "features.15", "features.22", "features.29")
PUBLISHED = "pvgg16_imagenet_pretrained_pc{n}_pmodule.pth"
_SIZE = 224


def predictors(shapes: Sequence[Shape] = ()) -> list[nn.Module]:
    """P_1..P_5, untrained; their form does not depend on the shapes."""
    upwards = [_upwards(128, 64, 10), _upwards(256, 128, 14), _upwards(512, 256, 14), _upwards(512, 512, 14)]
    return [nn.ConvTranspose2d(64, 3, 5, padding=2), *upwards]


def _upwards(above: int, below: int, kernel: int) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(above, below, kernel, stride=2, padding=kernel // 2 - 1), nn.ReLU())


def backbone_of(weights: str) -> nn.Module:
    """VGG16 with its weights, for `pcsweep.fetch`."""
    return vgg16(weights)


def pvgg16(
    weights: Annotated[str, Mark.PLACE] = "default",
    feedback_weights: Annotated[str | None, Mark.PLACE] = None,
    gradient_scaling: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> Model:
    """PVGG16 for 224 × 224 images and the 1000 classes of ImageNet.

    Args:
        weights: `default` or `IMAGENET1K_V1` (torchvision's, through its cache), the path of a state dict, or `random`.
        feedback_weights: a folder, glob or zip file of predify's five published files, a whole predify network, a
            file of pcsweep.train, or `random`. `None`: random where the backbone is, else refused.
        gradient_scaling: scale the error's gradient by K_n/√C_n (predify's `PCoderN`).
        seed: of random weights.

    Raises:
        ValueError: weights that are missing or do not fit.
    """
    source = published(feedback_weights, PUBLISHED, 5, weights == "random")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = vgg16(weights, drawn=weights == "random" or source.random)
        network, coefficients = predictive(backbone, MODULES, _SIZE, source, gradient_scaling, predictors)
    say_if_random(backbone=weights == "random", predictors=source.random)
    return Model(
        network,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        **class_names(network.classes(_SIZE)),
        preprocessing=Preprocessing(resize=_SIZE, crop=_SIZE),
        coefficients=coefficients,
    )
