"""Layers of stride 1 onto very few channels, such as the one onto the image, tap by tap in machine code.

A transform would move more floats than the taps multiply. Forward, the lanes of a sum are channels above, which are added up in
the end; in the adjoint they are the results.
"""

import functools
import math
from enum import IntEnum, auto

import torch
from llvmlite import ir
from torch import Tensor
from torch.nn import functional

from pcsweep.network.convolution.geometry import Above, Below, Geometry, Kernel
from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.emit import FLOAT, I64, POINTER, Emitter, function
from pcsweep.network.convolution.native.products import transposed
from pcsweep.network.convolution.workspace import Workspace

_PIXELS = 8  # computed at once
_MOST = 3  # channels below
_WIDE = 2  # vectors of channels above that the adjoint computes at once


class Narrow(IntEnum):
    """What the functions get, in an array of 64-bit words."""

    MAP = 0  # address: (image, height, width, channel); in the adjoint with zeros around it
    KERNEL = auto()  # address: (row tap, column tap, vector, below, lane), in the adjoint (row tap, column tap, below, above)
    OUT = auto()  # address: (image, height, width, channel)
    HEIGHT = auto()  # of the map
    WIDTH = auto()
    ROWS = auto()  # of the result
    COLUMNS = auto()  # a multiple of the pixels computed at once
    TAPS = auto()  # rows of the kernel
    COLUMN_TAPS = auto()
    TOP = auto()  # padding
    LEFT = auto()
    BIAS = auto()  # address of a float for each channel of the result
    LEAST = auto()  # address of a float: no result is less
    ZEROS = auto()  # address of a zero for each channel of the map
    ABOVE = auto()  # channels


def forward(module: ir.Module, name: str, lanes: int, vectors: int, below: int) -> None:
    """Defines `name(words, number)`, which computes a row of an image of the transposed convolution.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
        vectors: of channels above.
        below: channels.
    """
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    height, width, rows, columns = (emit.word(words, each) for each in (Narrow.HEIGHT, Narrow.WIDTH, Narrow.ROWS, Narrow.COLUMNS))
    image, row = builder.sdiv(number, rows), builder.srem(number, rows)
    given, zeros = emit.pointer(words, Narrow.MAP), emit.pointer(words, Narrow.ZEROS)
    kernel, bias = emit.pointer(words, Narrow.KERNEL), emit.pointer(words, Narrow.BIAS)
    least = emit.splat(builder.load(emit.pointer(words, Narrow.LEAST), typ=FLOAT))
    out = emit.at(emit.pointer(words, Narrow.OUT), emit.times(emit.times(number, columns), below))
    above, count = vectors * lanes, _PIXELS * below
    column_taps = emit.word(words, Narrow.COLUMN_TAPS)
    sums = [emit.variable() for _ in range(count)]  # pixel by pixel, channel by channel
    with emit.loop(0, builder.sdiv(columns, emit.integer(_PIXELS))) as group:
        first = emit.times(group, _PIXELS)
        for each in sums:
            builder.store(emit.zeros, each)
        with emit.loop(0, emit.word(words, Narrow.TAPS)) as tap:
            source_row = emit.sum(row, emit.word(words, Narrow.TOP), emit.times(tap, -1))
            from_row = emit.times(emit.sum(emit.times(image, height), source_row), width)
            with builder.if_then(_is_within(emit, source_row, height)), emit.loop(0, column_taps) as column_tap:
                weights = emit.at(kernel, emit.times(emit.sum(emit.times(tap, column_taps), column_tap), above * below))
                sources = []
                for pixel in range(_PIXELS):
                    column = emit.sum(first, pixel, emit.word(words, Narrow.LEFT), emit.times(column_tap, -1))
                    there = emit.at(given, emit.times(emit.sum(from_row, column), above))
                    sources.append(builder.select(_is_within(emit, column, width), there, zeros))
                for vector in range(vectors):
                    factors = [emit.load(weights, (vector * below + each) * lanes) for each in range(below)]
                    for pixel, source in enumerate(sources):
                        value = emit.load(source, vector * lanes)
                        for factor, total in zip(factors, sums[pixel * below : (pixel + 1) * below], strict=True):
                            builder.store(emit.multiplied_added(value, factor, builder.load(total)), total)
        for start in range(0, count, lanes):
            part = [builder.load(sums[each]) if each < count else emit.zeros for each in range(start, start + lanes)]
            total = functools.reduce(builder.fadd, transposed(emit, part))
            total = builder.fadd(total, emit.load(bias, start))
            total = builder.select(builder.fcmp_ordered("<", total, least), least, total)
            for each in range(min(lanes, count - start)):
                value = builder.extract_element(total, ir.Constant(ir.IntType(32), each))
                builder.store(value, emit.at(out, emit.sum(emit.times(first, below), start + each)))
    builder.ret_void()


