"""The selected images of a dataset: looked through and hashed before a point is planned, decoded before one is computed.

Each is done once per process, whether it succeeds or is refused.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pcsweep.dataset import Dataset, Sample, select
from pcsweep.decoding import decode
from pcsweep.parallel import gathered
from pcsweep.settings import BadSetting, Choice


@lru_cache(maxsize=1)
def load_dataset(choice: Choice) -> Dataset:
    """The dataset, made once per process."""
    dataset: Dataset = choice()
    return dataset


@lru_cache(maxsize=4)
def selection(dataset: Choice, limit: int | None, seed: int) -> tuple[int, ...]:
    """Indices of the selected images."""
    return tuple(select(load_dataset(dataset).class_indices, limit, seed))


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
