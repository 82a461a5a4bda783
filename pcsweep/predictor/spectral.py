"""Transposed convolutions and their adjoints by Fourier transforms of tiles (the package's docstring has the mathematics)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from pcsweep.predictor import fourier
from pcsweep.predictor.geometry import Geometry, Tile, kernel_cells, to_cells

Above = Float[Tensor, "batch above height width"]  # what is convolved
Below = Float[Tensor, "batch below output_height output_width"]  # what that makes
Kernel = Float[Tensor, "above below kernel_height kernel_width"]

_BYTES_AT_ONCE = 512 * 2**20  # of transformed maps


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
    """Of transforming and multiplying one image, in multiplications, and the bytes of the transformed kernel in fp32."""

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
    height, width = geometry.height, geometry.width
    periods = height.period(tile), width.period(tile)
    given, made = channels[0], channels[1] * geometry.phases
    if adjoint:
        given, made = made, given
    u, v = fourier.half(periods[0]), fourier.PARTS * periods[1]
    rows, columns = height.tiles(tile, adjoint), width.tiles(tile, adjoint)
    whole = width.cells if adjoint else width.size
    there = sum(2 * u * len(row.inputs) * whole for row in rows) * given
    there += len(rows) * sum(u * v * 2 * len(column.inputs) for column in columns) * given
    back = len(rows) * sum(u * v * 2 * len(column.outputs) for column in columns) * made
    back += sum(2 * u * len(row.outputs) * len(column.outputs) for row in rows for column in columns) * made
    products = u * v * given * made
    return Cost(there + back, products * len(rows) * len(columns), products * 4)


@dataclass(frozen=True, eq=False)
class _Transform:
    """A tile with the matrices of one axis, there and back."""

    tile: Tile
    there: Tensor
    back: Tensor


@dataclass(frozen=True, eq=False)
class _Direction:
    """All that differs between a transposed convolution and its adjoint.

    Args:
        rows, columns: the tiles of both axes.
        kernel: (frequency, given channels, made channels).
        stride: phases of the output, vertical and horizontal.
        cells: of the output, vertical and horizontal.
        constant: as `fourier.constant`.
        name: of the memory for results.
    """

    rows: list[_Transform]
    columns: list[_Transform]
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
        reused: whether results lie in the workspace as well, where the next call overwrites them.
    """

    def __init__(
        self, kernel: Kernel, geometry: Geometry, tile: int, workspace: Workspace | None = None, reused: bool = False
    ) -> None:
        self.geometry, self.tile, self._reused = geometry, tile, reused
        self.channels = kernel.shape[0], kernel.shape[1]
        self._workspace = Workspace() if workspace is None else workspace
        self._periods = geometry.height.period(tile), geometry.width.period(tile)
        transformed = _transformed(kernel, geometry, self._periods)
        self._directions = tuple(self._direction(transformed, adjoint) for adjoint in (False, True))

    def _direction(self, transformed: Tensor, adjoint: bool) -> _Direction:
        height, width = self.geometry.height, self.geometry.width

        def row(tile: Tile) -> _Transform:
            there, back = fourier.first(self._periods[0], tile.inputs), fourier.first_inverse(self._periods[0], tile.outputs)
            return _Transform(tile, there.to(transformed), back.to(transformed))

        def column(tile: Tile) -> _Transform:
            there = fourier.second(self._periods[1], tile.inputs, adjoint)
            back = fourier.second_inverse(self._periods[1], tile.outputs, adjoint)
            return _Transform(tile, there.to(transformed), back.to(transformed))

        return _Direction(
            rows=[row(tile) for tile in height.tiles(self.tile, adjoint)],
            columns=[column(tile) for tile in width.tiles(self.tile, adjoint)],
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
        tiles = len(direction.rows) * len(direction.columns)
        frequencies, given, made = direction.kernel.shape
        rows, columns = direction.stride
        channels = made // (rows * columns)
        shape = len(maps), direction.cells[0] * rows, direction.cells[1] * columns * channels
        out = self._workspace.take(direction.name, shape, maps) if self._reused else maps.new_empty(shape)
        most = max(1, _BYTES_AT_ONCE // (frequencies * (given + made) * maps.element_size() * tiles))
        for start in range(0, len(maps), most):
            part, made_of = maps[start : start + most], out[start : start + most]
            there = self._workspace.take("there", (len(part) * tiles, frequencies, given), maps)
            back = self._workspace.take("back", (frequencies, len(part) * tiles, made), maps)
            for images, places in _slabs(part, tiles):
                self._analyse(part[images], direction, there[places])
            torch.bmm(there.transpose(0, 1), direction.kernel, out=back)
            if bias is not None:
                for number, sign in direction.constant:
                    back[number].add_(bias, alpha=sign)
            for images, places in _slabs(part, tiles):
                self._synthesise(back[:, places], direction, made_of[images])
        return out.unflatten(2, (-1, channels))

    def _analyse(self, maps: Tensor, direction: _Direction, out: Tensor) -> None:
        """Transforms (batch, cells, cells, channels) into ((tile, batch), (u, v, part), channels)."""
        count, _, width, channels = maps.shape
        number = 0
        for row in direction.rows:
            given = maps[:, row.tile.inputs.start : row.tile.inputs.stop].flatten(2)
            half = torch.matmul(row.there, given).view(-1, 2, width, channels)  # (batch, u), re|im, column, channel
            for column in direction.columns:
                inputs = column.tile.inputs
                chosen = half[:, :, inputs.start : inputs.stop].reshape(len(half), 2 * len(inputs), channels)
                place = out[number : number + count].view(len(half), -1, channels)
                torch.bmm(column.there.expand(len(half), -1, -1), chosen, out=place)
                number += count

    def _synthesise(self, products: Tensor, direction: _Direction, out: Tensor) -> None:
        """From ((u, v, part), (tile, batch), (row, column, channel)) into (batch, rows, columns · channels)."""
        u = fourier.half(self._periods[0])
        rows = direction.stride[0]
        phases = products.unflatten(2, (rows, -1)).unflatten(0, (u, -1))  # u, (v, part), (tile, batch), row, (column, channel)
        width = phases.shape[-1]
        cells = out.unflatten(1, (-1, rows))  # batch, cell, row, (cell, column, channel)
        count, number = len(out), 0
        for row in direction.rows:
            for column in direction.columns:
                outputs = column.tile.outputs
                for phase in range(rows):
                    given = phases[:, :, number : number + count, phase].reshape(u, phases.shape[1], count * width)
                    half = torch.bmm(column.back.expand(u, -1, -1), given).view(row.back.shape[1], -1)
                    place = cells[:, row.tile.outputs.start : row.tile.outputs.stop, phase]
                    place = place[..., outputs.start * width : outputs.stop * width]
                    if count == 1:
                        torch.mm(row.back, half, out=place[0])
                    else:
                        made = torch.mm(row.back, half).view(len(row.back), len(outputs), count, width)
                        place.copy_(made.permute(2, 0, 1, 3).flatten(2))
                number += count


def _slabs(maps: Tensor, tiles: int) -> Iterator[tuple[slice, slice]]:
    """Images transformed together, and their rows: on a CPU one by one, so that an image's transforms stay in its cache."""
    step = len(maps) if maps.is_cuda else 1
    for start in range(0, len(maps), step):
        stop = min(start + step, len(maps))
        yield slice(start, stop), slice(start * tiles, stop * tiles)


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
