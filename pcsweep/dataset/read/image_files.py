"""Datasets of photographs and masks in files: brought to size alike, and every error names its file."""

import hashlib
import json
import os
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pcsweep.config.sources import file_sha256
from pcsweep.dataset import Sample
from pcsweep.dataset.read import masks
from pcsweep.dataset.read.kept import Kept
from pcsweep.dataset.read.masks import IGNORED, OBJECT, Mask, Regions, read_mask
from pcsweep.dataset.read.photographs import SUFFIXES as SUFFIXES  # also from here
from pcsweep.dataset.read.photographs import Photographs
from pcsweep.dataset.read.picture_files import content
from pcsweep.machine.threads import listed


@dataclass(frozen=True)
class Entry:
    """One image of a dataset, not yet read: its identifier, its files, its class and the dataset's own word for the class."""

    image_id: str
    image: Path
    mask: Path
    class_index: int
    category: str


@dataclass(frozen=True, kw_only=True)
class ImageFiles(Photographs):
    """A dataset of images in files, each with a mask; what kind of files is left to the classes derived from it.

    A mask is resized and cut as its image is (see `Photographs`), by nearest neighbour.

    Raises:
        ValueError: see `Photographs`; files that are not there.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            found = self.entries
        except OSError as error:
            raise ValueError(
                f"Expected `dataset.root` to be a folder that can be read, but {error.filename or self.folder}: {error.strerror}."
            ) from error
        if not found:
            raise ValueError(f"Expected `dataset.root` to hold images, but got {self.folder}, in which none can be used.")

    @cached_property
    @abstractmethod
    def entries(self) -> tuple[Entry, ...]:
        """Of every image, in the order of the dataset; found without reading any image."""

    @property
    @abstractmethod
    def class_names(self) -> Sequence[str]:
        """`class_names[k]` names class k."""

    @abstractmethod
    def regions(self, entry: Entry, mask: Mask) -> Regions:
        """Which pixels of the mask are `OBJECT`, `IGNORED` and `OTHER`.

        Raises:
            ValueError: a mask of another kind.
        """

    def path(self, index: int) -> Path:
        """The file of image `index`."""
        return self.entries[index].image

    @cached_property
    def image_ids(self) -> tuple[str, ...]:
        """Of every image."""
        return tuple(entry.image_id for entry in self.entries)

    @cached_property
    def class_indices(self) -> tuple[int, ...]:
        """Of every image."""
        return tuple(entry.class_index for entry in self.entries)

    def digest(self, index: int) -> str:
        """SHA-256 of image and mask, as they are in their files.

        Raises:
            ValueError: a file that cannot be read, or that is not whole by what it says of itself; names the file.
        """
        entry, kept = self.entries[index], self._kept
        image = kept.answer(entry.image, f"sha256 {' '.join(self.formats)}", lambda: _hash_of(content(entry.image, self.formats)))
        mask = kept.answer(entry.mask, "sha256 bits kind", lambda: _hash_bits_kind(content(entry.mask, ("PNG",))))
        of_mask, bits, kind = mask.split()
        digest = hashlib.sha256(bytes.fromhex(image + of_mask)).hexdigest()
        if kind != "3" and (kind != "0" or bits not in ("2", "4")):
            return digest
        differs = kept.answer(entry.mask, f"differs {self._decides_regions}", lambda: str(self._differs_from_shown(entry)))
        return f"{digest} as stored" if differs == "True" else digest

    def keep(self) -> None:
        """Keeps what `digest` has found of unchanged files, so that the next process does not read them."""
        self._kept.keep()

    @cached_property
    def _kept(self) -> Kept:
        return Kept(self.folder)

    @cached_property
    def _decides_regions(self) -> str:
        """A hash of all that decides the regions of a mask beside its file: settings, and code."""
        shared = {field.name for field in fields(Photographs)}
        settings = {field.name: str(getattr(self, field.name)) for field in fields(self) if field.name not in shared}
        modules = dict.fromkeys([*(each.__module__ for each in type(self).__mro__), masks.__name__])
        code = {name: sys.modules[name].__file__ for name in modules if getattr(sys.modules.get(name), "__file__", None)}
        told = [settings, {name: file_sha256(Path(str(file))) for name, file in code.items()}]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def _differs_from_shown(self, entry: Entry) -> bool:
        """Whether the mask's regions are others than those of what Pillow makes of it, as earlier versions took them."""
        stored = read_mask(entry.mask)
        regions = self.regions(entry, stored)
        try:
            return not np.array_equal(self.regions(entry, stored.as_shown), regions)
        except ValueError:  # so no earlier version has a result
            return False

    def stamp(self, index: int) -> str:
        """Class, and size and time of image and mask."""
        entry = self.entries[index]
        return f"{entry.class_index} {entry.category} {_stamp(entry.image)} {_stamp(entry.mask)}"

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        """Reads image and mask `index`.

        Raises:
            IndexError: an index outside the dataset.
            ValueError: a file that cannot be read, or a mask of another size than its image; names the file.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Expected `index` to be in 0..{len(self) - 1}, but got {index}.")
        entry = self.entries[index]
        image, mask = self.picture(index), read_mask(entry.mask)
        if mask.size != image.size:
            raise ValueError(
                f"Expected {entry.mask} to be as large as its image, {_size(image.size)}, but got {_size(mask.size)}."
            )
        levels = self.framed(image).transpose(2, 0, 1)
        regions = self.framed(Image.fromarray(self.regions(entry, mask)), Image.Resampling.NEAREST)
        return Sample(
            image_id=entry.image_id,
            image=torch.from_numpy(np.ascontiguousarray(levels, dtype=np.float32) / np.float32(255)),
            mask=torch.from_numpy(regions == OBJECT),
            ignore=torch.from_numpy(regions == IGNORED),
            class_index=entry.class_index,
            category=entry.category,
        )


def check(root: Path, problems: Mapping[str, Sequence[str]]) -> None:
    """Refuses a dataset's folder for every kind of problem that has names.

    Raises:
        ValueError: each kind with its count and at most ten of its names.
    """
    if lines := [f"{what} ({len(names)}): {listed(names)}" for what, names in problems.items() if names]:
        raise ValueError(f"Expected `dataset.root` to be a whole dataset, but got {root}:\n  " + "\n  ".join(lines))


def absent(paths: Sequence[Path], folder: Path) -> list[str]:
    """Those that are not there, relative to the folder."""
    return [str(path.relative_to(folder)) for path in paths if not path.is_file()]


def _hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hash_bits_kind(png: bytes) -> str:
    """The hash of a PNG, the bits of a value in it, and PNG's number of its kind: 0 is grey, 3 a palette."""
    return f"{_hash_of(png)} {png[24]} {png[25]}"


def _stamp(path: Path) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "absent"  # reading it says what is wrong
    return f"{status.st_size}:{status.st_mtime_ns}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]} pixels (width × height)"
