"""PMiniVGG: a VGG of eight convolutions for 64 × 64 images with four pcoders, small enough to travel with the package.

The blocks end as VGG's do (convolution, ReLU, then pooling in the next block), and the predictors have the form of predify's
PVGG16: a 5 × 5 transposed convolution onto the image, then transposed convolutions of stride 2 with a ReLU. The model card, with
how the weights were made and what they reach, is `pminivgg.md` beside this file.
"""

from pathlib import Path
from typing import Annotated, no_type_check

import torch
from pydantic import Field
from torch import Tensor, nn

from pcsweep.config.schema import Mark
from pcsweep.dataset.shapes import Shapes
from pcsweep.model import Model, Preprocessing
from pcsweep.model.build.feedback import say_if_random
from pcsweep.model.build.feedback_weights import Source, load
from pcsweep.model.build.predictors import reach
from pcsweep.model.build.weights import backbone_file, fill, read
from pcsweep.network import PCoder, PredictiveNetwork

_CHANNELS = (16, 32, 48, 64)
MODULES = ("features.5", "features.12", "features.19", "features.26")
_PUBLISHED = Path(__file__).with_suffix(".safetensors")
_WORDS = ("published", "random")


class MiniVGG(nn.Module):
    """The backbone: 64 × 64 images to ten logits, global average pooling and one linear layer on top."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        below = 3
        for channels in _CHANNELS:
            if layers:
                layers.append(nn.MaxPool2d(2))
            layers += [*_convolution(below, channels), *_convolution(channels, channels)]
            below = channels
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(below, 10)

    @no_type_check  # torch.fx traces it with a proxy, which runtime type checks would refuse
    def forward(self, images: Tensor) -> Tensor:  # (batch, 3, 64, 64)
        features = self.pool(self.features(images)).flatten(1)  # (batch, 64)
        logits: Tensor = self.classifier(features)  # (batch, 10)
        return logits


def _convolution(below: int, channels: int) -> list[nn.Module]:
    return [nn.Conv2d(below, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]


def predictors() -> nn.ModuleList:
    """P_1..P_4, untrained: r_n to the shape of r_{n-1}."""
    onto_image = nn.ConvTranspose2d(_CHANNELS[0], 3, 5, padding=2)
    upwards = [
        nn.Sequential(nn.ConvTranspose2d(above, below, 6, stride=2, padding=2), nn.ReLU())
        for below, above in zip(_CHANNELS, _CHANNELS[1:], strict=False)
    ]
    return nn.ModuleList([onto_image, *upwards])


def pminivgg(
    weights: Annotated[str, Mark.PLACE] = "published",
    feedback_weights: Annotated[str | None, Mark.PLACE] = None,
    gradient_scaling: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> Model:
    """PMiniVGG with its pcoders on the last ReLU of each block.

    Args:
        weights: `published` (in the package), `random` (untrained, for `pcsweep.train`), or the path of a file that
            `pcsweep.train` wrote.
        feedback_weights: `None` for the predictors of `weights`, `random`, or the path of a file of pcsweep.train.
        gradient_scaling: scale the error's gradient by K_n/√C_n, with C_n = output channels × kernel² of the predictor (its
            full reach, where predify counts the changed outputs on a first batch).
        seed: of the random weights.

    Raises:
        ValueError: no weights at that path, or weights of another network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone, feedback = MiniVGG(), predictors()
    source = Source(feedback_weights)
    stored = load(list(feedback), source)
    pcoders = [
        PCoder(module, predictor, (given or reach(predictor, (channels, 16, 16)) ** 0.5) if gradient_scaling else None)
        for module, predictor, channels, given in zip(MODULES, feedback, _CHANNELS, stored.sqrt_cs, strict=True)
    ]
    network = PredictiveNetwork(backbone, pcoders)
    coefficients = stored.coefficients
    if weights != "random":
        file = read(_PUBLISHED) if weights == "published" else backbone_file(weights, _WORDS)
        own = {name: tensor for name, tensor in network.state_dict().items() if name.startswith("predictors.")}
        fill(network, {**file.tensors, **({} if feedback_weights is None else own)}, weights)
        coefficients = file.coefficients if feedback_weights is None else coefficients
    say_if_random(backbone=weights == "random", predictors=feedback_weights == "random")
    return Model(
        network,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        class_names=Shapes().class_names,
        preprocessing=Preprocessing(resize=64, crop=64),
        coefficients=coefficients,
    )
