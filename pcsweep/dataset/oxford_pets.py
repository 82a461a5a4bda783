"""Oxford-IIIT Pet: cats and dogs of 37 breeds with trimaps (Parkhi et al. 2012, *Cats and Dogs*)."""

import logging
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from pcsweep.dataset.read import imagenet
from pcsweep.dataset.read.image_files import Entry, ImageFiles, absent, check
from pcsweep.dataset.read.lists import lines
from pcsweep.dataset.read.masks import IGNORED, OBJECT, OTHER, Mask, Regions, greys
from pcsweep.dataset.read.picture_files import FORMATS, decoded
from pcsweep.dataset.read.places import elsewhere, lacking
from pcsweep.machine.threads import listed

# Breeds that are a class of ImageNet-1k, by their images' names in words. No breed stands in for another: American Bulldog,
# Havanese, Shiba Inu and nine of the twelve cats have no class.
WNIDS = {
    "American Pit Bull Terrier": "n02093428",  # ImageNet lists it as a name of its American Staffordshire terrier
    "Basset Hound": "n02088238",
    "Beagle": "n02088364",
    "Boxer": "n02108089",
    "Chihuahua": "n02085620",
    "Egyptian Mau": "n02124075",  # ImageNet: Egyptian cat
    "English Cocker Spaniel": "n02102318",
    "English Setter": "n02100735",
    "German Shorthaired": "n02100236",
    "Great Pyrenees": "n02111500",
    "Japanese Chin": "n02085782",  # ImageNet: Japanese spaniel, an older name
    "Keeshond": "n02112350",
    "Leonberger": "n02111129",
    "Miniature Pinscher": "n02107312",
    "Newfoundland": "n02111277",
    "Persian": "n02123394",
    "Pomeranian": "n02112018",
    "Pug": "n02110958",
    "Saint Bernard": "n02109525",
    "Samoyed": "n02111889",
    "Scottish Terrier": "n02097298",
    "Siamese": "n02123597",
    "Staffordshire Bull Terrier": "n02093256",
    "Wheaten Terrier": "n02098105",  # ImageNet: soft-coated wheaten terrier, the breed's full name
    "Yorkshire Terrier": "n02094433",
}
_REGIONS = np.array([OTHER, OBJECT, OTHER, IGNORED], dtype=np.uint8)  # of trimap values 1 pet, 2 background, 3 border
_VALUES = {1, 2, 3}

# Of the published archive, the files that readers report as broken or as other than JPEG. Most can be read; those that are not
# whole are left out. No other file is.
_KNOWN = frozenset(
    {f"Egyptian_Mau_{number}" for number in (14, 139, 145, 156, 167, 177, 186, 191)}
    | {"Abyssinian_5", "Abyssinian_34", "chihuahua_121", "beagle_116"}
)

_FOLDER = "oxford-iiit-pet"
_IMAGES, _TRIMAPS = f"{_FOLDER}/images", f"{_FOLDER}/annotations/trimaps"
_LINE = re.compile(r"(\S+_\d+)\s+\d+\s+\d+\s+\d+")  # of a split: the image, and numbers of class, species and breed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class OxfordPets(ImageFiles):
    """Images of the breeds that ImageNet-1k has; the border of the trimap is left out of every metric.

    The archive holds some images in GIF and BMP under names that end in .jpg: here these formats are read, too.

    Args:
        split: `trainval` or `test`.

    Raises:
        ValueError: see `ImageFiles`; no such dataset in `root`.
    """

    formats: ClassVar[Sequence[str]] = (*FORMATS, "GIF", "BMP")

    split: Literal["trainval", "test"] = "test"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Those of ImageNet's 1000 classes."""
        return imagenet.class_names()

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Of every image of a mapped breed, in the order of the split's list; the category is the breed."""
        self._check_place()
        names = [line[1] for line in lines(self.folder / self._list, _LINE, "basset_hound_10 4 2 1")]
        found = [(self.folder / _IMAGES / f"{name}.jpg", self.folder / _TRIMAPS / f"{name}.png", _breed(name)) for name in names]
        used = [(image, mask, breed) for image, mask, breed in found if breed in WNIDS]
        _say_left_out([breed for _, _, breed in found if breed not in WNIDS], len(found))
        problems = {"Missing images": [image for image, _, _ in used], "Missing trimaps": [mask for _, mask, _ in used]}
        check(self.folder, {what: absent(paths, self.folder) for what, paths in problems.items()})
        used = self._whole(used)
        indices = imagenet.class_indices()
        return tuple(Entry(image.stem, image, mask, indices[WNIDS[breed]], breed) for image, mask, breed in used)

    @property
    def _list(self) -> str:
        return f"{_FOLDER}/annotations/{self.split}.txt"

    def _check_place(self) -> None:
        """That images, trimaps and the split's list are there."""
        parts = [_IMAGES, _TRIMAPS, self._list]
        missing = lacking(self.folder, parts)
        if not missing:
            return
        advice = elsewhere(self.folder, parts)
        if not advice and not lacking(self.folder, ["images", "annotations"]):
            advice = f" images/ and annotations/ lie in it themselves: move both into {self.folder / _FOLDER}/."
        if not advice and _IMAGES in missing and _TRIMAPS in missing:
            advice = (
                " torchvision fetches all of it: python -c 'from torchvision.datasets import OxfordIIITPet;"
                f' OxfordIIITPet("{self.folder}", download=True)\''
            )
        raise ValueError(
            f"Expected `dataset.root` to be the folder that holds `{_FOLDER}/` with what images.tar.gz and annotations.tar.gz"
            f" hold, but {self.folder} lacks {', '.join(missing)}.{advice}"
        )

    def _whole(self, found: Sequence[tuple[Path, Path, str]]) -> list[tuple[Path, Path, str]]:
        """Without the images of `_KNOWN` that are not whole, which the log names."""
        broken = []
        for image, _, _ in found:
            if image.stem in _KNOWN:
                try:
                    decoded(image, self.formats)
                except ValueError:
                    broken.append(image.stem)
        if broken:
            _log.info(
                "Left out %d of %d images, which are known to be broken in the published archive: %s",
                len(broken),
                len(found),
                ", ".join(broken),
            )
        return [each for each in found if each[0].stem not in broken]

    def regions(self, entry: Entry, mask: Mask) -> Regions:
        """1 is the pet, 2 the background, 3 the border: of a palette whose colours are these greys the grey, else the index.

        Raises:
            ValueError: any other value.
        """
        trimap = mask.values
        if mask.kind == "palette" and (levels := greys(mask)) and set(levels.values()) <= _VALUES:
            trimap = mask.recoloured(levels)
        if mask.kind not in ("grey", "palette") or not np.isin(trimap, list(_VALUES)).all():
            got = f"{mask.described} with {listed([str(k) for k in np.unique(trimap)])}"
            raise ValueError(f"Expected {entry.mask} to be a trimap of the values 1, 2 and 3, but got {got}.")
        regions: Regions = _REGIONS[trimap]
        return regions


def _breed(name: str) -> str:
    """Of an image, as its name has it: the numbers beside it in the list are others once a breed is taken out."""
    return name.rpartition("_")[0].replace("_", " ").title()


def _say_left_out(breeds: list[str], total: int) -> None:
    if breeds:
        counts = ", ".join(f"{breed} ({count})" for breed, count in sorted(Counter(breeds).items()))
        _log.info("Left out %d of %d images, of breeds that ImageNet-1k does not have: %s", len(breeds), total, counts)
