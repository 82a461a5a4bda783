"""ImageNet's photographs in class folders, as ILSVRC2012 comes: labels and no masks, so for training alone.

Russakovsky et al. (2015), *ImageNet Large Scale Visual Recognition Challenge*, IJCV.
"""

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from pcsweep.dataset.read import imagenet
from pcsweep.dataset.read.compact import Names
from pcsweep.dataset.read.file_names import stem, visible, with_suffix
from pcsweep.dataset.read.image_files import check
from pcsweep.dataset.read.photographs import SUFFIXES, Photographs
from pcsweep.machine.threads import listed

_WNID = re.compile(r"n\d{8}")


def _one_folder(name: str) -> str:
    if os.path.basename(name) != name or name in ("", ".", ".."):
        raise ValueError("the name of a folder in `dataset.root`, or null")
    return name


@dataclass(frozen=True, kw_only=True)
class ImageNetFolder(Photographs):
    """Images `<split>/<wnid>/<name>.JPEG`; an image's identifier is `<wnid>/<name>.JPEG`, its class the wnid's among the 1000.

    A million images are listed in some tens of megabytes; nothing is read of any before it is asked for.

    Args:
        split: the folder in `root` that holds the class folders. `None`: `root` itself.

    Raises:
        ValueError: see `Photographs`; no class folders there, folders of other classes, no image in one of them, or
            archives beside them that are not unpacked.
    """

    split: Annotated[str, AfterValidator(_one_folder)] | None = "train"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not len(self):
            raise ValueError(f"Expected `dataset.root` to hold images, but there is none in the class folders of {self._place}.")
        check(self._place, self._left_packed())

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of ImageNet's 1000 classes."""
        return imagenet.class_names()

    @cached_property
    def image_ids(self) -> Sequence[str]:
        """Of every image, sorted by wnid and name: its path below the folder of the split."""
        return Names(f"{wnid}/{name}" for wnid in self._wnids for name in self._files(wnid))

    @cached_property
    def class_indices(self) -> Sequence[int]:
        """Of every image."""
        numbers = imagenet.class_indices()
        return array("H", (numbers[name.partition("/")[0]] for name in self.image_ids))

    def path(self, index: int) -> Path:
        """The file of image `index`."""
        return self._place / self.image_ids[index]

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def _place(self) -> Path:
        return self.folder if self.split is None else self.folder / self.split

    @cached_property
    def _wnids(self) -> list[str]:
        try:
            folders = _folders(self._place)
        except OSError as error:
            raise ValueError(
                f"Expected `dataset.root` to be the folder that holds `{self.split or 'n01440764'}/`,"
                f" but {error.filename}: {error.strerror}.{self._hint()}"
            ) from error
        wnids = [name for name in folders if _WNID.fullmatch(name)]
        if not wnids:
            raise ValueError(
                f"Expected class folders such as n01440764/ in {self._place} (`dataset.root`, `dataset.split`),"
                f" but there are none.{self._without_folders()}"
            )
        if unknown := [wnid for wnid in wnids if wnid not in imagenet.class_indices()]:
            raise ValueError(
                f"Expected folders of ImageNet's 1000 classes, but in {self._place} are others ({len(unknown)}):"
                f" {listed(unknown)}. Move them away."
            )
        return wnids

    def _left_packed(self) -> dict[str, list[str]]:
        """What an unpacking that was interrupted leaves: archives of classes, and class folders without an image."""
        numbers, filled = imagenet.class_indices(), set(self.class_indices)
        full = {wnid for wnid in self._wnids if numbers[wnid] in filled}
        packed = [name for name in with_suffix(visible(self._place), (".tar",)) if stem(name) in numbers]
        return {
            "Archives of classes that are not unpacked": [name for name in packed if stem(name) not in full],
            "Class folders without an image": [f"{wnid}/" for wnid in self._wnids if wnid not in full],
        }

    def _without_folders(self) -> str:
        """What there is in place of class folders, and what makes them of it."""
        names = visible(self._place)
        if packed := with_suffix(names, (".tar",)):
            unpack = "unpack each into a folder of its name (docs/ilsvrc2012.md)."
            return f" {len(packed)} archives such as {packed[0]} lie there: {unpack}"
        if loose := with_suffix(names, SUFFIXES):
            return (
                f" {len(loose)} images such as {loose[0]} lie there side by side. If they are ILSVRC2012's validation images, the"
                " lines in docs/ilsvrc2012.md sort them into class folders by the devkit's ground truth."
            )
        return self._hint()

    def _hint(self) -> str:
        """What else could be meant, by what lies in the folder."""
        try:
            found = _folders(self.folder)
            if any(_WNID.fullmatch(name) for name in found):
                return " Class folders lie in the root itself: dataset.split=null."
            splits = [name for name in found if any(_WNID.fullmatch(inner) for inner in _folders(self.folder / name))]
        except OSError:
            return ""
        return f" Class folders lie in: dataset.split={' or '.join(splits)}." if splits else ""

    def _files(self, wnid: str) -> Iterator[str]:
        return iter(with_suffix(visible(self._place / wnid), SUFFIXES))


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as found:
        return sorted(entry.name for entry in found if entry.is_dir())
