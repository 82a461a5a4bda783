"""Which algorithm computes a layer: on a CPU decided from shapes alone, so that a result does not vary between runs.

The unit of cost is one multiplication of a direct convolution. Those of `Spectral` take longer, by the factors below (measured:
benchmarks/RESULTS.md). Transformed kernels are large, and all of a network share a budget of memory.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from pcsweep.network.convolution.direct import Blocks, Direct, Phases
from pcsweep.network.convolution.geometry import Geometry
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.convolution.native.plan import Plan
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.spectral_cost import spectral_cost
from pcsweep.network.convolution.workspace import Workspace

BUDGET = 5376 * 2**20  # bytes of transformed kernels in one network
_PRODUCT, _TRANSFORM = 1.2, 3.0  # cost of a multiplication in the products of spectra, and in the transforms
_NATIVE, _FLOAT = 0.95, 20.0  # in machine code: cost of a multiplication, and of a float that is written and read again
_KERNEL_FLOAT = 0.3  # cost of reading a float of a transformed kernel, shared by some thirty images
_ROW = 2_000_000  # cost of the calls for a row of tiles, whatever its size
_WORTHWHILE = 0.75  # a transform has to cost less than this share of the direct cost
_SMALL = 50_000_000  # multiplications of a layer below which a call costs more than what it computes
_SHORTEST, _SHORTEST_NATIVE = 7, 4  # cells of a tile, at least
_PARTS = (1, 2, 3, 4, 6, 8, 12, 16)  # into how many tiles a side may be cut
_UNIT = 2**20  # bytes of memory that count as none when two choices are compared
_CANDIDATES = 2  # lengths of tiles that are measured on a GPU
_IMAGES = 8  # of such a measurement


@runtime_checkable
class Algorithm(Protocol):
    """One way to compute a transposed convolution and its adjoint."""

    def multiplications(self, adjoint: bool) -> int:
        """For one image."""

    def forward(self, maps: Tensor, bias: Tensor | None = None) -> Tensor:
        """The transposed convolution."""

    def adjoint(self, maps: Tensor, bias: Tensor | None = None) -> Tensor:
        """The gradient of Σ maps · forward(x) with respect to x."""


@dataclass(frozen=True)
class Layer:
    """The shapes of a layer, on which the choice depends.

    Args:
        geometry: where the taps fall.
        channels: above and below.
        directions: in which it is computed: `False` forward, `True` adjoint.
        native: whether machine code made for this processor may compute it.
    """

    geometry: Geometry
    channels: tuple[int, int]
    directions: tuple[bool, ...] = (False, True)
    native: bool = False


@dataclass(frozen=True)
class Option:
    """A way to compute a layer.

    Args:
        tile: cells per side of a tile whose Fourier transform is used; `None` for a direct convolution.
        cost: of one image, in multiplications of a direct convolution, over the layer's directions.
        bytes: of the transformed kernel.
        native: whether it is machine code made for this processor.
    """

    tile: int | None
    cost: float
    bytes: int
    native: bool = False


def chosen(layers: Sequence[Layer], budget: int = BUDGET) -> list[Option]:
    """The options, one per layer, that together cost least among those whose kernels fit into the budget.

    Layer by layer it extends every partial choice by every option of the layer, and keeps the Pareto front of bytes and cost.
    """
    bytes_, costs = np.zeros(1, np.int64), np.zeros(1)  # of the partial choices, from the fewest bytes to the least cost
    partials: list[tuple[Option, ...]] = [()]
    for layer in layers:
        ways = options(layer)
        bytes_ = np.add.outer(bytes_, np.array([way.bytes for way in ways])).ravel()
        costs = np.add.outer(costs, np.array([way.cost for way in ways])).ravel()
        front = _pareto_front(bytes_, costs, budget)
        bytes_, costs = bytes_[front], costs[front]
        partials = [(*partials[each // len(ways)], ways[each % len(ways)]) for each in front.tolist()]
    return list(partials[-1])


def _pareto_front(bytes_: np.ndarray, costs: np.ndarray, budget: int) -> np.ndarray:
    """Numbers of those in the budget that cost less than every one of no more bytes, from the fewest bytes to the least cost."""
    affordable = np.flatnonzero(bytes_ <= budget)
    order = affordable[np.lexsort((costs[affordable], bytes_[affordable] // _UNIT))]
    least = np.minimum.accumulate(costs[order])
    better = np.concatenate([[True], costs[order][1:] < least[:-1]])
    return np.asarray(order[better])


def options(layer: Layer) -> list[Option]:
    """The ways worth considering, the direct one first."""
    multiplications = _direct_multiplications(layer)
    direct = Option(None, float(multiplications * len(layer.directions)), 0)
    if layer.native and layer.directions and NativeNarrow.suit(layer.channels, layer.geometry):
        return [replace(direct, native=True)]
    if not layer.directions or multiplications < _SMALL or Blocks.suit(layer.channels, layer.geometry):
        return [direct]
    shortest = _SHORTEST_NATIVE if layer.native else _SHORTEST
    tiled = [_tiled(layer, tile) for tile in _tile_lengths(layer.geometry, shortest)]
    return [direct, *(option for option in tiled if option.cost < _WORTHWHILE * direct.cost)]


def _direct_multiplications(layer: Layer) -> int:
    """Of one image in one direction."""
    height, width = layer.geometry.height, layer.geometry.width
    return layer.channels[0] * layer.channels[1] * height.kernel * width.kernel * height.size * width.size


def _tile_lengths(geometry: Geometry, shortest: int) -> list[int]:
    """Lengths that cut the longest side into equal parts."""
    longest = max(max(axis.cells, axis.size) for axis in (geometry.height, geometry.width))
    lengths = {-(-longest // parts) for parts in _PARTS}
    return sorted(length for length in lengths if length >= min(shortest, longest))


def _tiled(layer: Layer, tile: int) -> Option:
    """The option of transforming tiles of that length."""
    plan = Plan(layer.geometry, layer.channels, tile)
    if layer.native and plan.covered:
        times = (_NATIVE * plan.multiplications(each) + _FLOAT * plan.floats_moved(each) for each in layer.directions)
        kernels = len(layer.directions) * _KERNEL_FLOAT * plan.bytes / 4
        return Option(tile, sum(times) + kernels, plan.bytes, native=True)
    costs = [spectral_cost(layer.geometry, layer.channels, tile, adjoint) for adjoint in layer.directions]
    total = sum(_PRODUCT * each.products + _TRANSFORM * each.transforms + _ROW * each.rows for each in costs)
    return Option(tile, float(total), costs[0].bytes)


def algorithm(kernel: Tensor, layer: Layer, option: Option, workspace: Workspace, results: str | None = None) -> Algorithm:
    """The algorithm of an option, with its kernel prepared.

    Args:
        kernel, layer: what is to be computed.
        option: of the layer.
        workspace, results: as `Spectral` has them.
    """
    if option.tile is not None:
        if option.native:
            return NativeSpectral(kernel, Plan(layer.geometry, layer.channels, option.tile), workspace, results, layer.directions)
        return Spectral(kernel, layer.geometry, option.tile, workspace, results)
    if option.native:
        return NativeNarrow(kernel, layer.geometry, workspace, results)
    return (Blocks if Blocks.suit(layer.channels, layer.geometry) else Direct)(kernel, layer.geometry)


def fastest(
    kernel: Tensor, layer: Layer, workspace: Workspace, budget: int, clock: Callable[[Callable[[], object]], float]
) -> Algorithm:
    """The algorithm that takes the least time here for `_IMAGES` images, both directions together.

    For devices whose libraries' speed does not follow from multiplications. Two algorithms' results differ in their last digits.

    Args:
        kernel, layer: what is to be computed.
        workspace: for what is needed during a call only.
        budget: bytes that a transformed kernel may take.
        clock: seconds that a call takes, such as `timed`.
    """
    above, below = layer.channels
    height, width = layer.geometry.height, layer.geometry.width
    maps = torch.zeros(_IMAGES, height.size, width.size, above, dtype=kernel.dtype, device=kernel.device).permute(0, 3, 1, 2)
    errors = maps.new_zeros(_IMAGES, height.output, width.output, below).permute(0, 3, 1, 2)
    best: tuple[float, Algorithm] | None = None
    for candidate in candidates(kernel, layer, workspace, budget):
        seconds = clock(lambda way=candidate: (way.forward(maps), way.adjoint(errors)))  # type: ignore[misc]
        if best is None or seconds < best[0]:
            best = seconds, candidate
    assert best is not None  # the direct convolution is always a candidate
    return best[1]


def candidates(kernel: Tensor, layer: Layer, workspace: Workspace, budget: int) -> Iterator[Algorithm]:
    """The algorithms that may be the fastest on a GPU, made one at a time: they may be too large to be held together."""
    direct, *tiled = options(layer)
    yield algorithm(kernel, layer, direct, workspace)
    yield Phases(kernel, layer.geometry)
    for option in sorted(tiled, key=lambda option: option.cost)[:_CANDIDATES]:
        if option.bytes <= budget:
            yield algorithm(kernel, layer, option, workspace)


def timed(call: Callable[[], object]) -> float:
    """Seconds of the fastest of four calls, each until the device has finished; the first one warms up."""
    return min(_seconds(call) for _ in range(4))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    for device in range(torch.cuda.device_count()):
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
