"""Masks in PNG files as the numbers that were stored, and what the colours of a palette say of them.

Pillow stretches grey values of 1, 2 and 4 bits to 0..255; here they are as in the file. In a palette image a pixel is a number,
the index, that stands for a colour. Tools that make label images put label k at index k; those that reduce colours, anywhere.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from pcsweep.dataset.read import png_chunks
from pcsweep.dataset.read.picture_files import decoded

OTHER, OBJECT, IGNORED = 0, 1, 2  # what a pixel of a mask can be

Regions = UInt8[np.ndarray[Any, Any], "height width"]
Values = Int[np.ndarray[Any, Any], "height width"]


def _saving(grey: str) -> str:
    """A command that saves masks as what an expression makes of their files f."""
    return f"python -c 'import sys, numpy; from PIL import Image; [{grey}.save(f) for f in sys.argv[1:]]' masks/*.png"


_BY_COLOUR = _saving('Image.open(f).convert("L")')
_BY_INDEX = _saving("Image.fromarray(numpy.asarray(Image.open(f)))")
_BY_ALPHA = _saving('Image.open(f).convert("RGBA").getchannel("A")')


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask's pixels as they are stored.

    Args:
        path: of its file.
        kind: of pixels, one of `png_chunks.KINDS`.
        bits: of a sample.
        values: grey samples or indices into the palette, (height, width); (height, width, channels) of the other kinds.
        palette: the colour (0..255) of every index.
    """

    path: Path
    kind: str
    bits: int
    values: Int[np.ndarray[Any, Any], "height width *channels"]
    palette: UInt8[np.ndarray[Any, Any], "colours 3"] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.values.shape[1], self.values.shape[0]

    @property
    def as_shown(self) -> "Mask":
        """As Pillow reads it: grey of 2 and 4 bits stretched to 0..255, a palette's indices without their colours."""
        is_stretched = self.kind == "grey" and self.bits in (2, 4)
        values = self.values * (255 // (2**self.bits - 1)) if is_stretched else self.values
        return Mask(self.path, "grey" if self.kind == "palette" else self.kind, max(8, self.bits), values)

    @property
    def described(self) -> str:
        """Its kind in words."""
        return f"{self.kind} of {self.bits} bit{'s' if self.bits > 1 else ''}"

    @property
    def used(self) -> dict[int, tuple[int, int, int]]:
        """The colour of every index that is used; an index beyond the palette is black, as PNG readers have it."""
        assert self.palette is not None  # asked of a palette
        count = len(self.palette)
        black = np.zeros(3, dtype=np.uint8)
        return {
            int(k): tuple(int(level) for level in (self.palette[k] if k < count else black))  # type: ignore[misc]
            for k in np.unique(self.values)
        }

    def recoloured(self, numbers: dict[int, int]) -> Values:
        """`numbers` in the place of the indices."""
        table = np.zeros(256, dtype=np.int64)
        table[list(numbers)] = list(numbers.values())
        found: Values = table[self.values]
        return found


def read_mask(path: Path) -> Mask:
    """The mask in a PNG file, whatever the file's suffix.

    Raises:
        ValueError: see `picture_files.decoded`; another format, since JPEG changes the numbers in it.
    """
    opened, data = decoded(path, ("PNG",))
    header = png_chunks.header(data)
    values = np.asarray(opened).astype(np.int64)
    if header.kind == "grey" and header.bits in (2, 4):
        values //= 255 // (2**header.bits - 1)
    palette = None
    if header.kind == "palette":
        palette = np.array(opened.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    return Mask(path, header.kind, header.bits, values, palette)


def greys(mask: Mask) -> dict[int, int] | None:
    """The grey level of every used index; `None` where one stands for a colour, or two stand for the same grey."""
    levels = {index: red for index, (red, green, blue) in mask.used.items() if red == green == blue}
    return levels if len(levels) == len(mask.used) == len(set(levels.values())) else None


def regions_by_value(mask: Mask, ignore_value: int | None) -> Regions:
    """0, or black, is no object, `ignore_value` is left out, all else is the object.

    What a palette's indices say and what its colours say must be the same; only where all colours are different greys, and the
    two differ in what is background, the colours decide.

    Raises:
        ValueError: colours or an alpha channel; a mask that can be read in two ways.
    """
    if mask.kind not in ("grey", "palette"):
        raise ValueError(
            f"Expected {mask.path} to be a grey, palette or black-and-white image, but got {mask.described}. {_to_grey(mask)}"
        )
    by_number = _by_number(mask.values, ignore_value)
    if mask.kind == "palette":
        return _agreed(mask, by_number, ignore_value)
    if mask.bits < 8 and ignore_value is not None and IGNORED not in by_number:
        highest = 2**mask.bits - 1
        if ignore_value in mask.values * (255 // highest):
            raise ValueError(
                f"Expected `dataset.ignore_value` to be a number that {mask.path} can hold, which has {mask.bits} bits and so"
                f" 0 to {highest}, but got {ignore_value}, as which its {ignore_value * highest // 255} is shown:"
                f" set dataset.ignore_value={ignore_value * highest // 255} or null, or save the masks with 8 bits."
            )
    return by_number


def _to_grey(mask: Mask) -> str:
    """How a mask with colours or an alpha channel is made grey, by where in it the object is drawn."""
    count = mask.values.shape[-1]
    channels = mask.values.reshape(-1, count)
    colours = channels[:, :-1] if "alpha" in mask.kind else channels
    if "alpha" in mask.kind and len(np.unique(channels[:, -1])) > 1:
        if len(np.unique(colours, axis=0)) == 1:
            return f"Its alpha channel alone has more than one value. This makes it the mask: {_BY_ALPHA}"
        return f"It may be drawn in its colours: {_BY_COLOUR} or in its alpha channel: {_BY_ALPHA}"
    if colours.any(axis=1).all():
        return _with_background(colours)
    return f"This makes masks grey: {_BY_COLOUR}"


def _with_background(colours: Values) -> str:
    """How a mask without black gets a black background, which is taken to be its commonest colour."""
    found, counts = np.unique(colours, axis=0, return_counts=True)
    red, green, blue = (int(level) for level in np.resize(found[counts.argmax()], 3))  # grey with alpha has one level
    inked = f'(numpy.asarray(Image.open(f).convert("RGB")) != ({red}, {green}, {blue})).any(2)'
    return (
        "No pixel of it is black, which is what the background has to be. Where the background is its commonest colour, "
        f"#{red:02x}{green:02x}{blue:02x}, this makes that black and all else the object: {_saving(f'Image.fromarray({inked})')}"
    )


def _by_number(values: Values, ignore_value: int | None) -> Regions:
    regions = np.where(values != 0, np.uint8(OBJECT), np.uint8(OTHER))
    regions[values == ignore_value] = IGNORED
    return regions


def _agreed(mask: Mask, by_index: Regions, ignore_value: int | None) -> Regions:
    levels = greys(mask)
    if levels is not None:
        by_colour = _by_number(mask.recoloured(levels), ignore_value)
    else:
        inked = mask.recoloured({index: int(any(colour)) for index, colour in mask.used.items()})
        by_colour = _by_number(inked, None)
        by_colour[by_index == IGNORED] = IGNORED
    if np.array_equal(by_index, by_colour):
        return by_index
    if levels is not None and IGNORED not in by_index and not np.array_equal(by_index == OTHER, by_colour == OTHER):
        return by_colour
    colours = ", ".join(f"{index} is #{red:02x}{green:02x}{blue:02x}" for index, (red, green, blue) in mask.used.items())
    raise ValueError(
        f"Expected {mask.path} to say the same by its palette's indices and by their colours, but index {colours}: 0 or black is"
        f" background{'' if ignore_value is None else f', {ignore_value} is left out'}. Save the masks in"
        f" grey, by colour: {_BY_COLOUR}\n  or by index: {_BY_INDEX}"
    )
