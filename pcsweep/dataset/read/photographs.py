"""Photographs in files, brought to size alike, without a word of masks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from pcsweep.config.schema import Mark
from pcsweep.dataset.read.picture_files import FORMATS, decoded

SUFFIXES = (".jpeg", ".jpg", ".png")  # of images, in upper or lower case

Side = Annotated[int, Field(ge=1)]

_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True, kw_only=True)
class Photographs(ABC):
    """Images in files; which files is left to the classes derived from it.

    An image is resized until the shorter side has `resize` pixels, then a square is cut from its centre, as by torchvision's
    `Resize` and `CenterCrop` on PIL images. EXIF orientation is not applied, as in torchvision's `ImageFolder`. Grey, CMYK and
    palette images become RGB.

    Args:
        root: folder of the dataset.
        resize: length of the shorter side, in pixels.
        crop: side of the square, in pixels, at most `resize`.
        interpolation: of the image; antialiased where it shrinks.

    Raises:
        ValueError: `crop` larger than `resize`.
    """

    formats: ClassVar[Sequence[str]] = FORMATS  # of images, told by their content

    root: Annotated[Path, Mark.PLACE]
    resize: Side
    crop: Side
    interpolation: Literal["bilinear", "bicubic"]

    def __post_init__(self) -> None:
        if self.crop > self.resize:
            raise ValueError(
                f"Expected `dataset.crop` to be at most `dataset.resize`, which is {self.resize} pixels, but got {self.crop}."
            )

    @abstractmethod
    def path(self, index: int) -> Path:
        """The file of image `index`."""

    @property
    def folder(self) -> Path:
        """`root`, with `~` for the home folder."""
        return self.root.expanduser()

    def picture(self, index: int) -> Image.Image:
        """Image `index` in RGB, as large as in its file.

        Raises:
            ValueError: a file that cannot be read; names it.
        """
        path = self.path(index)
        return _rgb(decoded(path, self.formats)[0], path)

    def framed(self, picture: Image.Image, resampling: Image.Resampling | None = None) -> Any:
        """The picture resized and cut, as an array of 8 bits (crop, crop) or (crop, crop, 3)."""
        shorter, size = min(picture.size), picture.size
        if shorter != self.resize:
            size = picture.width * self.resize // shorter, picture.height * self.resize // shorter
            picture = picture.resize(size, _RESAMPLING[self.interpolation] if resampling is None else resampling)
        left, top = (round((side - self.crop) / 2) for side in size)
        return np.asarray(picture.crop((left, top, left + self.crop, top + self.crop)))


def _rgb(picture: Image.Image, path: Path) -> Image.Image:
    if picture.mode[0] in "IF":  # PIL would clip the values, not scale them
        raise ValueError(f"Expected {path} to have 8 bits per channel, but got PIL's mode {picture.mode}.")
    if picture.mode == "P" and isinstance(picture.info.get("transparency"), bytes):
        picture = picture.convert("RGBA")  # PIL warns of the direct way; the colours are the same
    return picture.convert("RGB")
