"""A folder of your own images: images/, masks/ and labels.csv."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pcsweep.dataset.read.file_names import Lookup, alike, grouped, stem, visible, with_suffix
from pcsweep.dataset.read.image_files import SUFFIXES, Entry, ImageFiles, check
from pcsweep.dataset.read.lists import repeated
from pcsweep.dataset.read.masks import Mask, Regions, regions_by_value
from pcsweep.dataset.read.picture_files import bytes_of

_HEADERS = ({"image", "class_index"}, {"image", "class_index", "category"})


@dataclass(frozen=True)
class _Row:
    image: str
    class_index: int
    category: str


@dataclass(frozen=True, kw_only=True)
class Folder(ImageFiles):
    """Images `images/<name>.<suffix>`, their masks `masks/<name>.png`, their rows `image,class_index[,category]` in labels.csv.

    Args:
        ignore_value: of the mask's pixels that are left out of every metric; all others but 0 are the object.

    Raises:
        ValueError: see `ImageFiles`; images, masks and rows that do not fit together.
    """

    ignore_value: Annotated[int, Field(ge=1, le=65535)] | None = None

    @property
    def class_names(self) -> Sequence[str]:
        """The category of every class up to the largest; its number where there is none or more than one."""
        names: dict[int, set[str]] = {}
        for entry in self.entries:
            names.setdefault(entry.class_index, set()).add(entry.category)
        return [min(names[k]) if len(names.get(k, ())) == 1 else str(k) for k in range(max(names) + 1)]

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Of every image, in the order of labels.csv; its identifier is the file's name without suffix."""
        for part in ("images", "masks"):
            if not (self.folder / part).is_dir():
                raise ValueError(
                    "Expected `dataset.root` to be the folder that holds `images/`, `masks/` and `labels.csv`,"
                    f" but got {self.folder} without `{part}/`."
                )
        rows = _rows(self.folder / "labels.csv")
        there, masks = visible(self.folder / "images"), visible(self.folder / "masks")
        pictures = with_suffix(there, SUFFIXES)
        images = Lookup(pictures)
        found = {row.image: images.find(row.image) for row in rows}
        listed = set(found.values())
        check(
            self.folder,
            {
                **_table_problems(found, there),
                "Images listed more than once in labels.csv": repeated([found[row.image] or row.image for row in rows]),
                "Images without a row in labels.csv": [name for name in pictures if name not in listed],
                **_mask_problems(pictures, masks),
            },
        )
        files = {stem(name): name for name in with_suffix(masks, (".png",))}
        return tuple(self._entry(row, str(found[row.image]), files) for row in rows)

    def _entry(self, row: _Row, image: str, masks: Mapping[str, str]) -> Entry:
        mask = self.folder / "masks" / masks[stem(image)]
        return Entry(Path(row.image.strip()).stem, self.folder / "images" / image, mask, row.class_index, row.category)

    def regions(self, entry: Entry, mask: Mask) -> Regions:
        """See `regions_by_value`."""
        return regions_by_value(mask, self.ignore_value)


def _table_problems(found: Mapping[str, str | None], there: Sequence[str]) -> dict[str, list[str]]:
    """Of the names in labels.csv, with what was found for each, and what there is in images/."""
    missing = [name for name, file in found.items() if file is None]
    pathlike = [name for name in missing if "/" in name or "\\" in name]
    files = Lookup(there)
    of_another_kind = [name for name in missing if files.find(name)]
    said = {*pathlike, *of_another_kind}
    others = [files.hinted(name) for name in missing if name not in said]
    return {
        "Images of labels.csv that are not in images/": others,
        "Names in labels.csv with a folder, where the file's name alone is expected": pathlike,
        "Images whose suffix is none of .jpg, .jpeg and .png, which are read": of_another_kind,
    }


def _mask_problems(images: Sequence[str], masks: Sequence[str]) -> dict[str, list[str]]:
    """Of what there is in images/ and masks/."""
    pngs = with_suffix(masks, (".png",))
    stems, covered, near = grouped(images), grouped(pngs), Lookup(pngs)
    others = [name for name in masks if stem(name) in stems and stem(name) not in covered]
    jpegs = with_suffix(others, (".jpg", ".jpeg"))
    told = {*covered, *map(stem, others)}
    uncovered = [name for name in images if stem(name) not in told]
    return {
        "Images whose names print alike, but are stored in different Unicode forms": alike(images),
        "Images that differ only in their suffix": [name for name, files in stems.items() if len(files) > 1 and not alike(files)],
        "Images without a mask": [near.hinted(f"{os.path.splitext(name)[0]}.png") for name in uncovered],
        "Masks that are JPEG files, which change the numbers in them (save masks as PNG)": jpegs,
        "Masks that are no PNG files": [name for name in others if name not in jpegs],
        "Masks of one image that differ only in their names' case or Unicode form": [
            ", ".join(files) for files in covered.values() if len(files) > 1
        ],
        "Masks without an image": [name for name in pngs if stem(name) not in stems],
    }


def _rows(path: Path) -> list[_Row]:
    """Of labels.csv.

    Raises:
        ValueError: no such file, other columns, a row that does not fit them, or a class that is no whole number from 0; names
            the line.
    """
    try:
        reader = csv.DictReader(io.StringIO(bytes_of(path).decode("utf-8-sig"), newline=""), restkey="", strict=True)
        header = reader.fieldnames or []
    except (ValueError, csv.Error) as error:
        raise _no_table(path, error) from error
    if set(header) not in _HEADERS or len(set(header)) != len(header):
        raise ValueError(f"Expected {path} to have the columns image, class_index and, if any, category, but got {header}.")
    try:
        records = [(reader.line_num, record) for record in reader]
    except csv.Error as error:
        raise _no_table(path, error) from error
    return [_row(path, line, record) for line, record in records]


def _no_table(path: Path, error: Exception) -> ValueError:
    return ValueError(f"Expected {path} to be a table with the columns image and class_index, but: {error}.")


def _row(path: Path, line: int, record: dict[str, str | list[str] | None]) -> _Row:
    values = [value for value in record.values() if isinstance(value, str)]
    if len(values) != len(record):
        raise ValueError(f"Expected line {line} of {path} to have as many values as the header, but got {record}.")
    image, label = str(record["image"]), str(record["class_index"]).strip()
    if not (label.isascii() and label.isdigit()):
        raise ValueError(f"Expected class_index in line {line} of {path} to be a whole number from 0, but got {label!r}.")
    return _Row(image, int(label), str(record.get("category") or int(label)))
