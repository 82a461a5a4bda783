"""A recorder on the CPU that does what CUDA's does: notes operations with their places in memory, and does them again there."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Noting(TorchDispatchMode):
    """Keeps every operation with what it was given and what it returned; memory that it writes to is kept as it was before."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list = []
        self.before: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func._schema.is_mutable:
            for tensor in (leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)):
                self.before.append((tensor, tensor.detach().clone()))
        made = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, made))
        return made


class Recording:
    """A recorder.

    Args:
        most: recordings, after which there is no memory for more.
        after_all: whether that shows only when the step's operations have been noted.
    """

    def __init__(self, most: int = 1000, after_all: bool = False) -> None:
        self.recorded, self.replayed, self._most, self._after_all = 0, 0, most, after_all

    def record(self, step):
        if self.recorded == self._most and not self._after_all:
            raise torch.OutOfMemoryError("out of memory\nTried to allocate 1 MiB.")
        with torch.no_grad(), _Noting() as noting:
            step()
        for tensor, values in reversed(noting.before):  # nothing is computed while it is noted
            torch.Tensor.copy_(tensor.detach(), values)
        if self.recorded == self._most:
            raise torch.OutOfMemoryError("out of memory\nTried to allocate 1 MiB.")
        self.recorded += 1
        return lambda: self._replay(noting.operations)

    def _replay(self, operations) -> None:
        self.replayed += 1
        with torch.no_grad():
            for func, args, kwargs, made in operations:
                again = func(*args, **kwargs)
                for place, values in zip(tree_leaves(made), tree_leaves(again), strict=True):
                    if isinstance(place, Tensor) and not place.is_set_to(values):
                        place.copy_(values)
