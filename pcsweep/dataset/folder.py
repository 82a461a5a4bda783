"""A folder of your own images: images/, masks/ and labels.csv."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pcsweep.image_files import SUFFIXES, Entry, ImageFiles, check
from pcsweep.masks import Mask, Regions, regions_by_value

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
        images, masks = _files(self.folder / "images", SUFFIXES), _files(self.folder / "masks", (".png",))
        listed = {row.image for row in rows}
        stems = [Path(name).stem for name in images]
        check(
            self.folder,
            {
                "Images of labels.csv that are not in images/": [row.image for row in rows if row.image not in set(images)],
                "Images listed more than once in labels.csv": _repeated([row.image for row in rows]),
                "Images without a row in labels.csv": [name for name in images if name not in listed],
                "Images that differ only in their suffix": _repeated(stems),
                "Images without a mask": [
                    name for name, stem in zip(images, stems, strict=True) if f"{stem}.png" not in set(masks)
                ],
                "Masks without an image": [name for name in masks if Path(name).stem not in set(stems)],
            },
        )
        return tuple(self._entry(row) for row in rows)

    def _entry(self, row: _Row) -> Entry:
        stem = Path(row.image).stem
        image, mask = self.folder / "images" / row.image, self.folder / "masks" / f"{stem}.png"
        return Entry(stem, image, mask, row.class_index, row.category)

    def regions(self, entry: Entry, mask: Mask) -> Regions:
        """See `regions_by_value`."""
        return regions_by_value(mask, self.ignore_value)


def _files(folder: Path, suffixes: Sequence[str]) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith("."))


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _rows(path: Path) -> list[_Row]:
    """Of labels.csv.

    Raises:
        ValueError: no such file, other columns, a row that does not fit them, or a class that is no whole number from 0; names
            the line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey="", strict=True)
            header = reader.fieldnames or []
            if set(header) not in _HEADERS or len(set(header)) != len(header):
                raise ValueError(
                    f"Expected {path} to have the columns image, class_index and, if any, category, but got {header}."
                )
            return [_row(path, reader.line_num, record) for record in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"Expected {path} to be a table with the columns image and class_index, but: {reason}.") from error


def _row(path: Path, line: int, record: dict[str, str | list[str] | None]) -> _Row:
    values = [value for value in record.values() if isinstance(value, str)]
    if len(values) != len(record):
        raise ValueError(f"Expected line {line} of {path} to have as many values as the header, but got {record}.")
    image, label = str(record["image"]), str(record["class_index"]).strip()
    if not (label.isascii() and label.isdigit()):
        raise ValueError(f"Expected class_index in line {line} of {path} to be a whole number from 0, but got {label!r}.")
    return _Row(image, int(label), str(record.get("category") or int(label)))
