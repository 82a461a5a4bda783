"""Models: one file each, a function from settings to a `Model`."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from pcsweep.network import Coefficients, PredictiveNetwork

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what most networks for ImageNet were trained with


@dataclass(frozen=True)
class Preprocessing:
    """How a network's training images were brought to size; what `auto` means in a dataset's settings.

    Args:
        resize: length of the shorter side after resizing, in pixels.
        crop: side of the square cut from the centre, in pixels.
        interpolation: of the resizing.
    """

    resize: int
    crop: int
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


@dataclass(frozen=True, eq=False)
class Model:
    """A predictive network and what its images and logits mean.

    Args:
        network: in evaluation mode.
        mean: of each channel of the training images in [0, 1]; subtracted from every image.
        std: of each channel; divides every image.
        class_names: what logit k stands for.
        preprocessing: of its training images.
        coefficients: β, λ and α that it comes with (learned, or part of its definition), if any.
        wnids: WordNet's identifier of what each logit stands for; empty where there are none.
    """

    network: PredictiveNetwork
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    coefficients: Coefficients | None = None
    wnids: tuple[str, ...] = ()

    def normalize(self, image: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
        """From values in [0, 1] to what the network was trained on."""
        return (image - _channels(self.mean, image)) / _channels(self.std, image)

    def denormalize(self, image: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
        """The inverse of `normalize`."""
        return image * _channels(self.std, image) + _channels(self.mean, image)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that the network computes with: parameters and buffers, the predictors' layers, √C, normalisation."""
        network = self.network
        described = (network.modules_cut, network.sqrt_cs, network.predictors, self.mean, self.std)
        digest = hashlib.sha256(repr(described).encode())
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()


def _channels(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
