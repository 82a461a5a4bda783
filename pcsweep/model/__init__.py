"""Models: one file each, a function from settings to a `Model`."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from pcsweep.network import PredictiveNetwork


@dataclass(frozen=True, eq=False)
class Model:
    """A predictive network and what its images and logits mean.

    Args:
        network: in evaluation mode.
        mean: of each channel of the training images in [0, 1]; subtracted from every image.
        std: of each channel; divides every image.
        class_names: what logit k stands for.
    """

    network: PredictiveNetwork
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    class_names: tuple[str, ...]

    def normalize(self, image: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
        """From values in [0, 1] to what the network was trained on."""
        return (image - _channels(self.mean, image)) / _channels(self.std, image)

    def denormalize(self, image: Float[Tensor, "*batch 3 height width"]) -> Float[Tensor, "*batch 3 height width"]:
        """The inverse of `normalize`."""
        return image * _channels(self.std, image) + _channels(self.mean, image)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that the network computes with: every parameter and buffer, √C and the normalisation."""
        digest = hashlib.sha256(repr((self.network.modules_cut, self.network.sqrt_cs, self.mean, self.std)).encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def _channels(values: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
