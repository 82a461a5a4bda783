"""A layer's kernel, transformed by machine code into the order of memory in which it is multiplied."""

import functools
from pathlib import Path

import torch
from torch import Tensor

from pcsweep.network.convolution import geometry as taps_of
from pcsweep.network.convolution.geometry import Kernel, kernel_cells
from pcsweep.network.convolution.native import library, products, transforms
from pcsweep.network.convolution.native.kept import kept
from pcsweep.network.convolution.native.plan import Plan
from pcsweep.network.convolution.native.transforms import Side, Source
from pcsweep.network.convolution.workspace import fresh


def transformed_kernel(kernel: Kernel, plan: Plan, turned: bool = False) -> Tensor:
    """[frequency][re, im][panel][input channel][output channel of the panel], divided by what transforms there and back multiply.

    A large one is kept in a file (`kept`), and may not be written to.

    Args:
        kernel: of the layer.
        plan: of its transforms.
        turned: whether inputs are below and outputs above, and the kernel is conjugated; else the other way round.
    """
    floats = plan.bytes // 4
    return kept(_name(kernel, plan, turned), floats, lambda: _transformed(kernel, plan, turned)).view(plan.frequencies, 2, -1)


def _name(kernel: Kernel, plan: Plan, turned: bool) -> str:
    """Of all that a transformed kernel follows from."""
    layout = repr((plan, turned, tuple(kernel.shape), torch.__version__, library.lanes()))
    content = kernel.contiguous().view(-1).numpy().data
    return library.identity(layout.encode(), Path(taps_of.__file__).read_bytes(), content)


def _transformed(kernel: Kernel, plan: Plan, turned: bool) -> Tensor:
    geometry, (height, width), lanes = plan.geometry, plan.periods, library.lanes()
    cells = kernel_cells(kernel, geometry).flatten(3)  # (row tap, column tap, above, (row phase, column phase, below))
    cells = cells.transpose(2, 3) if turned else cells  # (row tap, column tap, input, output)
    wide = products.WIDE * lanes
    inputs, outputs = cells.shape[2:]
    panels = cells.reshape(*cells.shape[:3], outputs // wide, wide).transpose(2, 3).contiguous()  # (…, panel, input, output)
    doubled = torch.tensor([transforms.doubled(height, width, each) for each in transforms.frequencies(height, width)])
    scales = 1 / (height * width * doubled**2)  # once of the kernel, once of what it is multiplied with
    both = torch.stack([scales, -scales if turned else scales], 1)  # (frequency, re|im)
    taps = [geometry.height.taps, geometry.width.taps]
    made = fresh((plan.frequencies, 2, inputs * outputs), panels)
    tile = torch.tensor([0, taps[0].start, taps[0].stop, taps[1].start, taps[1].stop])
    blocks = torch.arange(0, wide, lanes)
    origin = taps[0].start * panels.stride(0) + taps[1].start * panels.stride(1)  # floats from the tap 0, 0 to the first one
    _kernels((height, width)).call(
        "analyse",
        inputs * outputs // wide,
        [panels.data_ptr() - 4 * origin, 0, tile.data_ptr(), 1, wide, panels.stride(0), panels.stride(1)]
        + [products.WIDE, blocks.data_ptr(), made.data_ptr(), 2 * inputs * outputs, wide, inputs * outputs, 0, both.data_ptr()],
    )
    return made


def _kernels(periods: tuple[int, int]) -> library.Library:
    """Transforms kernels."""
    sides = Side(periods[0], 0), Side(periods[1], 0)
    define = functools.partial(transforms.analysis, name="analyse", lanes=library.lanes(), sides=sides, source=Source.KERNEL)
    return library.library(f"{library.lanes()} kernels {periods}", define)
