"""Packs: grid points that differ in their coefficients alone are computed together, and how many rows that takes at once."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from pcsweep import shards
from pcsweep.engine import ROWS
from pcsweep.grid import GridPoint
from pcsweep.model import Model

_MOST = 256  # rows beyond which no device gains
_BYTES = 2 * 2**30  # of all representations and gradients of the rows on a CPU, where nothing is gained by more
_SHARE = 0.25  # of a GPU's free memory for them

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


def packed(points: Sequence[GridPoint], most: int) -> list[list[int]]:
    """The numbers of the points in packs of at most so many, in the order of the first of each."""
    alike: dict[str, list[int]] = {}
    for number, point in enumerate(points):
        alike.setdefault(_but_for_coefficients(point), []).append(number)
    return [numbers[start : start + most] for numbers in alike.values() for start in range(0, len(numbers), most)]


def _but_for_coefficients(point: GridPoint) -> str:
    """All that points of a pack have in common, whether it decides a number or not."""
    settings = {**shards.canonical(point.identified()), "pcoder": None}
    return json.dumps([settings, str(point.settings), str(point.model), str(point.dataset), str(point.cache)], sort_keys=True)


def rows_for(batch_size: int | str, model: Model, image: Tensor) -> int:
    """Images times points that are computed at once: `batch_size`, rounded up to a multiple of eight, or as many as are fast."""
    if isinstance(batch_size, int):
        return math.ceil(batch_size / ROWS) * ROWS
    with torch.no_grad():
        representations = [image[None], *_feedforward(model, image[None])]
    each = 2 * sum(tensor.numel() * tensor.element_size() for tensor in representations)
    room = _SHARE * torch.cuda.mem_get_info(image.device)[0] if image.is_cuda else _BYTES
    return min(_MOST, max(ROWS, int(room / each) // ROWS * ROWS))


def _feedforward(model: Model, images: Tensor) -> list[Tensor]:
    found = [images]
    for stage in model.network.stages:
        found.append(stage(found[-1]))
    return found[1:]


def images_at_once(rows: int, points: int) -> int:
    """How many images share a pass so that the points of a pack fill its rows: a multiple of eight."""
    return ROWS * max(1, rows // (ROWS * points))


def ahead(prepare: Callable[[Item], Prepared], items: Sequence[Item]) -> Iterator[Prepared]:
    """`prepare` of every item, each while the one before it is used."""
    with ThreadPoolExecutor(1) as executor:
        coming = None
        for item in items:
            ready, coming = coming, executor.submit(prepare, item)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()
