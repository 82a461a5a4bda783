"""From the tiles of a map to their spectra, and from products of spectra back to a map.

Maps are in the order of memory in which every step is one product of real matrices: (images, height, width, channels), in cells,
with the phases of a cell beside its channels. A *row of tiles* is all tiles that start at the same height.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pcsweep.network.convolution import fourier
from pcsweep.network.convolution.geometry import Geometry, Tile, Tiling
from pcsweep.network.convolution.workspace import Workspace


@dataclass(frozen=True, eq=False)
class TileTransform:
    """The transforms of one direction of a layer; of each pair of matrices the width's is applied to what the height's made.

    Args:
        rows, columns: the tiles along height and width.
        along_height: ((u, re|im), offset), for the rows that any tile needs.
        along_width: ((v, part), (re|im, offset)), for the columns that any tile needs.
        back_along_width: ((re|im, column), (v, part)), for the columns that a tile makes.
        back_along_height: (row, (u, re|im)), for the rows that a tile makes.
    """

    rows: Tiling
    columns: Tiling
    along_height: Tensor
    along_width: Tensor
    back_along_width: Tensor
    back_along_height: Tensor

    @staticmethod
    def of(geometry: Geometry, tile: int, adjoint: bool, like: Tensor) -> "TileTransform":
        """For tiles of `tile` cells a side, in the precision and on the device of `like`."""
        height, width = geometry.height.period(tile), geometry.width.period(tile)
        rows, columns = Tiling.of(geometry.height, tile, adjoint), Tiling.of(geometry.width, tile, adjoint)
        return TileTransform(
            rows=rows,
            columns=columns,
            along_height=fourier.along_height(height, rows.offsets).to(like),
            along_width=fourier.along_width(width, columns.offsets, adjoint).to(like),
            back_along_width=fourier.back_along_width(width, range(columns.length), adjoint).to(like),
            back_along_height=fourier.back_along_height(height, range(rows.length)).to(like),
        )

    @property
    def tiles(self) -> int:
        """Of one image."""
        return len(self.rows.tiles) * len(self.columns.tiles)

    def analyse(self, maps: Tensor, row: Tile, out: Tensor, workspace: Workspace) -> None:
        """Writes the spectra of a row of tiles.

        Args:
            maps: (images, height, width, channels), contiguous.
            row: the heights of its tiles.
            out: (images, tiles of the row, frequencies (u, v, part), channels), contiguous.
            workspace: for what lies between.
        """
        half = self._columns_analysed(maps, row, workspace)  # (images, (u, re|im), padded width, channels)
        windows = self._windows(half, workspace)  # (images, tiles, u, re|im, width of a tile's inputs, channels)
        windows = windows.flatten(0, 2).flatten(1, 2)  # ((image, tile, u), (re|im, offset), channels)
        spectra = out.view(len(windows), len(self.along_width), out.shape[-1])  # ((image, tile, u), (v, part), channels)
        torch.bmm(self.along_width.expand(len(windows), -1, -1), windows, out=spectra)

    def _columns_analysed(self, maps: Tensor, row: Tile, workspace: Workspace) -> Tensor:
        """Transforms every column of cells along its height, once for all tiles of the row, between margins of zeros.

        The margins are as wide as the first tile's inputs begin left of the map and the last one's end right of it.
        """
        images, _, width, channels = maps.shape
        left = self._left_margin
        padded = max(left + width, self._first_window + self._windows_width)
        half = workspace.take("half transformed", (images, len(self.along_height), padded, channels), maps)
        half[:, :, :left].zero_()
        half[:, :, left + width :].zero_()
        first = row.offsets.start - self.rows.offsets.start  # a tile at the border needs fewer rows than others
        matrix = self.along_height[:, first : first + len(row.inputs)]  # ((u, re|im), rows)
        for image, transformed in zip(maps, half, strict=True):
            rows = image[row.inputs.start : row.inputs.stop].flatten(1)  # (rows, (width, channels))
            torch.mm(matrix, rows, out=transformed[:, left : left + width].flatten(1))
        return half

    def _windows(self, half: Tensor, workspace: Workspace) -> Tensor:
        """The columns that each tile needs, contiguous: (images, tiles, u, re|im, columns, channels)."""
        images, _, _, channels = half.shape
        needed = half[:, :, self._first_window : self._first_window + self._windows_width]
        needed = needed.view(images, -1, 2, self._windows_width, channels)  # (images, u, re|im, columns of all tiles, channels)
        windows = needed.unfold(3, len(self.columns.offsets), self.columns.length)  # (images, u, re|im, tiles, channels, columns)
        windows = windows.permute(0, 3, 1, 2, 5, 4)  # (images, tiles, u, re|im, columns, channels)
        if windows.is_contiguous():
            return windows
        return workspace.take("windows", windows.shape, half).copy_(windows)  # neighbours overlap

    @property
    def _left_margin(self) -> int:
        """Columns of zeros left of the map."""
        return max(0, -self.columns.offsets.start)

    @property
    def _first_window(self) -> int:
        """Where the first tile's columns begin, counted from the left margin's."""
        return self.columns.offsets.start + self._left_margin

    @property
    def _windows_width(self) -> int:
        """From the first column of the first tile's to the last one of the last tile's."""
        return (len(self.columns.tiles) - 1) * self.columns.length + len(self.columns.offsets)

    def synthesise(self, products: Tensor, out: Tensor, workspace: Workspace) -> None:
        """Writes the cells that a row of tiles makes.

        Args:
            products: (frequencies (u, v, part), images, tiles of the row, (row phase, column phase, channel)).
            out: (images, height, row phases, tiles, width of a tile, (column phase, channel)).
            workspace: for what lies between.
        """
        images, height, phases, tiles, width, values = out.shape
        frequencies = len(self.along_height) // 2
        parts = self.back_along_width.shape[1]
        flat = products.flatten(1).view(frequencies, parts, -1)  # (u, (v, part), (image, tile, row phase, value))
        half = workspace.take("half transformed", (frequencies, len(self.back_along_width), flat.shape[2]), out)
        torch.bmm(self.back_along_width.expand(frequencies, -1, -1), flat, out=half)  # (u, (re|im, column), (image, …))
        half = half.view(2 * frequencies, -1)  # ((u, re|im), (column, image, tile, row phase, value))
        matrix = self.back_along_height[:height]  # (row, (u, re|im))
        if images * phases * tiles == 1:  # what is made is in the order of `out`
            torch.mm(matrix, half, out=out.view(height, -1))
            return
        made = workspace.take("synthesised", (height, half.shape[1]), out)
        torch.mm(matrix, half, out=made)  # (row, (column, image, tile, row phase, value))
        ordered = made.view(height, width, images, tiles, phases, values).permute(2, 0, 4, 3, 1, 5)
        out.copy_(ordered)  # (image, row, row phase, tile, column, value)
