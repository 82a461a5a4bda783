"""PEfficientNetB0: timm's EfficientNet-B0 with predify's eight pcoders, on the stem's activation and the seven stages."""

from typing import Annotated

from pydantic import Field
from torch import nn

from pcsweep.config.schema import Mark
from pcsweep.model import Model
from pcsweep.model.build.feedback_weights import published
from pcsweep.model.build.pretrained import timm_backbone
from pcsweep.model.timm import Backbone, model_of

# Where timm 0.4 had `act1`, timm 1 has batch norm and activation in one module.
MODULES = ("bn1", *(f"blocks.{stage}" for stage in range(7)))
PUBLISHED = "pnet_pretrained_pc{n}_009.pth"


def backbone_of(weights: str) -> nn.Module:
    """timm's EfficientNet-B0 with its weights, for `pcsweep.fetch`."""
    return timm_backbone("efficientnet_b0", weights)


def pefficientnet_b0(
    weights: Annotated[str, Mark.PLACE] = "default",
    feedback_weights: Annotated[str | None, Mark.PLACE] = None,
    gradient_scaling: bool = True,
    seed: Annotated[int, Field(ge=0)] = 0,
) -> Model:
    """PEfficientNetB0 for 224 × 224 images and the 1000 classes of ImageNet, with predify's default predictors.

    Args:
        weights: `default` (timm's, through its cache), the path of a state dict, or `random`.
        feedback_weights: a folder, glob or zip file of predify's eight published files, a file of pcsweep.train, or `random`.
            `None`: random where the backbone is, else refused.
        gradient_scaling: scale the error's gradient by K_n/√C_n (predify's `PCoderN`).
        seed: of random weights.

    Raises:
        ValueError: weights that are missing or do not fit.
    """
    source = published(feedback_weights, PUBLISHED, 8, weights == "random")
    return model_of(Backbone("efficientnet_b0", weights), MODULES, source, gradient_scaling, seed)
