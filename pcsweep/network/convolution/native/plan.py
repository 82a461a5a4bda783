"""The transforms of a layer's tiles: their periods and numbers, and what they cost, from shapes alone."""

import functools
import itertools
import math
from dataclasses import dataclass

from pcsweep.network.convolution.geometry import Axis, Geometry, Tiling
from pcsweep.network.convolution.native import dft, library, products
from pcsweep.network.convolution.native.transforms import Side

_LARGEST = 40  # cells of a period: longer transforms do not fit into registers
_STREAMED = 4 * 2**20  # bytes of an image's spectra and products
_LINE = 64  # bytes of a line of the cache


@dataclass(frozen=True)
class Plan:
    """The transforms of a layer's tiles.

    Args:
        geometry: of the layer.
        channels: above and below.
        tile: cells per side.
    """

    geometry: Geometry
    channels: tuple[int, int]
    tile: int

    @property
    def periods(self) -> tuple[int, int]:
        """Along height and width."""
        return _period(self.geometry.height, self.tile), _period(self.geometry.width, self.tile)

    @property
    def covered(self) -> bool:
        """Whether the machine code is made for it."""
        geometry, wide = self.geometry, products.WIDE * library.lanes()
        whole = all(axis.output % axis.stride == 0 for axis in (geometry.height, geometry.width))
        vectors = all(count % wide == 0 for count in (self.channels[0], self.channels[1]))
        return whole and vectors and max(self.periods) <= _LARGEST

    @property
    def frequencies(self) -> int:
        """Complex ones that are kept."""
        height, width = self.periods
        return height * width // 2 + 2

    @property
    def wide(self) -> int:
        """Channels below a cell, with its phases."""
        return self.channels[1] * self.geometry.phases

    @property
    def bytes(self) -> int:
        """Of the transformed kernel."""
        return 8 * self.frequencies * self.channels[0] * self.wide

    def tilings(self, adjoint: bool) -> tuple[Tiling, Tiling]:
        """Of height and width."""
        return _tiling(self.geometry.height, self.tile, adjoint), _tiling(self.geometry.width, self.tile, adjoint)

    def sides(self, adjoint: bool) -> tuple[Side, Side]:
        """Of height and width."""
        height, width = (Side(period, tiling.length) for period, tiling in zip(self.periods, self.tilings(adjoint), strict=True))
        return height, width

    def tiles(self, adjoint: bool) -> int:
        """Of one image."""
        rows, columns = self.tilings(adjoint)
        return len(rows.tiles) * len(columns.tiles)

    def multiplications(self, adjoint: bool) -> int:
        """For one image, transforms included."""
        inputs, outputs = (self.wide, self.channels[0]) if adjoint else (self.channels[0], self.wide)
        return self.tiles(adjoint) * (
            3 * self.frequencies * inputs * outputs
            + inputs * _multiplications(*self.sides(adjoint), back=False)
            + outputs * _multiplications(*self.sides(adjoint), back=True)
        )

    def held(self, adjoint: bool) -> int:
        """Bytes of the spectra and products of one image."""
        inputs, outputs = (self.wide, self.channels[0]) if adjoint else (self.channels[0], self.wide)
        return 4 * self.tiles(adjoint) * self.frequencies * (3 * inputs + 2 * outputs)

    def streamed(self, adjoint: bool) -> bool:
        """Whether they are written past the cache, which a few images would fill; a vector has to be a line of it."""
        return self.held(adjoint) >= _STREAMED and 4 * library.lanes() == _LINE

    def floats_moved(self, adjoint: bool) -> int:
        """Written to and read from memory for one image: maps, spectra and products."""
        inputs, outputs = (self.wide, self.channels[0]) if adjoint else (self.channels[0], self.wide)
        height, width = self.sides(adjoint)
        cells = height.period * width.period * inputs + height.outputs * width.outputs * outputs
        return self.tiles(adjoint) * (cells + self.frequencies * (6 * inputs + 4 * outputs))


_tiling = functools.cache(Tiling.of)


@functools.cache
def _period(axis: Axis, tile: int) -> int:
    """The least even one of factors for which there is a transform."""
    return next(each for each in itertools.count(axis.period(tile)) if each % 2 == 0 and _is_smooth(each))


def _is_smooth(number: int) -> bool:
    for radix in dft.RADICES:
        while number % radix == 0:
            number //= radix
    return number == 1


@functools.cache
def _multiplications(height: Side, width: Side, back: bool) -> int:
    """Of the transform of a tile of one channel."""
    along_height, along_width = dft.multiplications(height.period), dft.multiplications(width.period)
    columns = width.outputs if back else width.period
    return math.ceil(columns / 2) * along_height + height.period // 2 * along_width
