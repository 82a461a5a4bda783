"""Transposed convolutions and their adjoints by Fourier transforms of tiles (the package's docstring has the mathematics)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pcsweep.network.convolution import fourier
from pcsweep.network.convolution.geometry import Axis, Geometry, Tile, kernel_cells, to_cells

Above = Float[Tensor, "batch above height width"]  # what is convolved
Below = Float[Tensor, "batch below output_height output_width"]  # what that makes
Kernel = Float[Tensor, "above below kernel_height kernel_width"]

_BYTES_AT_ONCE = 320 * 2**20  # of transformed maps
_CACHED = 2 * 2**20  # bytes of a map whose transforms a CPU's cache holds


class Workspace:
    """Memory that calls use one after the other: fresh memory costs more than what is done in it."""

    def __init__(self) -> None:
        self._flat: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def take(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor of that shape with anything in it, until the next call with that name."""
        key = (name, like.dtype, like.device)
        size = torch.Size(shape).numel()
        if key not in self._flat or self._flat[key].numel() < size:
            self._flat.pop(key, None)
            self._flat[key] = like.new_empty(size)
        return self._flat[key][:size].view(*shape)

    def take_maps(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """The same for (batch, channel, height, width), channels last in memory."""
        if len(shape) != 4:
            return self.take(name, shape, like)
        return self.take(name, (shape[0], shape[2], shape[3], shape[1]), like).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Cost:
    """Of one image: rows of tiles, multiplications of transforms and products; and bytes of the transformed kernel in fp32."""

    rows: int
    transforms: int
    products: int
    bytes: int


def cost(geometry: Geometry, channels: tuple[int, int], tile: int, adjoint: bool) -> Cost:
    """Of `Spectral`, counted from the shapes.

    Args:
        geometry: of the layer.
        channels: above and below.
        tile: cells per side.
        adjoint: which direction.
    """
    rows, columns = _Tiling.of(geometry.height, tile, adjoint), _Tiling.of(geometry.width, tile, adjoint)
    given, made = channels[0], channels[1] * geometry.phases
    if adjoint:
        given, made = made, given
    u, v = fourier.half(geometry.height.period(tile)), fourier.PARTS * geometry.width.period(tile)
    whole = geometry.width.cells if adjoint else geometry.width.size
    there = sum(2 * u * len(row.inputs) * whole for row in rows.tiles) * given
    there += len(rows.tiles) * len(columns.tiles) * u * v * 2 * len(columns.offsets) * given
    back = len(rows.tiles) * len(columns.tiles) * u * v * 2 * columns.length * made
    back += sum(2 * u * len(row.outputs) * columns.length * len(columns.tiles) for row in rows.tiles) * made
    products = u * v * given * made
    return Cost(len(rows.tiles), there + back, products * len(rows.tiles) * len(columns.tiles), products * 4)


@dataclass(frozen=True)
class _Tiling:
    """One axis cut into tiles.

    Args:
        tiles: of equal length, but for the last.
        length: of a tile, in cells.
        offsets: of the inputs that any tile needs, from its first output.
    """

    tiles: list[Tile]
    length: int
    offsets: range

    @staticmethod
    def of(axis: Axis, tile: int, adjoint: bool) -> "_Tiling":
        """The tiles of an axis."""
        tiles = axis.tiles(tile, adjoint)
        offsets = [each.offsets for each in tiles if each.inputs] or [range(1)]
        union = range(min(each.start for each in offsets), max(each.stop for each in offsets))
        return _Tiling(tiles, len(tiles[0].outputs), union)


@dataclass(frozen=True, eq=False)
class _Direction:
    """All that differs between a transposed convolution and its adjoint.

    Args:
        rows, columns: the tiles of both axes.
        first, second: the matrices there, for every offset of a tile's inputs.
        second_inverse, first_inverse: the matrices back, for every cell of a tile.
        kernel: (frequency, given channels, made channels).
        stride: phases of the output, vertical and horizontal.
        cells: of the output, vertical and horizontal.
        constant: as `fourier.constant`.
        name: of the direction.
    """

    rows: _Tiling
    columns: _Tiling
    first: Tensor
    second: Tensor
    second_inverse: Tensor
    first_inverse: Tensor
    kernel: Tensor
    stride: tuple[int, int]
    cells: tuple[int, int]
    constant: tuple[tuple[int, int], ...]
    name: str


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
        self._periods = geometry.height.period(tile), geometry.width.period(tile)
        transformed = _transformed(kernel, geometry, self._periods)
        self._directions = tuple(self._direction(transformed, adjoint) for adjoint in (False, True))

    def _direction(self, transformed: Tensor, adjoint: bool) -> _Direction:
        height, width = self.geometry.height, self.geometry.width
        rows, columns = _Tiling.of(height, self.tile, adjoint), _Tiling.of(width, self.tile, adjoint)
        vertical, horizontal = self._periods
        return _Direction(
            rows=rows,
            columns=columns,
            first=fourier.first(vertical, rows.offsets).to(transformed),
            second=fourier.second(horizontal, columns.offsets, adjoint).to(transformed),
            second_inverse=fourier.second_inverse(horizontal, range(columns.length), adjoint).to(transformed),
            first_inverse=fourier.first_inverse(vertical, range(rows.length)).to(transformed),
            kernel=transformed.transpose(1, 2) if adjoint else transformed,
            stride=(1, 1) if adjoint else self.geometry.stride,
            cells=(height.size, width.size) if adjoint else (height.cells, width.cells),
            constant=fourier.constant(adjoint),
            name="adjoint" if adjoint else "forward",
        )

    @property
    def bytes(self) -> int:
        """Of the transformed kernel."""
        kernel = self._directions[0].kernel
        return kernel.numel() * kernel.element_size()

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""
        counted = cost(self.geometry, self.channels, self.tile, adjoint)
        return counted.transforms + counted.products

    def forward(self, maps: Above, bias: Tensor | None = None) -> Below:
        """The transposed convolution, channels last in memory; `bias`: (below,), added everywhere."""
        spread = None if bias is None else bias.repeat(self.geometry.phases)
        made = self._apply(maps.permute(0, 2, 3, 1).contiguous(), self._directions[0], spread)
        height, width = self.geometry.output
        return made[:, :height, :width].permute(0, 3, 1, 2)

    def adjoint(self, maps: Below, bias: Tensor | None = None) -> Above:
        """The gradient of Σ maps · forward(x) with respect to x, channels last in memory; `bias`: (above,), added everywhere."""
        return self.adjoint_of_cells(self.cells(maps).contiguous(), bias)

    def cells(self, maps: Below) -> Tensor:
        """Maps of the output's shape as (batch, cell, cell, row phase, column phase, below)."""
        return to_cells(maps, self.geometry).transpose(2, 3)

    def adjoint_of_cells(self, cells: Tensor, bias: Tensor | None = None) -> Above:
        """`adjoint` of maps given as contiguous `cells`."""
        return self._apply(cells.flatten(3), self._directions[1], bias).permute(0, 3, 1, 2)

    def _apply(self, maps: Tensor, direction: _Direction, bias: Tensor | None) -> Tensor:
        """From (batch, cells, cells, channels), contiguous, to (batch, cells · stride, cells · stride, channels)."""
        columns = len(direction.columns.tiles)
        tiles = len(direction.rows.tiles) * columns
        frequencies, given, made = direction.kernel.shape
        padded = columns * direction.columns.length
        shape = len(maps), direction.cells[0], direction.stride[0], columns, direction.columns.length, made // direction.stride[0]
        out = (
            maps.new_empty(shape)
            if self._results is None
            else self._workspace.take(f"{self._results} {direction.name}", shape, maps)
        )
        most = max(1, _BYTES_AT_ONCE // (frequencies * (given + made) * maps.element_size() * tiles))
        for start in range(0, len(maps), most):
            part, results = maps[start : start + most], out[start : start + most]
            there = self._workspace.take("there", (len(part) * tiles, frequencies, given), maps)
            back = self._workspace.take("back", (frequencies, len(part) * tiles, made), maps)
            for images in self._slabs(part):
                for number, tile in enumerate(direction.rows.tiles):
                    first = (number * len(part) + images.start) * columns
                    place = there[first : first + len(part[images]) * columns]
                    self._analyse(part[images], tile, direction, place)
            torch.bmm(there.transpose(0, 1), direction.kernel, out=back)
            if bias is not None:
                for number, sign in direction.constant:
                    back[number].add_(bias, alpha=sign)
            for images in self._slabs(part):
                for number, tile in enumerate(direction.rows.tiles):
                    first = (number * len(part) + images.start) * columns
                    place = results[images, tile.outputs.start : tile.outputs.stop]
                    self._synthesise(back[:, first : first + len(place) * columns], direction, place)
        whole = out.view(len(maps), direction.cells[0] * direction.stride[0], padded * direction.stride[1], -1)
        return whole[:, :, : direction.cells[1] * direction.stride[1]]

    def _slabs(self, maps: Tensor) -> list[slice]:
        """Images transformed together: on a CPU as many as its cache holds."""
        step = len(maps) if maps.is_cuda else max(1, _CACHED // (maps[0].numel() * maps.element_size()))
        return [slice(start, min(start + step, len(maps))) for start in range(0, len(maps), step)]

    def _analyse(self, maps: Tensor, tile: Tile, direction: _Direction, out: Tensor) -> None:
        """Transforms a row of tiles of (batch, cells, cells, channels) into ((batch, tile), (u, v, part), channels)."""
        count, _, width, channels = maps.shape
        offsets, columns = direction.columns.offsets, direction.columns
        tiles, margin = len(columns.tiles), max(0, -offsets.start)
        skipped = offsets.start + margin
        wide = max(margin + width, skipped + (tiles - 1) * columns.length + len(offsets))
        half = self._workspace.take("half", (count, len(direction.first), wide, channels), maps)
        half[:, :, :margin].zero_()
        half[:, :, margin + width :].zero_()
        above = tile.offsets.start - direction.rows.offsets.start
        matrix = direction.first[:, above : above + len(tile.inputs)]
        for image, place in zip(maps, half, strict=True):
            given = image[tile.inputs.start : tile.inputs.stop].flatten(1)
            torch.mm(matrix, given, out=place[:, margin : margin + width].flatten(1))
        frequencies = len(direction.first) // 2
        batch = count * tiles * frequencies
        shape = count, tiles, frequencies, 2, len(offsets), channels
        image_step, row_step = half.stride(0), half.stride(1)
        steps = image_step, columns.length * channels, 2 * row_step, row_step, channels, 1
        spread = half.as_strided(shape, steps, skipped * channels)
        if not spread.is_contiguous():  # neighbours overlap
            spread = self._workspace.take("tiles", shape, maps).copy_(spread)
        matrices = direction.second.expand(batch, -1, -1)
        torch.bmm(matrices, spread.view(batch, -1, channels), out=out.view(batch, -1, channels))

    def _synthesise(self, products: Tensor, direction: _Direction, out: Tensor) -> None:
        """From ((u, v, part), (batch, tile), (row phase, …)) into (batch, cell, row phase, tile, cell, …)."""
        frequencies = len(direction.first) // 2
        count, height, phases, tiles, length, width = out.shape
        given = products.view(frequencies, -1, *products.shape[1:]).flatten(2)  # u, (v, part), (batch, tile, row phase, …)
        half = self._workspace.take("half", (frequencies, len(direction.second_inverse), given.shape[2]), out)
        torch.bmm(direction.second_inverse.expand(frequencies, -1, -1), given, out=half)
        matrix = direction.first_inverse[:height]
        if count * phases * tiles == 1:
            torch.mm(matrix, half.view(2 * frequencies, -1), out=out.view(height, -1))
            return
        made = self._workspace.take("made", (height, length * given.shape[2]), out)
        torch.mm(matrix, half.view(2 * frequencies, -1), out=made)
        out.copy_(made.view(height, length, count, tiles, phases, width).permute(2, 0, 4, 3, 1, 5))


def _transformed(kernel: Kernel, geometry: Geometry, periods: tuple[int, int]) -> Tensor:
    """((u, v, part), above, (row, column, below)), divided by both periods."""
    cells = kernel_cells(kernel, geometry)
    above, phased = cells.shape[2], cells[0, 0, 0].numel()
    rows = (fourier.first(periods[0], geometry.height.taps) / (periods[0] * periods[1])).to(cells)
    columns = fourier.second_of_kernel(periods[1], geometry.width.taps).to(cells)
    half = torch.mm(rows, cells.flatten(1)).view(fourier.half(periods[0]), columns.shape[1], -1)
    made = cells.new_empty(len(half), len(columns), half.shape[2])
    for frequency, given in zip(made, half, strict=True):
        torch.mm(columns, given, out=frequency)
    return made.view(-1, above, phased)
