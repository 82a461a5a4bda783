"""Between the host and a device: copies that let the host go on, through memory that the device reads and writes by itself."""

from collections.abc import Sequence

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor there. On a GPU the copy is only ordered; whatever is ordered after it finds it done."""
    if device.type == "cpu" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


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
