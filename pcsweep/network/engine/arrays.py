"""Tensors in pieces and in place.

A *row* is one image at one grid point: the tensors of several points are (points · images, …), with the images of a point side by
side. What all points share has a row per image alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pcsweep.network.convolution.workspace import fresh

ROWS = 8  # images in multiples of these have bits that do not depend on their company, whatever the library


def slices(start: int, stop: int, step: int) -> Iterator[slice]:
    """From start to stop in steps."""
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


def by_point(rows: slice, images: int) -> Iterator[tuple[int, slice]]:
    """Cuts consecutive rows where one point ends and the next begins: (number of the point, its rows)."""
    start = rows.start
    while start < rows.stop:
        point = start // images
        stop = min(rows.stop, (point + 1) * images)
        yield point, slice(start, stop)
        start = stop


@dataclass(frozen=True)
class Distinct:
    """Which rows have to be computed: of each point's images the first ones, since all others are copies of the last of these.

    Args:
        images: of a point, copies included.
        count: without the copies, at least one unless there are no images.
    """

    images: int
    count: int

    def parts(self, rows: slice, step: int, together: int) -> Iterator[slice]:
        """Cuts consecutive rows into calls of at most `step`, without copies.

        Args:
            rows: which.
            step: rows.
            together: of so many rows, counted from the first of a point, all are computed or none.
        """
        if self.count == self.images:
            yield from slices(rows.start, rows.stop, step)
            return
        needed = min(self.images, -(-self.count // together) * together)
        for point, piece in by_point(rows, self.images):
            yield from slices(piece.start, min(piece.stop, point * self.images + needed), step)

    def repeat(self, maps: Tensor) -> None:
        """Writes the copies of each point's rows, (points · images, …)."""
        if self.count != self.images:
            each = maps.view(-1, self.images, *maps.shape[1:])  # (points, images, …)
            each[:, self.count :] = each[:, self.count - 1 : self.count]


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive rows, or what all points share.

    Args:
        tensor: (rows, …), or (images, …) if shared.
        first: number of its first row; `None` if all points share it.
    """

    tensor: Tensor
    first: int | None

    def at(self, rows: slice, images: int) -> Tensor:
        """Some of its rows, all of one point: (rows, …)."""
        first = rows.start % images if self.first is None else rows.start - self.first
        return self.tensor[first : first + rows.stop - rows.start]


def weighted_sum(terms: Sequence[tuple[float, Tensor]], out: Tensor) -> None:
    """Σ weight · tensor into `out`, which may be the first of the tensors.

    A weight of one copies to the bit; without terms the sum is zero.
    """
    if not terms:
        out.zero_()
        return
    weight, first = terms[0]
    if not _is_same_memory(first, out):
        out.copy_(first) if weight == 1 else torch.mul(first, weight, out=out)
    elif weight != 1:
        out.mul_(weight)
    for weight, tensor in terms[1:]:
        out.add_(tensor, alpha=weight)


def _is_same_memory(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage() is other.untyped_storage() and bool(one.storage_offset() == other.storage_offset())


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """New memory; maps (batch, channels, height, width) have their channels last in it."""
    if len(shape) == 4:
        return fresh((shape[0], shape[2], shape[3], shape[1]), like).permute(0, 3, 1, 2)
    return fresh(shape, like)


def channels_last(module: nn.Module) -> None:
    """Lays the kernels of a module's convolutions channels last in memory; those that are so already stay where they are."""
    for parameter in module.parameters():
        if parameter.ndim == 4 and not parameter.is_contiguous(memory_format=torch.channels_last):
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
