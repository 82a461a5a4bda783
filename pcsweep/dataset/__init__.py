"""Datasets: one file each, a frozen dataclass of settings that is a sequence of `Sample`s."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sample:
    """One image, its object's mask and its class.

    Args:
        image_id: names the image within its dataset; seeds its noise.
        image: values in [0, 1].
        mask: where the object of the class is.
        ignore: pixels left out of every metric.
        class_index: 0-based, in the numbering of the model's logits.
    """

    image_id: str
    image: Float[Tensor, "3 height width"]
    mask: Bool[Tensor, "height width"]
    ignore: Bool[Tensor, "height width"]
    class_index: int


@runtime_checkable
class Dataset(Protocol):
    """A sequence of samples; `class_names[k]` names class k."""

    @property
    def class_names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def select(size: int, limit: int | None, seed: int) -> list[int]:
    """The first `limit` indices (`None`: all) of one order of 0..size-1 fixed by `seed`; a larger limit only adds images.

    Raises:
        ValueError: `limit` larger than the dataset.
    """
    if limit is not None and limit > size:
        raise ValueError(f"Expected `dataset.limit` to be null or at most the dataset's {size} images, but got {limit}.")
    order = np.random.default_rng(seed).permutation(size)
    return [int(index) for index in order[:limit]]
