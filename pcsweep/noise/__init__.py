"""Noises: one file each, a function `(image, generator, *, settings) -> image` on one image (3, height, width).

A noise draws from the generator alone. Whether it meets the image before or after the model's normalisation, and whether the
result is clipped, is said by the keys `space` and `clip` of its YAML and done here for all of them. A noise that is defined on
pixels alone, or otherwise in each space, has `space` among its own settings too. The setting that ImageNet-C's severities set has
them in its annotation (`BySeverity`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from pydantic import AfterValidator
from torch import Tensor

Space = Literal["normalized", "pixel"]
Image = Float[Tensor, "3 height width"]


def _on_pixels(space: Space) -> Space:
    if space != "pixel":
        raise ValueError("pixel, since this noise is defined on values in [0, 1] alone")
    return space


OnPixels = Annotated[Space, AfterValidator(_on_pixels)]  # of a noise's own setting `space`


@dataclass(frozen=True)
class BySeverity:
    """Of a setting: its values at the severities 1 to 5, as in `Annotated[float, BySeverity(0.08, 0.12, 0.18, 0.26, 0.38)]`."""

    first: int | float
    second: int | float
    third: int | float
    fourth: int | float
    fifth: int | float

    def at(self, severity: int) -> int | float:
        """The value at a severity from 1 to 5."""
        return (self.first, self.second, self.third, self.fourth, self.fifth)[severity - 1]


@runtime_checkable
class Normalization(Protocol):
    """The part of a model that noise needs: to and from normalised images."""

    def normalize(self, image: Tensor) -> Tensor: ...

    def denormalize(self, image: Tensor) -> Tensor: ...


def generator_for(image_id: str, seed: int, timestep: int = 0) -> torch.Generator:
    """Randomness that depends on the image, the seed and the timestep alone: the same on any worker, in any batch, for every grid
    point. At t = 0 it is what an image has that is drawn once."""
    at = f"timestep {timestep}\0" if timestep else ""
    digest = hashlib.sha256(f"{at}{seed}:{image_id}".encode()).digest()
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
