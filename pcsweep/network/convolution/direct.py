"""Transposed convolutions and their adjoints tap by tap, by the library's own convolutions."""

import torch
from torch import Tensor
from torch.nn import functional

from pcsweep.network.convolution.geometry import Above, Below, Geometry, Kernel, from_cells, kernel_cells, to_cells

_NARROW = 8  # channels below which a convolution leaves most of a vector unit idle
_MULTIPLE = 4  # to a multiple of so many channels a narrow layer is filled up with zeros
_BLOCK = 2  # outputs per side of a block


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
        gradient = functional.conv2d(maps, self.kernel, bias, self.geometry.stride, self.geometry.padding)
        return gradient[:, :, : self.geometry.height.size, : self.geometry.width.size]


class Blocks:
    """A layer of stride 1 and few output channels, such as the one onto the image, by blocks of 2 × 2 outputs.

    The four outputs of a block are channels of one convolution of stride 2, which is no longer narrow. The adjoint is the
    library's, on channels filled up with zeros.
    """

    def __init__(self, kernel: Kernel, geometry: Geometry) -> None:
        self.geometry = geometry
        above, below, height, width = kernel.shape
        flipped = kernel.flip(2, 3).transpose(0, 1)  # (below, above, height, width)
        blocks = kernel.new_zeros(_BLOCK, _BLOCK, below, above, height + _BLOCK - 1, width + _BLOCK - 1)
        for row in range(_BLOCK):
            for column in range(_BLOCK):
                blocks[row, column, :, :, row : row + height, column : column + width] = flipped
        self.blocks = blocks.flatten(0, 2).contiguous(memory_format=torch.channels_last)  # ((row, column, below), above, …)
        filled = functional.pad(kernel, (0, 0, 0, 0, 0, -below % _MULTIPLE))  # (above, more than below, height, width)
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
        repeated = None if bias is None else bias.repeat(_BLOCK**2)  # ((row, column, below),)
        blocks = functional.conv2d(
            maps, self.blocks, repeated, stride=_BLOCK, padding=padding
        )  # (batch, (row, column, below), y, x)
        shape = len(blocks), _BLOCK, _BLOCK, blocks.shape[1] // _BLOCK**2, *blocks.shape[2:]
        blocks = blocks.view(shape).permute(0, 4, 1, 5, 2, 3)  # (batch, y, row, x, column, below)
        return blocks.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)  # (batch, below, (y, row), (x, column))

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; `bias`: (above,)."""
        missing = self.filled.shape[1] - maps.shape[1]
        filled = functional.pad(maps.permute(0, 2, 3, 1), (0, missing)).permute(0, 3, 1, 2)  # channels last in memory
        return functional.conv2d(filled, self.filled, bias, padding=self.geometry.padding)


class Phases:
    """One ordinary convolution for all phases, for libraries whose transposed convolutions are slow."""

    def __init__(self, kernel: Kernel, geometry: Geometry) -> None:
        self.geometry = geometry
        cells = kernel_cells(kernel, geometry)  # (row tap, column tap, above, row phase, column phase, below)
        stacked = cells.flip(0, 1).permute(3, 4, 5, 2, 0, 1).flatten(0, 2)  # ((row phase, column phase, below), above, tap, tap)
        self.kernel = stacked.contiguous(memory_format=torch.channels_last)

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        return self.kernel.numel() * self.geometry.height.cells * self.geometry.width.cells

    def forward(self, maps: Above, bias: Tensor | None = None) -> Below:
        """The transposed convolution; `bias`: (below,)."""
        height, width = self.geometry.height, self.geometry.width
        borders = [side for axis in (width, height) for side in (axis.taps[-1], axis.cells - axis.size - axis.taps[0])]
        repeated = None if bias is None else bias.repeat(self.geometry.phases)  # ((row phase, column phase, below),)
        phased = functional.conv2d(functional.pad(maps, borders), self.kernel, repeated)  # (batch, (phases, below), y, x)
        shape = len(phased), *self.geometry.stride, phased.shape[1] // self.geometry.phases, *phased.shape[2:]
        phased = phased.view(shape).permute(0, 4, 1, 5, 2, 3)  # (batch, y, row phase, x, column phase, below)
        return from_cells(phased, self.geometry)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x; `bias`: (above,)."""
        height, width = self.geometry.height, self.geometry.width
        phased = to_cells(maps, self.geometry).permute(0, 2, 4, 5, 1, 3).flatten(1, 3)  # (batch, (phases, below), y, x)
        full = functional.conv_transpose2d(phased, self.kernel)  # (batch, above, …), its first row at cell -taps[-1]
        borders = [
            side
            for axis, size in ((width, full.shape[3]), (height, full.shape[2]))
            for side in (-axis.taps[-1], axis.size + axis.taps[-1] - size)
        ]
        gradient = functional.pad(full, borders)  # negative borders cut
        return gradient if bias is None else gradient + bias[:, None, None]
