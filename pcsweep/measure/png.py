"""Pictures as PNG: 8-bit colours, and masks as black and white."""

import io

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor


def of_image(image: Float[Tensor, "3 height width"]) -> bytes:
    """The image in 8-bit RGB: exact for values that are multiples of 1/255; those outside [0, 1] are clamped."""
    levels = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    return _encoded(levels.permute(1, 2, 0).cpu().numpy())


def of_mask(mask: Bool[Tensor, "height width"]) -> bytes:
    """White where the mask is."""
    return _encoded(mask.cpu().numpy().astype(np.uint8) * 255)


def pixels(data: bytes) -> UInt8[np.ndarray, "height width *channels"]:
    """Of a PNG made here."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        return np.array(picture)


def _encoded(levels: UInt8[np.ndarray, "height width *channels"]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    return buffer.getvalue()
