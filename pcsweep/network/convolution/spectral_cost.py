"""What a layer costs by Fourier transforms of tiles, counted from shapes alone."""

from dataclasses import dataclass

from pcsweep.network.convolution import fourier
from pcsweep.network.convolution.geometry import Geometry, Tiling


@dataclass(frozen=True)
class SpectralCost:
    """Of one image and one direction.

    Args:
        rows: of tiles, each of which is a call of its own.
        transforms: multiplications of the transforms there and back.
        products: multiplications of spectra with the kernel's.
        bytes: of the transformed kernel, in fp32.
    """

    rows: int
    transforms: int
    products: int
    bytes: int


def spectral_cost(geometry: Geometry, channels: tuple[int, int], tile: int, adjoint: bool) -> SpectralCost:
    """The cost of `Spectral`.

    Args:
        geometry: of the layer.
        channels: above and below.
        tile: cells per side.
        adjoint: which direction.
    """
    rows, columns = Tiling.of(geometry.height, tile, adjoint), Tiling.of(geometry.width, tile, adjoint)
    tiles = len(rows.tiles) * len(columns.tiles)
    inputs, outputs = channels[0], channels[1] * geometry.phases
    if adjoint:
        inputs, outputs = outputs, inputs
    width = geometry.width.cells if adjoint else geometry.width.size  # of the input, in cells
    u, v = fourier.kept(geometry.height.period(tile)), fourier.PARTS * geometry.width.period(tile)
    analysis = sum(2 * u * len(row.inputs) * width for row in rows.tiles) + tiles * u * v * 2 * len(columns.offsets)
    made = columns.length * len(columns.tiles)  # of the output, in cells
    synthesis = tiles * u * v * 2 * columns.length + sum(2 * u * len(row.outputs) * made for row in rows.tiles)
    kernel = u * v * inputs * outputs
    return SpectralCost(len(rows.tiles), analysis * inputs + synthesis * outputs, kernel * tiles, kernel * 4)
