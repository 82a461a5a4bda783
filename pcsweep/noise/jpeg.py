"""JPEG compression."""

import io
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from pydantic import Field
from torch import Tensor

from pcsweep.noise import BySeverity, OnPixels


def jpeg(
    image: Float[Tensor, "3 height width"],
    generator: torch.Generator,
    *,
    quality: Annotated[int, Field(ge=1, le=95), BySeverity(25, 18, 15, 10, 7)] = 15,
    space: OnPixels = "pixel",
) -> Float[Tensor, "3 height width"]:
    """The image as it comes back from a JPEG file of that `quality`: a lower one loses more. Nothing is drawn.

    ImageNet-C's `jpeg_compression` (Hendrycks and Dietterich, 2019): values are rounded to 255ths and written by Pillow with its
    defaults (colour at half the resolution). Another version of libjpeg may round otherwise.
    """
    levels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()  # (height, width, 3)
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        decoded = torch.from_numpy(np.array(picture))
    return decoded.permute(2, 0, 1).to(image.dtype) / 255
