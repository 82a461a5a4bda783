"""The selected images of a dataset: looked through and hashed before a point is planned, decoded before one is computed.

Each is done once per process, whether it succeeds or is refused.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import Choice
from pcsweep.dataset import Dataset, Sample, select
from pcsweep.dataset.read.decoding import decode
from pcsweep.machine.threads import gathered


@lru_cache(maxsize=1)
def load_dataset(choice: Choice) -> Dataset:
    """The dataset, made once per process."""
    dataset: Dataset = choice()
    return dataset


@lru_cache(maxsize=4)
def selection(dataset: Choice, limit: int | None, seed: int) -> tuple[int, ...]:
    """Indices of the selected images."""
    return tuple(select(load_dataset(dataset).class_indices, limit, seed))


@lru_cache(maxsize=4)
def first_sample(dataset: Choice, limit: int | None, seed: int) -> Sample:
    """The first selected image, decoded.

    Raises:
        BadSetting: it or others cannot be used; all of them are named.
    """
    try:
        return load_dataset(dataset)[selection(dataset, limit, seed)[0]]
    except ValueError as error:
        described(dataset, limit, seed)
        raise BadSetting(str(error)) from error


def check_objects(dataset: Choice, limit: int | None, seed: int) -> None:
    """That one of the images shows its object at least.

    Raises:
        BadSetting: none does, so that every metric would be undefined; says why.
    """
    if why := _without_objects(dataset, limit, seed):
        raise BadSetting(why)


@lru_cache(maxsize=4)
def _without_objects(dataset: Choice, limit: int | None, seed: int) -> str:
    """Empty as soon as an image with an object is found, which is the first, as a rule."""
    made, indices = load_dataset(dataset), selection(dataset, limit, seed)
    hidden, empty = 0, 0
    for place, index in enumerate(indices):
        try:
            sample = made[index] if place else first_sample(dataset, limit, seed)
        except ValueError:  # said where the images are looked through or decoded
            return ""
        if bool((sample.mask & ~sample.ignore).any()):
            return ""
        hidden, empty = hidden + bool(sample.ignore.any()), empty + (not sample.ignore.any())
    value = dataset.arguments.get("ignore_value")
    ignored = "" if value is None else f" (`dataset.ignore_value` is {value})"
    reasons = [f"in {hidden} all that is no background is left out of every metric{ignored}"] if hidden else []
    reasons += [f"in {empty} the mask is empty, or its object lies outside the square that is cut out"] if empty else []
    return (
        "Expected images that show their objects, without which every metric is undefined,"
        f" but of the {len(indices)} selected images none does: {', '.join(reasons)}."
    )


def described(dataset: Choice, limit: int | None, seed: int) -> dict[str, Any]:
    """How many images, and a hash of which ones, of which class and content.

    Raises:
        BadSetting: files that cannot be used, all of them named.
    """
    found = _hashed(dataset, limit, seed)
    if isinstance(found, str):
        raise BadSetting(found)
    return {"count": len(selection(dataset, limit, seed)), "images_sha256": found.hex()}


def samples_of(choice: Choice, indices: tuple[int, ...], cache: Path | None) -> Sequence[Sample]:
    """The selected samples, decoded.

    Raises:
        BadSetting: images that cannot be used, all of them named.
    """
    found = _decoded(choice, indices, cache)
    if isinstance(found, str):
        raise BadSetting(found)
    return found


@lru_cache(maxsize=4)
def _hashed(dataset: Choice, limit: int | None, seed: int) -> bytes | str:
    """The hash, or why there is none."""
    made, indices = load_dataset(dataset), selection(dataset, limit, seed)
    try:
        digests = list(gathered(made.digest, indices, "hashing images"))
    except ValueError as error:
        return str(error)
    named = zip(indices, digests, strict=True)
    text = "\n".join(f"{made.class_indices[index]} {made.image_ids[index]} {content}" for index, content in named)
    return hashlib.sha256(text.encode()).digest()


@lru_cache(maxsize=1)
def _decoded(choice: Choice, indices: tuple[int, ...], cache: Path | None) -> Sequence[Sample] | str:
    """The samples, or why there are none."""
    try:
        return decode(load_dataset(choice), indices, choice.describe(), cache)
    except ValueError as error:
        return str(error)
