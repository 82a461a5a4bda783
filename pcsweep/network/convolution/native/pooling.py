"""Maximum pooling, which the library computes together with the places of the maxima, that nobody here asks for."""

import functools
from collections.abc import Sequence
from enum import IntEnum, auto

from llvmlite import ir
from torch import Tensor, nn

from pcsweep.network.convolution.geometry import pair
from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.emit import I64, POINTER, Emitter, function
from pcsweep.network.convolution.workspace import Workspace


class Pooling(IntEnum):
    """What `pool` gets, in an array of 64-bit words."""

    MAP = 0  # address: (image, height, width, channel)
    OUT = auto()  # address: (image, row, column, channel)
    HEIGHT = auto()  # of the map
    WIDTH = auto()
    ROWS = auto()  # of the result
    COLUMNS = auto()
    VECTORS = auto()  # of channels
    DOWN = auto()  # rows of the map from a window to the next
    ALONG = auto()  # columns


def pool(module: ir.Module, name: str, lanes: int, window: tuple[int, int]) -> None:
    """Defines `name(words, number)`, which computes a row of an image of the result.

    Args:
        module: to add it to.
        name: of the function.
        lanes: floats of a vector.
        window: rows and columns of which the maximum is taken.
    """
    made, builder = function(module, name, [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, lanes)
    height, width, rows, columns = (
        emit.word(words, each) for each in (Pooling.HEIGHT, Pooling.WIDTH, Pooling.ROWS, Pooling.COLUMNS)
    )
    vectors, down, along = (emit.word(words, each) for each in (Pooling.VECTORS, Pooling.DOWN, Pooling.ALONG))
    image, row = builder.sdiv(number, rows), builder.srem(number, rows)
    channels = emit.times(vectors, lanes)
    per_row = emit.times(width, channels)
    first_row = emit.sum(emit.times(image, height), emit.times(row, down))
    given = emit.at(emit.pointer(words, Pooling.MAP), emit.times(first_row, per_row))
    out = emit.at(emit.pointer(words, Pooling.OUT), emit.times(emit.times(number, columns), channels))
    with emit.loop(0, columns) as column:
        corner = emit.at(given, emit.times(emit.times(column, along), channels))
        to = emit.at(out, emit.times(column, channels))
        with emit.loop(0, vectors) as vector:
            first = emit.times(vector, lanes)
            best: ir.Value | None = None
            for tap_row in range(window[0]):
                for tap_column in range(window[1]):
                    offset = emit.sum(first, emit.times(per_row, tap_row), emit.times(channels, tap_column))
                    value = emit.load(corner, offset)
                    best = value if best is None else _larger(emit, value, best)
            emit.store(best, to, first)
    builder.ret_void()


def _larger(emit: Emitter, value: ir.Value, best: ir.Value) -> ir.Value:
    """The larger of two, or what is undefined of them."""
    builder = emit.builder
    takes = builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
    return builder.select(takes, value, best)


class NativePool(nn.Module):
    """An `nn.MaxPool2d` in machine code.

    Args:
        module: that `suits`.
        workspace: for its result.
        place: in the workspace, where the next result of that place overwrites it.
    """

    def __init__(self, module: nn.MaxPool2d, workspace: Workspace, place: str) -> None:
        super().__init__()
        self._window, self._stride = pair(module.kernel_size), pair(module.stride)
        self._workspace, self._place = workspace, place
        self._library = _library(self._window)

    @staticmethod
    def suits(module: nn.MaxPool2d, shape: Sequence[int]) -> bool:
        """Whether maps (channels, height, width) are covered: of whole vectors, with windows that lie within them."""
        within = pair(module.padding) == (0, 0) and pair(module.dilation) == (1, 1) and not module.ceil_mode
        return within and not module.return_indices and len(shape) == 3 and shape[0] % library.lanes() == 0

    def forward(self, maps: Tensor) -> Tensor:
        """The maximum of each window, channels last in memory.

        Args:
            maps: (images, channels, height, width), of single precision, on the CPU.
        """
        given = maps.permute(0, 2, 3, 1).contiguous()
        count, height, width, channels = given.shape
        rows, columns = (
            (size - tap) // step + 1 for size, tap, step in zip((height, width), self._window, self._stride, strict=True)
        )
        out = self._workspace.take(self._place, (count, rows, columns, channels), given)
        self._library.call(
            "pool",
            count * rows,
            [given.data_ptr(), out.data_ptr(), height, width, rows, columns, channels // library.lanes(), *self._stride],
        )
        return out.permute(0, 3, 1, 2)


def _library(window: tuple[int, int]) -> library.Library:
    define = functools.partial(pool, name="pool", lanes=library.lanes(), window=window)
    return library.library(f"{library.lanes()} pool {window}", define)
