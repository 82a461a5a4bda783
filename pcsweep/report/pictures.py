"""Pictures of one image for the page: the maps over it, outlined, as JPEGs within the HTML."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from scipy.ndimage import binary_erosion

from pcsweep.figures.overlays import blended, masked, under, under_mask
from pcsweep.measure.exhibit import Exhibit

SIDE = 192  # pixels of a picture at most
QUALITY = 82  # of JPEG
_MASK, _FOUND = (255, 255, 255), (86, 180, 233)  # colours of the outlines


@dataclass(frozen=True)
class Picture:
    """One picture: what is over and under it, and a JPEG as a data URI."""

    heading: str
    caption: str
    source: str


def pictures(exhibit: Exhibit, timesteps: Sequence[int], threshold: float) -> list[Picture]:
    """The image, the noisy image, the mask, and the maps at those timesteps that there are.

    Args:
        exhibit: the image and its maps.
        timesteps: whose maps are shown.
        threshold: of the maps, above which the object is found.
    """
    return [
        Picture("image", "", jpeg(exhibit.image)),
        Picture("noisy image", "", jpeg(exhibit.noisy)),
        Picture("mask", under_mask(exhibit).replace("\n", ", "), jpeg(masked(exhibit))),
        *(
            Picture(f"t = {timestep}", under(exhibit, timestep), jpeg(overlay(exhibit, timestep, threshold)))
            for timestep in timesteps
            if timestep in exhibit.saliency
        ),
    ]


def overlay(exhibit: Exhibit, timestep: int, threshold: float) -> UInt8[np.ndarray, "height width 3"]:
    """The map over the grey image, outlined: the mask in white, what the map finds in blue."""
    saliency = exhibit.saliency[timestep]  # (height, width)
    picture: np.ndarray = (255 * blended(exhibit.image, saliency)).astype(np.uint8)  # (height, width, 3)
    width = 1 + max(saliency.shape) // 256  # of the outlines, in pixels
    for region, colour in ((saliency > threshold, _FOUND), (exhibit.mask, _MASK)):
        picture[region & ~binary_erosion(region, iterations=width)] = colour
    return picture


def jpeg(picture: UInt8[np.ndarray, "height width 3"]) -> str:
    """A data URI, at most `SIDE` pixels a side; small pictures are enlarged to sharp squares."""
    image = Image.fromarray(picture)
    longest = max(image.size)
    factor = SIDE // longest if longest < SIDE else SIDE / longest
    width, height = (max(1, round(side * factor)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
