"""Memory that is written again and again: fresh memory costs more than what is computed in it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pcsweep.machine.pages import prefer_large_pages


def fresh(shape: Sequence[int], like: Tensor) -> Tensor:
    """An uninitialised tensor of that shape, on a CPU in large pages."""
    made = like.new_empty(*shape)
    if made.device.type == "cpu":
        prefer_large_pages(made.data_ptr(), made.numel() * made.element_size())
    return made


class Workspace:
    """Named buffers that calls use one after the other."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}
        self.allocated = 0  # how often: while this stays the same, every buffer stays where it is

    def take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """An uninitialised tensor of that shape, valid until the next call with that name."""
        key = (name, like.dtype, like.device)
        size = torch.Size(shape).numel()
        if key not in self._buffers or self._buffers[key].numel() < size:
            self._buffers.pop(key, None)  # freed before a larger one is allocated
            self._buffers[key] = fresh((size,), like)
            self.allocated += 1
        return self._buffers[key][:size].view(*shape)

    def result(self, place: str | None, direction: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """Memory for the result of a direction of a layer: in its place, where the next one overwrites it, or of its own."""
        return like.new_empty(*shape) if place is None else self.take(f"{place} {direction}", shape, like)

    def take_maps(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """The same, with the channels of (batch, channels, height, width) last in memory."""
        if len(shape) != 4:
            return self.take(name, shape, like)
        batch, channels, height, width = shape
        return self.take(name, (batch, height, width, channels), like).permute(0, 3, 1, 2)
