"""Backbones of torchvision and timm, with the weights that their libraries offer, weights from a file, or random ones.

Both libraries take seconds to import: they are imported where a network of theirs is made.
"""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, TypedDict

from torch import nn

from pcsweep.dataset.read import imagenet
from pcsweep.model.build.weights import backbone_state, fill

_WNID = re.compile(r"n\d{8}")
_PARTS = "_FEATURES"  # torchvision's offers of that ending lack the classifier


def torchvision_backbone(name: str, weights: str) -> nn.Module:
    """A network of torchvision in evaluation mode.

    Args:
        name: torchvision's, such as `vgg16`.
        weights: `default` or another of torchvision's offers, such as `IMAGENET1K_V1`; the path of a state dict; or `random`.

    Raises:
        ValueError: no such network or weights, or weights that do not fit.
    """
    import torchvision.models

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
        fill(backbone, backbone_state(weights, [*words, "random"], backbone), weights)
    return backbone.eval()


def timm_backbone(name: str, weights: str, num_classes: int | None = None) -> nn.Module:
    """A network of timm in evaluation mode.

    Args:
        name: timm's, such as `resnet50` or `resnet50.a1_in1k`.
        weights: `default` (timm's pretrained ones), the path of a state dict, or `random`.
        num_classes: of a head of one's own, in `weights` or random; `None` for the network's.

    Raises:
        ValueError: no such network, or weights that are missing or do not fit.
    """
    import timm

    from pcsweep.model.build import hub

    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        near = ", ".join(get_close_matches(architecture, timm.list_models(), 8, 0.4)) or "none"
        raise ValueError(f"Expected a network of timm, but got {name!r}. Similar names: {near}; timm.list_models() has all.")
    if weights == "default" and num_classes is not None:
        raise ValueError(
            f"Expected `model.weights` to be a file or random with `model.num_classes`, since timm's weights of {name} have "
            f"a head for other classes, but got default with {num_classes}."
        )
    if weights == "default":
        what = f"timm's weights of {name}"
        pretrained: nn.Module = fetched(lambda: timm.create_model(name, pretrained=True, **hub.source(name)), what)
        return pretrained.eval()
    head = {} if num_classes is None else {"num_classes": num_classes}
    try:
        backbone: nn.Module = timm.create_model(name, pretrained=False, **head)
    except RuntimeError as error:
        raise ValueError(f"Expected a network of timm, but got {name!r}: {error}.") from error
    if weights != "random":
        _fill(backbone, weights)
    return backbone.eval()


def _fill(backbone: nn.Module, file: str) -> None:
    """From a file; says how to ask for another number of classes where that is what does not fit."""
    state = backbone_state(file, ["default", "random"], backbone)
    try:
        fill(backbone, state, file)
    except ValueError as error:
        heads = {name: tensor for name, tensor in backbone.state_dict().items() if name.endswith(".bias") and name in state}
        last = next(reversed(heads), None)  # the head's, in the order of the layers
        if last is None or heads[last].shape == state[last].shape or state[last].ndim != 1:
            raise
        raise ValueError(f"{error} For a head of its own: model.num_classes={len(state[last])}.") from error


class ClassNames(TypedDict):
    """What logit k stands for, as `Model` takes it."""

    class_names: tuple[str, ...]
    wnids: tuple[str, ...]


def class_names(count: int, stated: Sequence[str] | None = None, own: bool = False) -> ClassNames:
    """ImageNet's names for as many logits as one of its lists has, numbers for any other count.

    Args:
        count: of the logits.
        stated: the names that come with the network, if any.
        own: whether its head is for classes of the user's own, which have no names here.
    """
    stated = stated if stated and len(stated) == count else None
    if own:
        return _numbered(count)
    if stated is not None:
        return ClassNames(class_names=tuple(stated), wnids=tuple(stated) if all(map(_WNID.fullmatch, stated)) else ())
    if count == len(imagenet.wnids()):
        return ClassNames(class_names=imagenet.short_names(), wnids=imagenet.wnids())
    return _of_larger_lists(count) if count > len(imagenet.wnids()) else _numbered(count)


def _numbered(count: int) -> ClassNames:
    return ClassNames(class_names=tuple(map(str, range(count))), wnids=())


def _of_larger_lists(count: int) -> ClassNames:
    """Of ImageNet's lists with more than a thousand classes, as timm knows them."""
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return _numbered(count)
    listing = ImageNetInfo(subset)
    return ClassNames(class_names=tuple(listing.label_descriptions()), wnids=tuple(listing.label_names()))


def data_config(backbone: nn.Module) -> dict[str, Any]:
    """What timm states of the images of a network of its own: `mean`, `std`, `input_size`, `crop_pct`, `interpolation`."""
    from timm.data import resolve_model_data_config

    return dict(resolve_model_data_config(backbone))


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
            "Fetch them on a machine with a network that shares the cache (python -m pcsweep.fetch model=…), or download the "
            "file elsewhere and give its path as `model.weights`."
        ) from error
