"""Transposed convolutions and their adjoints by the machine code of this package."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from llvmlite import ir
from torch import Tensor

from pcsweep.network.convolution.geometry import Above, Below, Kernel
from pcsweep.network.convolution.native import library, products, transforms
from pcsweep.network.convolution.native.kernel import transformed_kernel
from pcsweep.network.convolution.native.plan import Plan
from pcsweep.network.convolution.native.transforms import Side, Source
from pcsweep.network.convolution.workspace import Workspace

_SPECTRA = 320 * 2**20  # bytes of spectra and products that are held at once


@dataclass(frozen=True, eq=False)
class _Direction:
    """What the functions are told of a transposed convolution, or of its adjoint.

    Args:
        name: of the direction.
        tiles: of one image.
        inputs, outputs: channels, with phases.
        read: map's floats from an image, a row of cells and a cell to the next, as the analysis has it.
        written: the same of the result.
        read_tiles, written_tiles: the words of each tile.
        read_blocks, written_blocks: where each vector of channels is in a cell.
        shape: of the result, (height, width, channels).
        held: bytes of the spectra and products of one image.
    """

    name: str
    tiles: int
    inputs: int
    outputs: int
    read: tuple[int, int, int]
    written: tuple[int, int, int]
    read_tiles: Tensor
    written_tiles: Tensor
    read_blocks: Tensor
    written_blocks: Tensor
    shape: tuple[int, int, int]
    held: int


class NativeSpectral:
    """A transposed convolution with its kernel transformed once, when it is first needed.

    Args:
        kernel: as `torch.nn.ConvTranspose2d.weight`, in fp32 on the CPU; it must not change.
        plan: that covers the layer.
        workspace: for what is needed during a call only.
        results: name of the place in the workspace for results, where the next call that uses it overwrites them; `None` for
            memory of their own.
        directions: in which it is computed: `False` forward, `True` adjoint.
    """

    def __init__(
        self,
        kernel: Kernel,
        plan: Plan,
        workspace: Workspace | None = None,
        results: str | None = None,
        directions: Sequence[bool] = (False, True),
    ) -> None:
        self.plan, self._results = plan, results
        self._workspace = Workspace() if workspace is None else workspace
        turned = tuple(directions) == (True,)  # laid out for the adjoint alone
        self._given = kernel, turned
        self._directions = {each: _direction(plan, each) for each in directions}
        self._library = _library(
            tuple(_Code(each, plan.sides(each), each and not turned, plan.streamed(each)) for each in directions)
        )
        self._least = {rectified: torch.tensor([0.0 if rectified else -math.inf]) for rectified in (False, True)}

    @functools.cached_property
    def kernel(self) -> Tensor:
        """The transformed one."""
        kernel, turned = self._given
        return transformed_kernel(kernel, self.plan, turned)

    @property
    def bytes(self) -> int:
        """Of the transformed kernel."""
        return self.plan.bytes

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        return self.plan.multiplications(adjoint)

    def forward(self, maps: Above, bias: Tensor | None = None, rectified: bool = False) -> Below:
        """The transposed convolution, channels last in memory.

        Args:
            maps: to convolve.
            bias: (below,), added everywhere.
            rectified: whether a ReLU follows.
        """
        phased = None if bias is None else bias.repeat(self.plan.geometry.phases)  # ((row phase, column phase, below),)
        return self._convolved(self._directions[False], [maps], False, phased, rectified)

    def adjoint(self, maps: Below, bias: Tensor | None = None, rectified: bool = False) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; arguments as `forward` has them."""
        return self._convolved(self._directions[True], [maps], False, bias, rectified)

    def adjoint_of_error(self, prediction: Below, below: Below, rectified: bool) -> Above:
        """The adjoint of (prediction - below), where rectified of that at predictions above zero."""
        return self._convolved(self._directions[True], [prediction, below], rectified, None, False)

    def _convolved(self, way: _Direction, maps: Sequence[Tensor], masked: bool, bias: Tensor | None, rectified: bool) -> Tensor:
        """The result for maps, or for the error of the first to the second."""
        given = [each.permute(0, 2, 3, 1).contiguous() for each in maps]  # (images, height, width, channels)
        count = len(given[0])
        height, width, channels = way.shape
        out = self._workspace.result(self._results, way.name, (count, height, width, channels), given[0])
        constant = given[0].new_zeros(way.outputs) if bias is None else bias.contiguous()
        at_once = max(1, _SPECTRA // way.held)
        for start in range(0, count, at_once):
            rows = slice(start, min(start + at_once, count))
            self._convolve(way, [each[rows] for each in given], self._least[masked], constant, self._least[rectified], out[rows])
        return out.permute(0, 3, 1, 2)

    def _convolve(self, way: _Direction, maps: Sequence[Tensor], mask: Tensor, bias: Tensor, least: Tensor, out: Tensor) -> None:
        lanes, frequencies, tiles = library.lanes(), self.plan.frequencies, way.tiles * len(out)
        rows = tiles + -tiles % library.rows()
        spectra = self._workspace.take("spectra", (frequencies, rows, 3, way.inputs), out)
        made = self._workspace.take("products", (frequencies, rows, 2, way.outputs), out)
        below = maps[1].data_ptr() if len(maps) > 1 else 0
        analyse = "analyse error" if len(maps) > 1 else "analyse"
        self._library.call(
            f"{analyse} {way.name}",
            tiles,
            [maps[0].data_ptr(), below, way.read_tiles.data_ptr(), way.tiles, *way.read]
            + [way.inputs // lanes, way.read_blocks.data_ptr(), spectra.data_ptr()]
            + [rows * 3 * way.inputs, 3 * way.inputs, way.inputs, mask.data_ptr(), 0],
        )
        words = [self.kernel.data_ptr(), spectra.data_ptr(), made.data_ptr(), rows, way.inputs, way.outputs]
        self._library.call(f"multiply {way.name}", frequencies, words)
        self._library.call(
            f"synthesise {way.name}",
            tiles,
            [made.data_ptr(), rows * 2 * way.outputs, 2 * way.outputs, way.outputs, out.data_ptr()]
            + [way.written_tiles.data_ptr(), way.tiles, *way.written]
            + [way.outputs // lanes, way.written_blocks.data_ptr(), bias.data_ptr(), least.data_ptr()],
        )


def _direction(plan: Plan, adjoint: bool) -> _Direction:
    geometry, (above, below) = plan.geometry, plan.channels
    height, width = geometry.height, geometry.width
    single = _Layout((height.size, width.size), (1, 1), above)
    phased = _Layout((height.cells, width.cells), geometry.stride, below)
    source, target = (phased, single) if adjoint else (single, phased)
    rows, columns = plan.tilings(adjoint)
    read, written = [], []
    for row in rows.tiles:
        for column in columns.tiles:
            ends = [bound for tile in (row, column) for bound in (tile.offsets.start, tile.offsets.stop)]
            read.append([row.outputs.start * source.steps[1] + column.outputs.start * source.steps[2], *ends])
            offset = row.outputs.start * target.steps[1] + column.outputs.start * target.steps[2]
            written.append([offset, len(row.outputs), len(column.outputs)])
    return _Direction(
        name=_name(adjoint),
        tiles=plan.tiles(adjoint),
        inputs=plan.wide if adjoint else above,
        outputs=above if adjoint else plan.wide,
        read=source.steps,
        written=target.steps,
        read_tiles=torch.tensor(read),
        written_tiles=torch.tensor(written),
        read_blocks=source.blocks(),
        written_blocks=target.blocks(),
        shape=target.shape,
        held=plan.held(adjoint),
    )


@dataclass(frozen=True)
class _Layout:
    """A map in cells, channels last in memory.

    Args:
        cells: along height and width.
        stride: phases of a cell, along height and width.
        channels: of each phase.
    """

    cells: tuple[int, int]
    stride: tuple[int, int]
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.cells[0] * self.stride[0], self.cells[1] * self.stride[1], self.channels

    @property
    def steps(self) -> tuple[int, int, int]:
        """Floats from an image, a row of cells and a cell to the next."""
        height, width, channels = self.shape
        return height * width * channels, self.stride[0] * width * channels, self.stride[1] * channels

    def blocks(self) -> Tensor:
        """Where in a cell each vector of (row phase, column phase, channel) is."""
        row = self.shape[1] * self.channels
        return torch.tensor(
            [
                vertical * row + horizontal * self.channels + first
                for vertical in range(self.stride[0])
                for horizontal in range(self.stride[1])
                for first in range(0, self.channels, library.lanes())
            ]
        )


def _name(adjoint: bool) -> str:
    return "adjoint" if adjoint else "forward"


class _Code(NamedTuple):
    """The functions of a direction.

    Args:
        adjoint: which it is.
        sides: height and width of its tiles.
        conjugated: whether its product conjugates and transposes the kernel.
        streamed: whether they write past the cache.
    """

    adjoint: bool
    sides: tuple[Side, Side]
    conjugated: bool
    streamed: bool

    def define(self, module: ir.Module) -> None:
        """Adds them."""
        name, lanes = _name(self.adjoint), library.lanes()
        transforms.analysis(module, f"analyse {name}", lanes, self.sides, Source.MAP, self.streamed)
        if self.adjoint:
            transforms.analysis(module, f"analyse error {name}", lanes, self.sides, Source.ERROR, self.streamed)
        products.product(module, f"multiply {name}", lanes, library.rows(), self.conjugated, self.streamed)
        transforms.synthesis(module, f"synthesise {name}", lanes, self.sides, self.streamed)


def _library(directions: tuple[_Code, ...]) -> library.Library:
    def define(module: ir.Module) -> None:
        for each in directions:
            each.define(module)

    return library.library(f"{library.lanes()} {library.rows()} {directions}", define)
