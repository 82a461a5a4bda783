"""Backbones of torchvision and timm, with the weights that their libraries offer, weights from a file, or random ones."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import timm
import torch
import torchvision.models
from torch import nn
from torchvision.models import VGG16_Weights

from pcsweep.weights import backbone_state, fill

_PARTS = "_FEATURES"  # torchvision's offers of that ending lack the classifier


def torchvision_backbone(name: str, weights: str) -> nn.Module:
    """A network of torchvision in evaluation mode.

    Args:
        name: torchvision's, such as `vgg16`.
        weights: `default` or another of torchvision's offers, such as `IMAGENET1K_V1`; the path of a state dict; or `random`.

    Raises:
        ValueError: no such network or weights, or weights that do not fit.
    """
    names = torchvision.models.list_models(module=torchvision.models)
    if name not in names:
        raise ValueError(f"Expected a network of torchvision ({', '.join(names)}), but got {name!r}.")
    backbone: nn.Module = torchvision.models.get_model(name, weights=None)
    offers = torchvision.models.get_model_weights(name)
    words = {offer.name: offer for offer in offers if not offer.name.endswith(_PARTS)} | {"default": offers["DEFAULT"]}
    if weights in words:
        options = {"progress": True, "check_hash": True, "weights_only": True}
        state = fetched(lambda: words[weights].get_state_dict(**options), f"torchvision's weights of {name}")
        fill(backbone, state, f"torchvision's {weights}")
    elif weights != "random":
        fill(backbone, backbone_state(weights, [*words, "random"]), weights)
    return backbone.eval()


def timm_backbone(name: str, weights: str) -> nn.Module:
    """A network of timm in evaluation mode.

    Args:
        name: timm's, such as `resnet50` or `resnet50.a1_in1k`.
        weights: `default` (timm's pretrained ones), the path of a state dict, or `random`.

    Raises:
        ValueError: no such network, or weights that are missing or do not fit.
    """
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        near = ", ".join(get_close_matches(architecture, timm.list_models(), 8, 0.4)) or "none"
        raise ValueError(f"Expected a network of timm, but got {name!r}. Similar names: {near}; timm.list_models() has all.")
    if weights == "default":
        pretrained: nn.Module = fetched(lambda: timm.create_model(name, pretrained=True), f"timm's weights of {name}")
        return pretrained.eval()
    try:
        backbone: nn.Module = timm.create_model(name, pretrained=False)
    except RuntimeError as error:
        raise ValueError(f"Expected a network of timm, but got {name!r}: {error}.") from error
    if weights != "random":
        fill(backbone, backbone_state(weights, ["default", "random"]), weights)
    return backbone.eval()


def class_names(network: nn.Module, size: int) -> tuple[str, ...]:
    """ImageNet's names for a thousand logits, numbers for any other count; `size` is the side of the images, in pixels."""
    with torch.no_grad():
        count = network(torch.zeros(1, 3, size, size)).shape[1]
    return tuple(VGG16_Weights.DEFAULT.meta["categories"]) if count == 1000 else tuple(map(str, range(count)))


def fetched(fetch: Callable[[], Any], what: str) -> Any:
    """What `fetch` returns from its library's cache, or downloads into it.

    Raises:
        ValueError: it can do neither.
    """
    try:
        return fetch()
    except Exception as error:  # every hub has errors of its own
        raise ValueError(
            f"Expected {what} in the cache, or a network to fetch them, but got {type(error).__name__}: {error}. "
            "Download the file elsewhere and give its path as `model.weights`."
        ) from error
