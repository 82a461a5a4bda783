"""ImageNet-S: photographs of ImageNet with masks of its classes.

Gao et al. (2022), *Large-scale Unsupervised Semantic Segmentation*, IEEE TPAMI.

A mask's pixel is the number R + 256·G: 0 is everything else, 1000 is left out of every metric, and k is the k-th of the subset's
sorted wnids. A mask can show several classes; the object is the class of the folder that holds the image. That class is not
always the image's label in ILSVRC: the makers of ImageNet-S moved images to the class which the mask shows.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from pcsweep.config.schema import Mark
from pcsweep.dataset.read import imagenet
from pcsweep.dataset.read.file_names import stem, visible, with_suffix
from pcsweep.dataset.read.image_files import SUFFIXES, Entry, ImageFiles, check
from pcsweep.dataset.read.masks import IGNORED, OBJECT, Mask, Regions
from pcsweep.dataset.read.picture_files import bytes_of
from pcsweep.dataset.read.places import elsewhere, lacking
from pcsweep.machine.threads import listed

_WNID = re.compile(r"n\d{8}")
_IGNORED_NUMBER = 1000

Files = Mapping[str, Mapping[str, Path]]  # by class folder and stem


@dataclass(frozen=True, kw_only=True)
class ImageNetS(ImageFiles):
    """Images `<split>/<wnid>/<name>.JPEG` with masks `<split>-segmentation/<wnid>/<name>.png`.

    An image's identifier is `<wnid>/<name>`, its category the wnid, its class the wnid's number among ImageNet's 1000.

    Args:
        subset: how many classes it has; decides what the numbers in the masks mean.
        split: which images.
        categories: file of the subset's wnids, one a line and sorted, as ImageNet-S publishes them. `None`: the names of the
            class folders, which must then be all of the subset's.

    Raises:
        ValueError: see `ImageFiles`; classes that do not fit the subset, images without mask, masks without image.
    """

    subset: Literal[50, 300, 919]
    split: Literal["validation", "train-semi"] = "validation"
    categories: Annotated[Path | None, Mark.PLACE] = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of ImageNet's 1000 classes."""
        return imagenet.class_names()

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Of every image, sorted by wnid and name."""
        images, masks = self._images, self._scanned(f"{self.split}-segmentation", (".png",))
        missing = _only_in(images, masks)
        jpegs = self._scanned(f"{self.split}-segmentation", (".jpeg", ".jpg")) if missing else {}
        check(
            self.folder,
            {
                f"Images in {self.split}/ without a mask": [name for name in missing if not _is_in(name, jpegs)],
                "Masks that are JPEG files, which change the numbers in them (save masks as PNG)": [
                    name for name in missing if _is_in(name, jpegs)
                ],
                f"Masks in {self.split}-segmentation/ without an image": _only_in(masks, images),
                f"Folders in {self.split}/ without an image": [f"{wnid}/" for wnid, files in images.items() if not files],
                "Folders that are no class of the subset": [f"{wnid}/" for wnid in images if wnid not in self._numbers],
            },
        )
        indices = imagenet.class_indices()
        return tuple(
            Entry(f"{wnid}/{path.stem}", path, masks[wnid][name], indices[wnid], wnid)
            for wnid, files in images.items()
            for name, path in files.items()
        )

    def digest(self, index: int) -> str:
        """Also what stands for the class in the mask, which `categories` decides."""
        return f"{super().digest(index)} {self._numbers[self.entries[index].category]}"

    def stamp(self, index: int) -> str:
        """Also what stands for the class in the mask, which `categories` decides."""
        return f"{super().stamp(index)} {self._numbers[self.entries[index].category]}"

    def regions(self, entry: Entry, mask: Mask) -> Regions:
        """The number of the image's class is the object.

        Raises:
            ValueError: no RGB image of 8 bits, or a number that the subset does not have.
        """
        if (mask.kind, mask.bits) != ("RGB", 8):
            raise ValueError(f"Expected {entry.mask} to be an RGB image of 8 bits per channel, but got {mask.described}.")
        red, green, _ = np.moveaxis(mask.values, 2, 0)
        numbers = red + 256 * green
        foreign = numbers[(numbers > self.subset) & (numbers != _IGNORED_NUMBER)]
        if foreign.size:
            raise ValueError(
                f"Expected {entry.mask} to hold numbers 0 to {self.subset}, or {_IGNORED_NUMBER}, but got {foreign[0]}"
                " (is `dataset.subset` the one of `dataset.root`?)."
            )
        return np.select(
            [numbers == self._numbers[entry.category], numbers == _IGNORED_NUMBER],
            [np.uint8(OBJECT), np.uint8(IGNORED)],
            np.uint8(0),
        )

    @cached_property
    def _images(self) -> Files:
        return self._scanned(self.split, SUFFIXES)

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        """What stands for every class of the subset in the masks."""
        wnids = list(self._images) if self.categories is None else _categories(self.categories.expanduser(), self.subset)
        if self.categories is None and len(wnids) < self.subset:
            raise ValueError(
                f"Expected `dataset.categories` to be the file of the subset's {self.subset} wnids, one a line, since"
                f" {self.folder} holds {len(wnids)} of the classes and the numbers in the masks count all {self.subset},"
                " but got none (or is `dataset.subset` another?)."
            )
        if len(wnids) > self.subset:
            raise ValueError(
                f"Expected `dataset.subset` to be the number of classes of {self.folder},"
                f" which is {len(wnids)}, but got {self.subset}."
            )
        if unknown := [wnid for wnid in wnids if wnid not in imagenet.class_indices()]:
            raise ValueError(f"Expected wnids of ImageNet's 1000 classes, but got {listed(unknown)}.")
        return {wnid: number for number, wnid in enumerate(wnids, start=1)}

    def _scanned(self, name: str, suffixes: Sequence[str]) -> Files:
        folder = self.folder / name
        try:
            with os.scandir(folder) as found:
                wnids = sorted(entry.name for entry in found if _WNID.fullmatch(entry.name) and entry.is_dir())
        except OSError as error:
            raise ValueError(
                f"Expected `dataset.root` to be the folder that holds `{self.split}/` and `{self.split}-segmentation/`,"
                f" but got {self.folder}: {name}: {error.strerror}.{self._advice()}"
            ) from error
        if not wnids:
            raise ValueError(
                f"Expected `dataset.root` to hold class folders such as `{name}/n01443537/`, but got {self.folder} without any."
            )
        return {wnid: _by_stem(folder / wnid, suffixes) for wnid in wnids}

    def _advice(self) -> str:
        """What else could be meant, by what lies near."""
        if near := elsewhere(self.folder, [self.split, f"{self.split}-segmentation"]):
            return near
        if not lacking(self.folder, [self.split]):
            return " The masks are an archive of their own, beside the images (docs/imagenet_s.md)."
        if not lacking(self.folder, ["val"]) or not lacking(self.folder, ["train"]):
            return " This could be ILSVRC2012, without masks, from which ImageNet-S is made (docs/imagenet_s.md)."
        return ""


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """The files of a class, sorted; hidden files and other kinds are left out."""
    files: dict[str, Path] = {}
    for name in with_suffix(visible(folder), suffixes):
        if (key := stem(name)) in files:
            raise ValueError(f"Expected one file named {key} in {folder}, but got {files[key].name} and {name}.")
        files[key] = folder / name
    return files


def _only_in(these: Files, those: Files) -> list[str]:
    return [f"{wnid}/{stem}" for wnid, files in these.items() for stem in files if stem not in those.get(wnid, {})]


def _is_in(name: str, files: Files) -> bool:
    wnid, _, key = name.partition("/")
    return key in files.get(wnid, {})


def _categories(path: Path, subset: int) -> list[str]:
    try:
        wnids = bytes_of(path).decode("utf-8-sig").split()
    except ValueError as error:
        raise ValueError(f"Expected `dataset.categories` to be a text file, but got {path}: {error}.") from error
    if len(wnids) != subset or wnids != sorted(set(wnids)):
        raise ValueError(
            f"Expected `dataset.categories` to be a file of {subset} different wnids, one a line and sorted,"
            f" but got {path} with {len(wnids)}{'' if wnids == sorted(set(wnids)) else ', repeated or unsorted'}"
            f" (ImageNet-S numbers its classes in sorted order; `sort -u {path}` sorts an early, unsorted edition of the file)."
        )
    return wnids
