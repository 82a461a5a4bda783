"""Packs: grid points that differ in their coefficients alone are computed together, and how many rows that takes at once."""

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from pcsweep.machine.memory import limit
from pcsweep.network import PredictiveNetwork
from pcsweep.network.convolution.choice import timed
from pcsweep.network.engine.run import ROWS
from pcsweep.pcoder.rule import UpdateRule, Values

_MOST = 512  # rows beyond which no device gains
_BYTES = 7 * 2**28  # of all representations and gradients of the rows on a CPU, where nothing is gained by more
_STATE_SHARE = 8  # and they take at most one in so many bytes of the memory that there is
_GAIN = 1.05  # below which twice the rows are not worth their memory

# How torch says it on a CPU, and the libraries that it calls on a GPU, in a RuntimeError.
_ALLOCATOR = re.compile(
    r"DefaultCPUAllocator|can't allocate memory|not enough memory|CUDA out of memory|_ALLOC_FAILED|could not create a primitive"
)
_log = logging.getLogger(__name__)

Point = tuple[UpdateRule, Sequence[Values]]  # a rule and its coefficients, pcoder by pcoder
Item = TypeVar("Item")
Made = TypeVar("Made")
Prepared = TypeVar("Prepared")


def rows_for(batch_size: int | str, network: PredictiveNetwork, image: Tensor, point: Point) -> int:
    """Images times points that are computed at once: `batch_size`, rounded up to a multiple of eight, or with `auto` the fastest.

    On a CPU that is what the memory for states allows, since nothing is gained by more; on a GPU it is measured.

    Args:
        batch_size: a number, or `auto`.
        network: on the image's device.
        image: any (3, height, width).
        point: a typical one.
    """
    if isinstance(batch_size, int):
        return math.ceil(batch_size / ROWS) * ROWS
    if image.is_cuda:
        return fastest_rows(partial(_rate, network, image, point))
    state = [image, *network.outline(image[None])[:-1]]
    each = 2 * sum(tensor.numel() * tensor.element_size() for tensor in state)
    return min(_MOST, max(ROWS, min(_BYTES, limit() // _STATE_SHARE) // each // ROWS * ROWS))


def as_memory_allows(rows: int, compute: Callable[[int], Made]) -> tuple[int, Made]:
    """Computes with so many rows at once, and again with half of them as long as memory does not suffice.

    Rows never change a result.

    Args:
        rows: a multiple of eight, which is the least.
        compute: with so many rows.

    Returns:
        The number of rows that it took, and what was computed.
    """
    while True:
        try:
            return rows, compute(rows)
        except Exception as error:
            if rows <= ROWS or not is_out_of_memory(error):
                raise
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
        # After the error, which holds what has been computed.
        fewer = max(ROWS, rows // 2 // ROWS * ROWS)
        _log.warning("Memory does not suffice for %d rows at once (%s); computed again with %d.", rows, why, fewer)
        rows = fewer
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or what has led to it, is for want of memory: Python's own, a GPU's, or that of torch's allocator."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError | torch.OutOfMemoryError) or _ALLOCATOR.search(str(cause)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def fastest_rows(rate: Callable[[int], float]) -> int:
    """Doubles the rows for as long as that makes them faster and memory suffices.

    Args:
        rate: rows per second with that many rows at once; raises `torch.OutOfMemoryError` where they do not fit.
    """
    rows, best = ROWS, rate(ROWS)
    while 2 * rows <= _MOST:
        try:
            found = rate(2 * rows)
        except torch.OutOfMemoryError:
            break
        if found < _GAIN * best:
            break
        rows, best = 2 * rows, found
    return rows


@torch.no_grad()
def _rate(network: PredictiveNetwork, image: Tensor, point: Point, rows: int) -> float:
    images, (rule, numbers) = image.expand(rows, -1, -1, -1).contiguous(), point

    def trial() -> None:
        for moment in network.moments(images, rule, [numbers], 1, rows):
            network.head(moment.representations[-1])

    return rows / timed(trial)


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
