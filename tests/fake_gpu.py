"""A GPU that is not there: tensors have shapes, strides and a device, but no memory, and what is asked of the device is watched.

torch's autograd refuses a CUDA device that is not there. What differentiates runs on the device "meta" instead, which has no
memory either, and on which the same is watched.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from pcsweep.pcoder import surround

aten = torch.ops.aten
# What the host cannot go on from before the device has finished, beside copies between the two.
_WAITING = {
    aten._local_scalar_dense,
    aten.equal,
    aten.nonzero,
    aten.masked_select,
    aten.repeat_interleave,
    aten._linalg_eigh,  # looks at what the solver reports
    aten._linalg_svd,
    aten._unique2,
    aten.unique_dim,
}
_MEMORY_ALONE = {
    aten._unsafe_view,
    aten.empty,
    aten.empty_like,
    aten.empty_strided,
    aten.new_empty,
    aten.new_empty_strided,
    aten.set_,
    aten.resize_,
}


class Waits(AssertionError):
    """The host waits for the device."""


class OtherDevice(AssertionError):
    """A tensor of the host meets one of the device."""


@dataclass(eq=False)
class Watched(TorchDispatchMode):
    """What is asked of the device.

    Args:
        device: that is watched.
        strict: whether waiting for the device is an error; what is launched is counted all the same.
        launched: names of the operations that launch something, in order.
        allowed: operations that may wait.
        waits: what has waited while that was no error.
    """

    device: str = "cuda"
    strict: bool = False
    allowed: set[str] = field(default_factory=set)
    launched: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._pinned = WeakIdKeyDictionary()

    @contextmanager
    def strictly(self) -> Iterator[list[str]]:
        """Meanwhile waiting is an error. Hands out what is launched meanwhile."""
        before, self.strict, self.launched = (self.strict, self.launched), True, []
        launched = self.launched
        try:
            yield launched
        finally:
            self.strict, self.launched = before

    def over(self, items: Iterator) -> Iterator:
        """The items, each with what was launched for it; waiting is an error while it is made, not while it is used."""
        while True:
            with self.strictly() as launched:
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item, launched

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        devices = {tensor.device.type for tensor in given}
        if func.overloadpacket is aten._pin_memory:
            made = args[0].clone()
            self._pinned[made] = True
            return made
        if func.overloadpacket is aten.is_pinned:
            return args[0] in self._pinned
        if kwargs.get("pin_memory"):
            made = func(*args, **{**kwargs, "pin_memory": False})
            self._pinned[made] = True
            return made
        if func.overloadpacket is torch.ops.prim.device:
            return func(*args, **kwargs)
        self._look(func, given, devices, args, kwargs)
        made = self._made(func, args, kwargs)
        made_on = {leaf.device.type for leaf in tree_leaves(made) if isinstance(leaf, Tensor)}
        if self.device in devices | made_on and not _is_view(func) and func.overloadpacket not in _MEMORY_ALONE:
            self.launched.append(_name(func))
        return made

    @staticmethod
    def _made(func, args, kwargs):
        """What has to be known for it, nothing without memory can say: all are found, and what is copied out is anything."""
        if func.overloadpacket is aten.nonzero:
            return args[0].new_empty((args[0].numel(), args[0].ndim), dtype=torch.int64)
        if func.overloadpacket is aten._to_copy and args[0].device.type == "meta" and kwargs.get("device") == torch.device("cpu"):
            return torch.zeros(args[0].shape, dtype=args[0].dtype, device="cpu")
        return func(*args, **kwargs)

    def _look(self, func, given, devices, args, kwargs) -> None:
        copies = func.overloadpacket in (aten._to_copy, aten.copy_)
        target = torch.device(kwargs["device"]).type if kwargs.get("device") is not None else None
        crosses = copies and self.device in devices | {target} and "cpu" in devices | {target}
        if crosses:
            asynchronous = kwargs.get("non_blocking") or (func.overloadpacket is aten.copy_ and args[2:3] == (True,))
            on_host = [tensor for tensor in given if tensor.device.type == "cpu"]
            pinned = all(tensor in self._pinned for tensor in on_host) and (on_host or target == self.device)
            if not (asynchronous and pinned):
                self._waits(func, f" from {given[-1].device.type} memory that is not pinned, or without non_blocking")
        elif self.device in devices and any(tensor.device.type == "cpu" and tensor.ndim for tensor in given):
            raise OtherDevice(f"{func} of {[(tensor.device.type, tuple(tensor.shape)) for tensor in given]}")
        elif self.device in devices and (func.overloadpacket in _WAITING or _is_by_mask(func, args)):
            self._waits(func)

    def _waits(self, func, why: str = "") -> None:
        name = _name(func)
        if self.strict and name not in self.allowed:
            raise Waits(name + why)
        self.waits.append(name)


def _name(func) -> str:
    return str(func.overloadpacket).removeprefix("aten.")


def _is_by_mask(func, args) -> bool:
    """Whether it chooses by a mask, whose size the host has to know."""
    if func.overloadpacket not in (aten.index, aten.index_put, aten.index_put_):
        return False
    return any(index is not None and index.dtype == torch.bool for index in args[1])


def _is_view(func) -> bool:
    """Whether it makes views, or nothing at all: every result shares the memory of an argument that it does not write to."""
    returned = func._schema.returns
    return all(each.alias_info is not None and not each.alias_info.is_write for each in returned)


@contextmanager
def without_memory() -> Iterator[Watched]:
    """What is asked of the device "meta" is watched."""
    without_autocast = (
        patch("torch.autocast", lambda *_, **__: nullcontext()),
        patch("torch.is_autocast_enabled", lambda *_: False),
    )
    with without_autocast[0], without_autocast[1], Watched("meta") as watched:
        try:
            yield watched
        finally:
            _forget()


@contextmanager
def fake_gpu() -> Iterator[Watched]:
    """Tensors made meanwhile have no memory, and may be on the device "cuda"."""
    there: Callable[..., bool] = lambda *_, **__: True  # noqa: E731
    with (
        patch("torch.cuda.amp.common.amp_definitely_not_available", lambda: False),  # or autocast switches itself off
        patch("torch.cuda.is_bf16_supported", there),
        warnings.catch_warnings(),
        FakeTensorMode(),
        Watched() as watched,
    ):
        warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
        try:
            yield watched
        finally:
            _forget()


def _forget() -> None:
    """Tensors without memory are of no use to others."""
    for kept in (surround._annulus_on, surround._mirrored_on):
        kept.cache_clear()
