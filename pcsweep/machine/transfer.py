"""Between the host and a device: copies that let the host go on, through memory that the device reads and writes by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor there. On a GPU the copy is only ordered; whatever is ordered after it finds it done."""
    if device.type == "cpu" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@dataclass(frozen=True, eq=False)
class Sent:
    """A tensor on its way to a device.

    Args:
        tensor: there, of which nothing may be read yet.
        reached: by the stream that copies it, when it has arrived; None where it is there already.
    """

    tensor: Tensor
    reached: Any = None

    def arrived(self) -> Tensor:
        """The tensor, for which the device waits before whatever is ordered from now on. The host does not."""
        if self.reached is not None:
            stream = torch.cuda.current_stream(self.tensor.device)
            stream.wait_event(self.reached)
            self.tensor.record_stream(stream)  # its memory is that of the other stream, and is not to be used anew before
        return self.tensor


class Sender:
    """Copies to a device; to a GPU on a stream of their own, while it computes. Threads may share one.

    Args:
        device: where to.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def send(self, tensor: Tensor) -> Sent:
        """Orders the copy."""
        if self._stream is None:
            return Sent(to_device(tensor, self.device))
        with torch.cuda.stream(self._stream):
            there = to_device(tensor, self.device)
            return Sent(there, self._stream.record_event())


def to_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one device, on the host. From a GPU all of one type come in one copy, and the host waits once."""
    if not tensors or not tensors[0].is_cuda:
        return list(tensors)
    found: list[Tensor] = list(tensors)
    copied = []
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        places = [place for place, tensor in enumerate(tensors) if tensor.dtype == dtype]
        together = torch.cat([tensors[place].flatten() for place in places])
        pinned = torch.empty(together.shape, dtype=dtype, pin_memory=True)
        copied.append((places, pinned.copy_(together, non_blocking=True)))
    torch.cuda.current_stream(tensors[0].device).synchronize()
    for places, pinned in copied:
        start = 0
        for place in places:
            stop = start + tensors[place].numel()
            found[place] = pinned[start:stop].view(tensors[place].shape)
            start = stop
    return found
