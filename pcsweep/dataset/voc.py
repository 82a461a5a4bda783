"""Pascal VOC's segmentation pictures (Everingham et al. 2010, *The Pascal Visual Object Classes (VOC) Challenge*)."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from pcsweep.dataset.read import imagenet
from pcsweep.dataset.read.image_files import Entry, ImageFiles, absent, check
from pcsweep.dataset.read.lists import lines
from pcsweep.dataset.read.masks import IGNORED, OBJECT, OTHER, Mask, Regions, Values, greys, read_mask
from pcsweep.dataset.read.places import elsewhere, lacking
from pcsweep.machine.threads import gathered

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
    "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # the k-th is the value k of a mask  # fmt: skip

# The VOC classes of which ImageNet-1k has exactly one kind. The others have none (cow, person) or several (aeroplane: airliner
# and warplane; bicycle: mountain bike and tandem; bird; boat; bottle: beer, pop, water, wine; bus: minibus, school bus and
# trolleybus; car; cat; chair: barber, folding, rocking; dog; motorbike: moped and scooter; sheep: ram and bighorn; train: bullet
# train, electric and steam locomotive; tvmonitor: monitor, screen and television), of which the mask does not say one.
WNIDS = {
    "diningtable": "n03201208",  # dining table, board: the same thing
    "horse": "n02389026",  # sorrel: ImageNet-1k's only horse, though narrower
    "pottedplant": "n03991062",  # pot, flowerpot: photographed with the plant in it, which VOC's mask covers too
    "sofa": "n04344873",  # studio couch, day bed: ImageNet-1k's only sofa, though narrower
}
_VALUES = {CLASSES.index(name) + 1: name for name in WNIDS}
_IGNORED_VALUE = 255

_LINE = re.compile(r"(\S+)")  # of an image set: an image's name

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VOC(ImageFiles):
    """Pictures that show a mapped class; of several, the one with the largest area in the picture is the object.

    Args:
        year: of the challenge.
        image_set: `train`, `val` or `trainval`; `test` has masks in 2007 alone.

    Raises:
        ValueError: see `ImageFiles`; no such dataset in `root`.
    """

    year: Literal[2007, 2008, 2009, 2010, 2011, 2012] = 2012
    image_set: Literal["train", "val", "trainval", "test"] = "val"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of ImageNet's 1000 classes."""
        return imagenet.class_names()

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Of every picture of a mapped class, in the order of the image set's list; the category is VOC's word.

        All masks are read for it.
        """
        base = self._base()
        names = [line[1] for line in lines(self.folder / base / self._list, _LINE, "2007_000033")]
        images = [self.folder / base / "JPEGImages" / f"{name}.jpg" for name in names]
        masks = [self.folder / base / "SegmentationClass" / f"{name}.png" for name in names]
        check(self.folder, {"Missing images": absent(images, self.folder), "Missing masks": absent(masks, self.folder)})
        largest = list(gathered(_largest, masks, "reading masks"))
        found = [(image, mask, word) for image, mask, word in zip(images, masks, largest, strict=True) if word]
        if len(found) < len(images):
            left, mapped = len(images) - len(found), ", ".join(WNIDS)
            _log.info("Left out %d of %d pictures, which show none of VOC's classes %s", left, len(images), mapped)
        indices = imagenet.class_indices()
        return tuple(Entry(image.stem, image, mask, indices[WNIDS[word]], word) for image, mask, word in found)

    @property
    def _list(self) -> str:
        return f"ImageSets/Segmentation/{self.image_set}.txt"

    def _base(self) -> str:
        """The challenge's folder in `root`, once it is known to hold images, masks and the list.

        Raises:
            ValueError: a part of it is not there, or the set has no masks.
        """
        if self.image_set == "test" and self.year != 2007:
            raise ValueError(f"Expected `dataset.image_set` to be train, val or trainval in {self.year}, but got 'test'.")
        base = ("TrainVal/" if self.year == 2011 else "") + f"VOCdevkit/VOC{self.year}"
        parts = [f"{base}/{part}" for part in ("JPEGImages", "SegmentationClass", self._list)]
        missing = lacking(self.folder, parts)
        if not missing:
            return base
        advice = elsewhere(self.folder, parts)
        if not advice and len(missing) == len(parts):
            advice = (
                " torchvision fetches all of it: python -c 'from torchvision.datasets import VOCSegmentation;"
                f' VOCSegmentation("{self.folder}", "{self.year}", "{self.image_set}", download=True)\''
            )
        raise ValueError(
            f"Expected `dataset.root` to be the folder that holds `{base}/` as it is in the archive, but {self.folder} lacks"
            f" {', '.join(missing)}.{advice}"
        )

    def regions(self, entry: Entry, mask: Mask) -> Regions:
        """The value of the entry's class is the object, 255 (borders and difficult objects) is left out.

        Raises:
            ValueError: see `_values`.
        """
        values = _values(mask)
        regions = np.full(values.shape, OTHER, dtype=np.uint8)
        regions[values == CLASSES.index(entry.category) + 1] = OBJECT
        regions[values == _IGNORED_VALUE] = IGNORED
        return regions


def _largest(path: Path) -> str:
    """The mapped class with the largest area in a mask, the first in `WNIDS` of equal ones; empty if there is none."""
    areas: Sequence[int] = np.bincount(_values(read_mask(path)).ravel(), minlength=256).tolist()
    value = max(_VALUES, key=lambda value: areas[value])
    return _VALUES[value] if areas[value] else ""


def _values(mask: Mask) -> Values:
    """A mask's values.

    Raises:
        ValueError: no palette or grey image, a palette of unknown colours, or a value that is no class.
    """
    if mask.kind not in ("grey", "palette"):
        raise ValueError(f"Expected {mask.path} to be a palette image, but got {mask.described}.")
    values = mask.values if mask.kind == "grey" else _by_palette(mask)
    foreign = values[(values > len(CLASSES)) & (values != _IGNORED_VALUE)]
    if foreign.size:
        raise ValueError(f"Expected {mask.path} to hold values 0 to {len(CLASSES)}, or {_IGNORED_VALUE}, but got {foreign[0]}.")
    return values


def _by_palette(mask: Mask) -> Values:
    """Of VOC's palette, or of greys that are their indices, the index; of VOC's colours in another order, their places in VOC's.

    Raises:
        ValueError: other colours.
    """
    numbers = {_colour(k): k for k in (*range(len(CLASSES) + 1), _IGNORED_VALUE)}
    if all(colour == _colour(index) for index, colour in mask.used.items()):
        return mask.values
    if all(colour in numbers for colour in mask.used.values()):
        return mask.recoloured({index: numbers[colour] for index, colour in mask.used.items()})
    levels = greys(mask)
    if levels is None or any(index != level for index, level in levels.items()):
        colours = ", ".join(f"{index} is #{red:02x}{green:02x}{blue:02x}" for index, (red, green, blue) in mask.used.items())
        raise ValueError(
            f"Expected {mask.path} to have VOC's palette, in which 1 is #800000, but got another, in which {colours}."
        )
    return mask.values


def _colour(number: int) -> tuple[int, int, int]:
    """Of a class in VOC's palette: the bits of the number, dealt out to red, green and blue from the highest bit down."""
    red, green, blue = (sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(8)) for channel in range(3))
    return red, green, blue
