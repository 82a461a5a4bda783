"""Where the taps of a transposed convolution fall: phases, cells, tiles and the period at which it becomes circular.

A transposed convolution of stride s writes its outputs Y = s·j + a in s *phases* a, and each phase is an ordinary convolution

    y_a[j] = Σ_h x[h] κ_a[j - h],    κ_a[q] = K[s·q + a + padding]   (zero where the kernel has no such tap)

over *cells* j. A tile of consecutive outputs needs only the inputs that its taps reach. On these the convolution equals a
circular one of period N if no difference j - h that occurs equals, modulo N, another one that has a tap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

Above = Float[Tensor, "batch above height width"]  # what is convolved
Below = Float[Tensor, "batch below output_height output_width"]  # what that makes
Kernel = Float[Tensor, "above below kernel_height kernel_width"]


@dataclass(frozen=True)
class Tile:
    """Consecutive outputs, and the inputs that they need."""

    outputs: range
    inputs: range

    @property
    def offsets(self) -> range:
        """The inputs, counted from the first output."""
        return range(self.inputs.start - self.outputs.start, self.inputs.stop - self.outputs.start)


@dataclass(frozen=True)
class Axis:
    """Height or width of a transposed convolution.

    Args:
        size: of the input.
        kernel, stride, padding, output_padding: as `torch.nn.ConvTranspose2d` has them.
    """

    size: int
    kernel: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0

    @property
    def output(self) -> int:
        """Size of the output."""
        return (self.size - 1) * self.stride - 2 * self.padding + self.kernel + self.output_padding

    @property
    def cells(self) -> int:
        """Outputs per phase; the last of some phases may lie beyond the output."""
        return -(-self.output // self.stride)

    @property
    def taps(self) -> range:
        """The q at which some phase has a tap."""
        phases = range(self.stride)
        lowest = min(-((phase + self.padding) // self.stride) for phase in phases)
        highest = max((self.kernel - 1 - phase - self.padding) // self.stride for phase in phases)
        return range(lowest, highest + 1)

    def tiles(self, length: int, adjoint: bool = False) -> list[Tile]:
        """The outputs in tiles of at most `length` cells; for the adjoint, the inputs in the role of the outputs."""
        outputs, inputs = (self.size, self.cells) if adjoint else (self.cells, self.size)
        reach = self._reach(adjoint)
        tiles = []
        for start in range(0, outputs, length):
            stop = min(start + length, outputs)
            first, last = max(0, start - reach[-1]), min(inputs, stop - reach[0])
            tiles.append(Tile(range(start, stop), range(first, max(first, last))))
        return tiles

    def period(self, length: int) -> int:
        """The smallest N ≥ the number of taps at which tiles of that length are circular convolutions in both directions."""
        smallest = len(self.taps)
        for adjoint in (False, True):
            reach = self._reach(adjoint)
            for tile in self.tiles(length, adjoint):
                if tile.inputs:
                    above = tile.outputs[-1] - tile.inputs[0] - reach[0]
                    below = reach[-1] - (tile.outputs[0] - tile.inputs[-1])
                    smallest = max(smallest, above + 1, below + 1)
        return smallest

    def _reach(self, adjoint: bool) -> range:
        """The differences output - input that meet a tap."""
        return range(-self.taps[-1], -self.taps[0] + 1) if adjoint else self.taps

    def kernel_index(self) -> tuple[Tensor, Tensor]:
        """Which element of the kernel is κ_a[q], and whether there is one: both (phase, tap)."""
        taps = torch.arange(self.taps.start, self.taps.stop)
        index = self.stride * taps + torch.arange(self.stride)[:, None] + self.padding
        return index.clamp(0, self.kernel - 1), (index >= 0) & (index < self.kernel)


@dataclass(frozen=True)
class Tiling:
    """One axis cut into tiles of equal length, the last of which may be shorter.

    Args:
        tiles: in order.
        length: cells that a tile makes.
        offsets: of the inputs that any of the tiles needs, counted from its first output.
    """

    tiles: list[Tile]
    length: int
    offsets: range

    @staticmethod
    def of(axis: Axis, length: int, adjoint: bool) -> "Tiling":
        """The axis in tiles of at most `length` cells; one that is shorter is one tile."""
        tiles = axis.tiles(length, adjoint)
        offsets = [tile.offsets for tile in tiles if tile.inputs] or [range(1)]
        union = range(min(each.start for each in offsets), max(each.stop for each in offsets))
        return Tiling(tiles, len(tiles[0].outputs), union)


@dataclass(frozen=True)
class Geometry:
    """Height and width of a transposed convolution."""

    height: Axis
    width: Axis

    @property
    def phases(self) -> int:
        """Of both axes together."""
        return self.height.stride * self.width.stride

    @property
    def output(self) -> tuple[int, int]:
        """Height and width of the output."""
        return self.height.output, self.width.output

    @property
    def stride(self) -> tuple[int, int]:
        """Vertical and horizontal."""
        return self.height.stride, self.width.stride

    @property
    def padding(self) -> tuple[int, int]:
        """Vertical and horizontal."""
        return self.height.padding, self.width.padding

    @property
    def output_padding(self) -> tuple[int, int]:
        """Vertical and horizontal."""
        return self.height.output_padding, self.width.output_padding


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Along height and width, of what a layer may say once for both."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def of_transposed(layer: nn.ConvTranspose2d, size: Sequence[int]) -> Geometry | None:
    """The geometry of a layer on maps of (height, width) `size`; `None` for layers that are not covered (groups, dilation)."""
    if layer.groups != 1 or tuple(layer.dilation) != (1, 1):
        return None
    height, width = (
        Axis(size[axis], layer.kernel_size[axis], layer.stride[axis], int(layer.padding[axis]), layer.output_padding[axis])
        for axis in (0, 1)
    )
    return Geometry(height, width) if min(height.output, width.output) > 0 else None


def of_convolution(layer: nn.Conv2d, size: Sequence[int]) -> Geometry | None:
    """The geometry of the transposed convolution whose adjoint is that layer on maps of `size`; `None` where not covered.

    Covered are stride 1, no dilation, no groups, zeros as padding.
    """
    plain = layer.groups == 1 and tuple(layer.dilation) == tuple(layer.stride) == (1, 1) and layer.padding_mode == "zeros"
    if not plain or isinstance(layer.padding, str):
        return None
    height, width = (
        Axis(size[axis] + 2 * layer.padding[axis] - layer.kernel_size[axis] + 1, layer.kernel_size[axis], 1, layer.padding[axis])
        for axis in (0, 1)
    )
    return Geometry(height, width) if min(height.size, width.size) > 0 else None


def kernel_cells(kernel: Tensor, geometry: Geometry) -> Tensor:
    """All κ: (tap, tap, above, row phase, column phase, below) of a kernel (above, below, height, width)."""
    rows, has_row = (tensor.to(kernel.device) for tensor in geometry.height.kernel_index())
    columns, has_column = (tensor.to(kernel.device) for tensor in geometry.width.kernel_index())
    taps = kernel[:, :, rows][..., columns]  # (above, below, row phase, row tap, column phase, column tap)
    taps = taps * (has_row[:, :, None, None] & has_column)
    return taps.permute(3, 5, 0, 2, 4, 1).contiguous()  # (row tap, column tap, above, row phase, column phase, below)


def to_cells(maps: Tensor, geometry: Geometry) -> Tensor:
    """From (batch, below, height, width) to a view or copy (batch, row, row phase, column, column phase, below), in cells."""
    height, width = geometry.height, geometry.width
    missing = (height.cells * height.stride - maps.shape[2], width.cells * width.stride - maps.shape[3])
    last = maps.permute(0, 2, 3, 1)  # (batch, height, width, below)
    if any(missing):
        last = nn.functional.pad(last, (0, 0, 0, missing[1], 0, missing[0]))
    return last.reshape(len(last), height.cells, height.stride, width.cells, width.stride, last.shape[3])


def from_cells(cells: Tensor, geometry: Geometry) -> Tensor:
    """The inverse of `to_cells`, as (batch, below, height, width)."""
    height, width = geometry.output  # the last phases may lie beyond
    return cells.flatten(3, 4).flatten(1, 2)[:, :height, :width].permute(0, 3, 1, 2)
