"""Transposed convolutions and their adjoints by Fourier transforms of tiles (the package's docstring has the mathematics)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pcsweep.network.convolution import fourier
from pcsweep.network.convolution.geometry import Above, Below, Geometry, Kernel, kernel_cells, to_cells
from pcsweep.network.convolution.spectral_cost import spectral_cost
from pcsweep.network.convolution.tile_transform import TileTransform
from pcsweep.network.convolution.workspace import Workspace

_SPECTRA = 320 * 2**20  # bytes of spectra that are held at once
_CACHED = 2 * 2**20  # bytes of a map whose transforms a CPU's cache holds


@dataclass(frozen=True, eq=False)
class _Direction:
    """All that differs between a transposed convolution and its adjoint.

    Args:
        name: of the direction.
        transform: of its tiles.
        kernel: (frequencies, input channels, output channels); of both, phases times channels where there are phases.
        cells: of the output, vertical and horizontal.
        stride: phases of a cell of the output, vertical and horizontal.
        constant: see `fourier.parts_of_a_constant`.
    """

    name: str
    transform: TileTransform
    kernel: Tensor
    cells: tuple[int, int]
    stride: tuple[int, int]
    constant: tuple[tuple[int, int], ...]


class Spectral:
    """A transposed convolution with its kernel transformed once.

    Args:
        kernel: as `torch.nn.ConvTranspose2d.weight`.
        geometry: of the layer.
        tile: cells per side of a tile.
        workspace: for what is needed during a call only.
        results: name of the place in the workspace for results, where the next call that uses it overwrites them; `None` for
            memory of their own.
    """

    def __init__(
        self, kernel: Kernel, geometry: Geometry, tile: int, workspace: Workspace | None = None, results: str | None = None
    ) -> None:
        self.geometry, self.tile, self._results = geometry, tile, results
        self.channels = kernel.shape[0], kernel.shape[1]
        self._workspace = Workspace() if workspace is None else workspace
        height, width = geometry.height, geometry.width
        spectrum = _spectrum(kernel, geometry, tile)  # (frequencies, above, (row phase, column phase, below))
        self._forward = _Direction(
            name="forward",
            transform=TileTransform.of(geometry, tile, False, spectrum),
            kernel=spectrum,
            cells=(height.cells, width.cells),
            stride=geometry.stride,
            constant=fourier.parts_of_a_constant(adjoint=False),
        )
        self._adjoint = _Direction(
            name="adjoint",
            transform=TileTransform.of(geometry, tile, True, spectrum),
            kernel=spectrum.transpose(1, 2),
            cells=(height.size, width.size),
            stride=(1, 1),
            constant=fourier.parts_of_a_constant(adjoint=True),
        )

    @property
    def bytes(self) -> int:
        """Of the transformed kernel."""
        kernel = self._forward.kernel
        return kernel.numel() * kernel.element_size()

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        counted = spectral_cost(self.geometry, self.channels, self.tile, adjoint)
        return counted.transforms + counted.products

    def forward(self, maps: Above, bias: Tensor | None = None) -> Below:
        """The transposed convolution, channels last in memory; `bias`: (below,), added everywhere."""
        phased = None if bias is None else bias.repeat(self.geometry.phases)  # ((row phase, column phase, below),)
        made = self._convolved(maps.permute(0, 2, 3, 1).contiguous(), self._forward, phased)
        height, width = self.geometry.output
        return made[:, :height, :width].permute(0, 3, 1, 2)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x, channels last in memory; `bias`: (above,), added everywhere."""
        return self.adjoint_of_cells(self.cells(maps).contiguous(), bias)

    def cells(self, maps: Below) -> Tensor:
        """Maps of the output's shape as (batch, row of cells, column of cells, row phase, column phase, below)."""
        return to_cells(maps, self.geometry).transpose(2, 3)

    def adjoint_of_cells(self, cells: Tensor, bias: Tensor | None = None) -> Above:
        """`adjoint` of maps given as contiguous `cells`."""
        return self._convolved(cells.flatten(3), self._adjoint, bias).permute(0, 3, 1, 2)

    def _convolved(self, maps: Tensor, direction: _Direction, bias: Tensor | None) -> Tensor:
        """From (images, height, width, channels), contiguous and in cells, to the same of the output, its phases in their places.

        As many images at once as have spectra that fit into `_SPECTRA` bytes.
        """
        out = self._output(maps, direction)  # (images, cells, row phases, tiles, cells of a tile, (column phase, channel))
        frequencies, inputs, outputs = direction.kernel.shape
        size = direction.transform.tiles * frequencies * (inputs + outputs) * maps.element_size()  # of one image's spectra
        at_once = max(1, _SPECTRA // size)
        for start in range(0, len(maps), at_once):
            part = maps[start : start + at_once]
            slabs = _slabs(part)
            spectra = self._analysed(part, slabs, direction)  # (tile rows, images, tile columns, frequencies, inputs)
            products = self._multiplied(spectra, direction, bias)  # (frequencies, tile rows, images, tile columns, outputs)
            self._synthesise(products, slabs, direction, out[start : start + at_once])
        (height, width), (rows, columns) = direction.cells, direction.stride
        tiles, length = out.shape[3:5]
        whole = out.view(len(maps), height * rows, tiles * length * columns, outputs // (rows * columns))
        return whole[:, :, : width * columns]  # (images, height · rows, width · columns, channels)

    def _output(self, maps: Tensor, direction: _Direction) -> Tensor:
        """Memory for the result, in the order in which rows of tiles are synthesised into it."""
        columns, phases = direction.transform.columns, direction.stride[0]
        shape = len(maps), direction.cells[0], phases, len(columns.tiles), columns.length, direction.kernel.shape[2] // phases
        return self._workspace.result(self._results, direction.name, shape, maps)

    def _analysed(self, maps: Tensor, slabs: Sequence[slice], direction: _Direction) -> Tensor:
        """The spectra of all tiles: (tile rows, images, tile columns, frequencies, channels)."""
        transform, (frequencies, channels, _) = direction.transform, direction.kernel.shape
        rows, columns = transform.rows.tiles, transform.columns.tiles
        spectra = self._workspace.take("spectra", (len(rows), len(maps), len(columns), frequencies, channels), maps)
        for images in slabs:
            for row, out in zip(rows, spectra, strict=True):
                transform.analyse(maps[images], row, out[images], self._workspace)
        return spectra

    def _multiplied(self, spectra: Tensor, direction: _Direction, bias: Tensor | None) -> Tensor:
        """The spectra times the kernel's, one matrix product for each frequency."""
        frequencies, _, channels = direction.kernel.shape
        products = self._workspace.take("products", (frequencies, *spectra.shape[:3], channels), spectra)
        tiles = spectra.flatten(0, 2).transpose(0, 1)  # (frequencies, (tile row, image, tile column), input channels)
        torch.bmm(tiles, direction.kernel, out=products.flatten(1, 3))
        if bias is not None:
            for part, sign in direction.constant:  # at u = v = 0, the first of the frequencies
                products[part].add_(bias, alpha=sign)
        return products

    def _synthesise(self, products: Tensor, slabs: Sequence[slice], direction: _Direction, out: Tensor) -> None:
        """Writes the cells of all tiles."""
        for images in slabs:
            for number, row in enumerate(direction.transform.rows.tiles):
                cells = out[images, row.outputs.start : row.outputs.stop]
                direction.transform.synthesise(products[:, number, images], cells, self._workspace)


def _slabs(maps: Tensor) -> list[slice]:
    """The images that are transformed together: on a CPU as many as its cache holds."""
    at_once = len(maps) if maps.is_cuda else max(1, _CACHED // (maps[0].numel() * maps.element_size()))
    return [slice(start, min(start + at_once, len(maps))) for start in range(0, len(maps), at_once)]


def _spectrum(kernel: Kernel, geometry: Geometry, tile: int) -> Tensor:
    """The transformed kernel over both periods: ((u, v, part), above, (row phase, column phase, below))."""
    height, width = geometry.height.period(tile), geometry.width.period(tile)
    cells = kernel_cells(kernel, geometry)  # (row tap, column tap, above, row phase, column phase, below)
    rows = (fourier.along_height(height, geometry.height.taps) / (height * width)).to(cells)  # ((u, re|im), row tap)
    columns = fourier.along_width_of_kernel(width, geometry.width.taps).to(cells)  # ((v, part), (re|im, column tap))
    half = torch.mm(rows, cells.flatten(1)).view(fourier.kept(height), columns.shape[1], -1)  # (u, (re|im, column tap), …)
    spectrum = cells.new_empty(len(half), len(columns), half.shape[2])  # (u, (v, part), (above, row phase, column phase, below))
    for transformed, given in zip(spectrum, half, strict=True):
        torch.mm(columns, given, out=transformed)
    return spectrum.view(-1, cells.shape[2], cells[0, 0, 0].numel())
