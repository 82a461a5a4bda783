"""Noises: one file each, a function `(image, generator, *, settings) -> image` on one image (3, height, width).

A noise draws from the generator alone. Whether it meets the image before or after the model's normalisation, and whether the
result is clipped, is said by the keys `space` and `clip` of its YAML and done here for all of them.
"""

import hashlib
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

Space = Literal["normalized", "pixel"]
Image = Float[Tensor, "3 height width"]


@runtime_checkable
class Normalization(Protocol):
    """The part of a model that noise needs: to and from normalised images."""

    def normalize(self, image: Tensor) -> Tensor: ...

    def denormalize(self, image: Tensor) -> Tensor: ...


def generator_for(image_id: str, seed: int) -> torch.Generator:
    """Randomness that depends on the image and the seed alone: the same on any worker, in any batch, for every grid point."""
    digest = hashlib.sha256(f"{seed}:{image_id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def corrupt(
    image: Image,
    noise: Callable[[Image, torch.Generator], Image],
    generator: torch.Generator,
    normalization: Normalization,
    space: Space = "normalized",
    clip: bool = False,
) -> Image:
    """The noisy, normalised image.

    Args:
        image: values in [0, 1].
        noise: adds noise to an image in the chosen space.
        generator: what the noise draws from.
        normalization: of the model.
        space: `pixel`: noise, then normalisation, so that σ is in units of the pixel range [0, 1]; `normalized`: the reverse, σ
            in units of the model's normalised images.
        clip: whether the noisy image is brought back into the range that pixels in [0, 1] have.
    """
    if space == "pixel":
        noisy = noise(image, generator)
        return normalization.normalize(noisy.clamp(0, 1) if clip else noisy)
    noisy = noise(normalization.normalize(image), generator)
    return normalization.normalize(normalization.denormalize(noisy).clamp(0, 1)) if clip else noisy
