"""Datasets: one file each, a frozen dataclass of settings that is a sequence of `Sample`s."""

from collections import Counter
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
        category: the dataset's own word for the class, such as ImageNet's wnid or a breed's name.
    """

    image_id: str
    image: Float[Tensor, "3 height width"]
    mask: Bool[Tensor, "height width"]
    ignore: Bool[Tensor, "height width"]
    class_index: int
    category: str


@runtime_checkable
class Images(Protocol):
    """Images with their classes and, for all that is known, without masks: enough to train on, but not to measure on."""

    @property
    def class_names(self) -> Sequence[str]:
        """`class_names[k]` names class k."""
        ...

    @property
    def image_ids(self) -> Sequence[str]:
        """Of every sample, each once."""
        ...

    @property
    def class_indices(self) -> Sequence[int]:
        """Of every sample."""
        ...

    def __len__(self) -> int: ...


@runtime_checkable
class Dataset(Images, Protocol):
    """A sequence of samples, of which much is known before any is decoded.

    Samples hold images of one size with values that are multiples of 1/255, so that 8 bits store them unchanged.
    """

    def digest(self, index: int) -> str:
        """Of the content that the sample is made from, wherever it lies; empty where the settings say all."""
        ...

    def stamp(self, index: int) -> str:
        """Changes where the source of the sample does, such as size and time of its files; empty where there is none."""
        ...

    def __getitem__(self, index: int) -> Sample: ...


@runtime_checkable
class Keeping(Protocol):
    """A dataset that can keep what it has found out of its files for the next process."""

    def keep(self) -> None:
        """Keeps what is new; where that cannot be, it is found out again."""


def select(class_indices: Sequence[int], limit: int | None, seed: int) -> list[int]:
    """The first `limit` indices (`None`: all) of one order of the samples fixed by `seed`; a larger limit only adds images.

    The order takes one sample of every class, then a second of every class that has one, and so on, the classes of each round
    and the samples of each class at random: the numbers of two classes with samples left differ by at most one.

    Args:
        class_indices: the class of every sample.
        limit: how many to take.
        seed: of the order.

    Raises:
        ValueError: `limit` larger than the dataset.
    """
    size = len(class_indices)
    if limit is not None and limit > size:
        raise ValueError(f"Expected `dataset.limit` to be null or at most the dataset's {size} images, but got {limit}.")
    order = np.random.default_rng(seed).permutation(size)
    taken: Counter[int] = Counter()
    rounds = []
    for index in order:
        rounds.append(taken[class_indices[index]])
        taken[class_indices[index]] += 1
    return [int(index) for index in order[np.argsort(rounds, kind="stable")][:limit]]