def _is_within(emit: Emitter, place: ir.Value, size: ir.Value) -> ir.Value:
    """Whether 0 ≤ place < size."""
    return emit.builder.icmp_unsigned("<", place, size)


def adjoint(module: ir.Module, name: str, lanes: int, below: int) -> None:
    """Defines `name(words, number)`, which computes a row of an image of the adjoint, of two vectors of channels at a time.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
        below: channels.
    """
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    names = (Narrow.HEIGHT, Narrow.WIDTH, Narrow.ROWS, Narrow.COLUMNS, Narrow.COLUMN_TAPS, Narrow.ABOVE)
    height, width, rows, columns, column_taps, above = (emit.word(words, each) for each in names)
    image, row = builder.sdiv(number, rows), builder.srem(number, rows)
    given, kernel, bias = (emit.pointer(words, each) for each in (Narrow.MAP, Narrow.KERNEL, Narrow.BIAS))
    out = emit.at(emit.pointer(words, Narrow.OUT), emit.times(emit.times(number, columns), above))
    sums = [emit.variable() for _ in range(_PIXELS * _WIDE)]  # pixel by pixel
    with emit.loop(0, builder.sdiv(columns, emit.integer(_PIXELS))) as group:
        first = emit.times(group, _PIXELS)
        with emit.loop(0, builder.sdiv(above, emit.integer(_WIDE * lanes))) as part:
            channel = emit.times(part, _WIDE * lanes)
            for number_, each in enumerate(sums):
                builder.store(emit.load(bias, emit.sum(channel, number_ % _WIDE * lanes)), each)
            with emit.loop(0, emit.word(words, Narrow.TAPS)) as tap, emit.loop(0, column_taps) as column_tap:
                source_row = emit.sum(emit.times(image, height), row, tap)
                source = emit.at(given, emit.times(emit.sum(emit.times(source_row, width), first, column_tap), below))
                taps = emit.times(emit.sum(emit.times(tap, column_taps), column_tap), below)
                for each in range(below):
                    weights = emit.at(kernel, emit.sum(emit.times(emit.sum(taps, each), above), channel))
                    factors = [emit.load(weights, vector * lanes) for vector in range(_WIDE)]
                    for pixel in range(_PIXELS):
                        value = emit.splat(builder.load(emit.at(source, pixel * below + each), typ=FLOAT))
                        for factor, total in zip(factors, sums[pixel * _WIDE : (pixel + 1) * _WIDE], strict=True):
                            builder.store(emit.multiplied_added(value, factor, builder.load(total)), total)
            for place, total in enumerate(sums):
                pixel = emit.times(emit.sum(first, place // _WIDE), above)
                emit.store(builder.load(total), out, emit.sum(pixel, channel, place % _WIDE * lanes))
    builder.ret_void()


class NativeNarrow:
    """A transposed convolution of stride 1 onto very few channels.

    Args:
        kernel: as `torch.nn.ConvTranspose2d.weight`, in fp32 on the CPU.
        geometry: of the layer.
        workspace: for what is needed during a call only.
        results: name of the place in the workspace for results; `None` for memory of their own.
    """

    def __init__(
        self, kernel: Kernel, geometry: Geometry, workspace: Workspace | None = None, results: str | None = None
    ) -> None:
        self.geometry, self._results = geometry, results
        self._workspace = Workspace() if workspace is None else workspace
        above, below, *_ = kernel.shape
        self.channels = above, below
        vectors = above // library.lanes()
        taps = kernel.permute(2, 3, 0, 1)  # (row tap, column tap, above, below)
        lanes_last = taps.reshape(*taps.shape[:2], vectors, library.lanes(), below).transpose(3, 4)
        self._forward = lanes_last.contiguous()  # (row tap, column tap, vector, below, lane)
        self._adjoint = taps.transpose(2, 3).contiguous()  # (row tap, column tap, below, above)
        self._zeros = kernel.new_zeros(above)
        self._least = {rectified: torch.tensor([0.0 if rectified else -math.inf]) for rectified in (False, True)}
        self._library = _library(vectors, below)

    @staticmethod
    def suit(channels: tuple[int, int], geometry: Geometry) -> bool:
        """Whether a layer of those channels (above, below) is covered."""
        above, below = channels
        whole = all(size % _PIXELS == 0 for size in (geometry.width.size, geometry.width.output))
        within = all(axis.padding < axis.kernel for axis in (geometry.height, geometry.width))
        return geometry.phases == 1 and below <= _MOST and above % (_WIDE * library.lanes()) == 0 and whole and within

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        height, width = (self.geometry.height, self.geometry.width)
        pixels = height.size * width.size if adjoint else height.output * width.output
        return self._forward.numel() * pixels

    def forward(self, maps: Above, bias: Tensor | None = None, rectified: bool = False) -> Below:
        """The transposed convolution; arguments as `NativeSpectral.forward` has them."""
        given = maps.permute(0, 2, 3, 1).contiguous()
        out = self._workspace.result(self._results, "forward", (len(given), *self.geometry.output, self.channels[1]), given)
        constant = self._constant(bias, library.lanes() * _MOST * _PIXELS, given)
        self._call("forward", given, self._forward, out, constant, self._least[rectified])
        return out.permute(0, 3, 1, 2)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; `bias`: (above,)."""
        rows, columns = self.geometry.padding
        given = functional.pad(maps.permute(0, 2, 3, 1), (0, 0, columns, columns, rows, rows)).contiguous()
        size = self.geometry.height.size, self.geometry.width.size
        out = self._workspace.result(self._results, "adjoint", (len(given), *size, self.channels[0]), given)
        self._call("adjoint", given, self._adjoint, out, self._zeros if bias is None else bias.contiguous(), self._least[False])
        return out.permute(0, 3, 1, 2)

    def _constant(self, bias: Tensor | None, floats: int, like: Tensor) -> Tensor:
        """A bias for every pixel that is computed at once, and more."""
        if bias is None:
            return like.new_zeros(floats)
        return bias.repeat(-(-floats // len(bias)))

    def _call(self, name: str, given: Tensor, kernel: Tensor, out: Tensor, bias: Tensor, least: Tensor) -> None:
        rows, columns = out.shape[1:3]
        self._library.call(
            name,
            len(out) * rows,
            [given.data_ptr(), kernel.data_ptr(), out.data_ptr(), given.shape[1], given.shape[2], rows, columns]
            + [*kernel.shape[:2], *self.geometry.padding, bias.data_ptr(), least.data_ptr(), self._zeros.data_ptr()]
            + [self.channels[0]],
        )


def _library(vectors: int, below: int) -> library.Library:
    lanes = library.lanes()

    def define(module: ir.Module) -> None:
        forward(module, "forward", lanes, vectors, below)
        adjoint(module, "adjoint", lanes, below)

    return library.library(f"{lanes} narrow {vectors} {below}", define)
