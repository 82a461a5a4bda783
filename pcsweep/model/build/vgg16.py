"""VGG16 with the layers, names and weights of torchvision's, which takes seconds to import.

Simonyan and Zisserman, 2015, "Very deep convolutional networks for large-scale image recognition", ICLR (configuration D).
"""

from typing import no_type_check

import torch
from torch import Tensor, nn
from torch.hub import load_state_dict_from_url

from pcsweep.model.build.pretrained import fetched
from pcsweep.model.build.weights import backbone_state, fill

URL = "https://download.pytorch.org/models/vgg16-397923af.pth"  # what torchvision calls IMAGENET1K_V1
OFFERS = ("IMAGENET1K_V1", "default")
_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # channels of the convolutions
_HIDDEN, _CLASSES = 4096, 1000
_AT_ONCE = 2**16  # numbers


class VGG16(nn.Module):
    """Images to 1000 logits; its parameters have no content yet."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        below = 3
        for block in _BLOCKS:
            for channels in block:
                layers += [nn.Conv2d(below, channels, 3, padding=1, device="meta"), nn.ReLU(inplace=True)]
                below = channels
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(below * 7 * 7, _HIDDEN, device="meta"),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(_HIDDEN, _HIDDEN, device="meta"),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(_HIDDEN, _CLASSES, device="meta"),
        )
        for layer in [layer for layer in self.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]:
            for name, bare in list(layer.named_parameters()):  # `to_empty` does this, and imports SymPy
                layer.register_parameter(name, nn.Parameter(torch.empty(bare.shape)))

    @no_type_check  # torch.fx traces it with a proxy, which runtime type checks would refuse
    def forward(self, images: Tensor) -> Tensor:  # (batch, 3, height, width)
        features = self.avgpool(self.features(images))  # (batch, 512, 7, 7)
        logits: Tensor = self.classifier(torch.flatten(features, 1))  # (batch, 1000)
        return logits


def vgg16(weights: str, drawn: bool = False) -> nn.Module:
    """VGG16 in evaluation mode.

    Args:
        weights: `default` or `IMAGENET1K_V1` (torchvision's, through its cache), the path of a state dict, or `random`.
        drawn: whether as many numbers are drawn from torch's generator as for random weights, whatever the weights, since others
            are drawn afterwards.

    Raises:
        ValueError: weights that are missing or do not fit.
    """
    backbone = VGG16()
    if drawn or weights == "random":
        _draw(backbone)
    if weights in OFFERS:
        state = fetched(
            lambda: load_state_dict_from_url(URL, progress=True, check_hash=True, weights_only=True),
            "torchvision's weights of vgg16",
        )
        fill(backbone, state, f"torchvision's {weights}")
    elif weights != "random":
        fill(backbone, backbone_state(weights, [*OFFERS, "random"], backbone), weights)
    return backbone.eval()


@torch.no_grad()
def _draw(backbone: VGG16) -> None:
    """Random weights, those of torchvision to the bit, which draws those of torch's layers before its own."""
    layers = [layer for layer in backbone.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        _skip(sum(parameter.numel() for parameter in layer.parameters()))
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.normal_(layer.weight, 0, 0.01)
        for name, parameter in layer.named_parameters():
            if name == "bias":
                nn.init.zeros_(parameter)


def _skip(count: int) -> None:
    """Draws uniform numbers that nobody needs."""
    place = torch.empty(min(count, _AT_ONCE))
    for start in range(0, count, _AT_ONCE):
        place[: count - start].uniform_()
