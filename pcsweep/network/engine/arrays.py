"""Tensors in pieces and in place."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


def weighted_sum(terms: Sequence[tuple[float, Tensor]], out: Tensor) -> None:
    """Σ weight · tensor into `out`, which may be the first of the tensors.

    A weight of one copies to the bit; without terms the sum is zero.
    """
    if not terms:
        out.zero_()
        return
    weight, first = terms[0]
    if first.data_ptr() != out.data_ptr():
        out.copy_(first) if weight == 1 else torch.mul(first, weight, out=out)
    elif weight != 1:
        out.mul_(weight)
    for weight, tensor in terms[1:]:
        out.add_(tensor, alpha=weight)


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """New memory, channels last for maps."""
    if len(shape) == 4:
        return like.new_empty(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2)
    return like.new_empty(*shape)


def slices(start: int, stop: int, step: int) -> Iterator[slice]:
    """From start to stop in steps."""
    for first in range(start, stop, max(1, step)):
        yield slice(first, min(first + step, stop))
