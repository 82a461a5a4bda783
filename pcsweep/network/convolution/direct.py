"""Transposed convolutions and their adjoints tap by tap, by the library's own convolutions."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from pcsweep.network.convolution.geometry import Geometry, from_cells, kernel_cells, to_cells

Above = Float[Tensor, "batch above height width"]  # what is convolved
Below = Float[Tensor, "batch below output_height output_width"]  # what that makes
Kernel = Float[Tensor, "above below kernel_height kernel_width"]

_NARROW = 8  # channels below which a convolution leaves most of a vector unit idle
_FILLED = 4  # channels that a narrow one is filled up to
_BLOCK = 2


class Direct:
    """One call of the library for each direction."""

    def __init__(self, kernel: Kernel, geometry: Geometry) -> None:
        self.geometry = geometry
        self.kernel = kernel.contiguous(memory_format=torch.channels_last)

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        return self.kernel.numel() * self.geometry.height.size * self.geometry.width.size

    def forward(self, maps: Above, bias: Tensor | None = None) -> Below:
        """The transposed convolution; `bias`: (below,)."""
        stride, padding, extra = self.geometry.stride, self.geometry.padding, self.geometry.output_padding
        return functional.conv_transpose2d(maps, self.kernel, bias, stride, padding, extra)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; `bias`: (above,)."""
        made = functional.conv2d(maps, self.kernel, bias, self.geometry.stride, self.geometry.padding)
        return made[:, :, : self.geometry.height.size, : self.geometry.width.size]


class Blocks:
    """A stride-1 layer of few output channels, such as the one onto the image, by blocks of 2 × 2 outputs.

    They are the channels of a convolution of stride 2. Its adjoint is the library's, on channels filled up with zeros.
    """

    def __init__(self, kernel: Kernel, geometry: Geometry) -> None:
        self.geometry = geometry
        above, below, height, width = kernel.shape
        blocks = kernel.new_zeros(_BLOCK, _BLOCK, below, above, height + _BLOCK - 1, width + _BLOCK - 1)
        for row in range(_BLOCK):
            for column in range(_BLOCK):
                blocks[row, column, :, :, row : row + height, column : column + width] = kernel.flip(2, 3).transpose(0, 1)
        self.blocks = blocks.flatten(0, 2).contiguous(memory_format=torch.channels_last)
        filled = functional.pad(kernel, (0, 0, 0, 0, 0, -below % _FILLED))
        self.filled = filled.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def suit(channels: tuple[int, int], geometry: Geometry) -> bool:
        """Whether a layer of those channels (above, below) can be computed so and gains by it."""
        even = all(size % _BLOCK == 0 for size in geometry.output)
        within = all(axis.padding < axis.kernel for axis in (geometry.height, geometry.width))
        return channels[1] < _NARROW <= channels[0] and geometry.phases == 1 and even and within

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        height, width = self.geometry.height, self.geometry.width
        if adjoint:
            return self.filled.numel() * height.size * width.size
        return self.blocks.numel() * (height.output // _BLOCK) * (width.output // _BLOCK)

    def forward(self, maps: Above, bias: Tensor | None = None) -> Below:
        """The transposed convolution; `bias`: (below,)."""
        height, width = self.geometry.height, self.geometry.width
        padding = (height.kernel - 1 - height.padding, width.kernel - 1 - width.padding)
        spread = None if bias is None else bias.repeat(_BLOCK**2)
        blocks = functional.conv2d(maps, self.blocks, spread, stride=_BLOCK, padding=padding)
        batch, _, high, wide = blocks.shape
        rows = blocks.view(batch, _BLOCK, _BLOCK, -1, high, wide).permute(0, 4, 1, 5, 2, 3)  # batch, y, row, x, column, below
        return rows.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; `bias`: (above,)."""
        missing = self.filled.shape[1] - maps.shape[1]
        filled = functional.pad(maps.permute(0, 2, 3, 1), (0, missing)).permute(0, 3, 1, 2)
        return functional.conv2d(filled, self.filled, bias, padding=self.geometry.padding)


class Phases:
    """One ordinary convolution for all phases, for libraries whose transposed convolutions are slow."""

    def __init__(self, kernel: Kernel, geometry: Geometry) -> None:
        self.geometry = geometry
        cells = kernel_cells(kernel, geometry)  # tap, tap, above, row, column, below
        stacked = cells.flip(0, 1).permute(3, 4, 5, 2, 0, 1)
        self.kernel = stacked.flatten(0, 2).contiguous(memory_format=torch.channels_last)  # (row, column, below), above, tap, tap

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        return self.kernel.numel() * self.geometry.height.cells * self.geometry.width.cells

    def forward(self, maps: Above, bias: Tensor | None = None) -> Below:
        """The transposed convolution; `bias`: (below,)."""
        height, width = self.geometry.height, self.geometry.width
        borders = [side for axis in (width, height) for side in (axis.taps[-1], axis.cells - axis.size - axis.taps[0])]
        spread = None if bias is None else bias.repeat(self.geometry.phases)
        cells = functional.conv2d(functional.pad(maps, borders), self.kernel, spread)
        rows, columns = self.geometry.stride
        phased = cells.view(len(cells), rows, columns, -1, *cells.shape[2:])
        return from_cells(phased.permute(0, 4, 1, 5, 2, 3), self.geometry)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; `bias`: (above,)."""
        height, width = self.geometry.height, self.geometry.width
        cells = to_cells(maps, self.geometry).permute(0, 2, 4, 5, 1, 3).flatten(1, 3)
        spread = functional.conv_transpose2d(cells, self.kernel)  # its first row is at cell -taps[-1]
        borders = [
            side
            for axis, size in ((width, spread.shape[3]), (height, spread.shape[2]))
            for side in (-axis.taps[-1], axis.size + axis.taps[-1] - size)
        ]
        made = functional.pad(spread, borders)
        return made if bias is None else made + bias[:, None, None]
