"""Which algorithm computes a layer: on a CPU decided from shapes alone, so that a result never depends on the machine's mood.

Costs are in multiplications of a direct convolution. Those of the products of `Spectral` and of its transforms are dearer by the
factors below, as measured (benchmarks/RESULTS.md). Transformed kernels are large, and all of a network share a budget.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from pcsweep.network.convolution.direct import Blocks, Direct, Phases
from pcsweep.network.convolution.geometry import Geometry
from pcsweep.network.convolution.spectral import Spectral, Workspace, cost

BUDGET = 3328 * 2**20  # bytes of transformed kernels in one network
_PRODUCT, _TRANSFORM = 1.2, 3.0
_ROW = 2_000_000  # what the calls for a row of tiles cost beside their work
_WORTHWHILE = 0.75  # of the direct cost
_SMALL = 50_000_000  # multiplications below which a call costs more than what it computes
_SHORTEST = 7  # cells of a tile
_UNIT = 2**20  # bytes, below which no difference is made
_CANDIDATES = 2  # lengths of tiles that are tried where ways are compared by measuring
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
    """What a choice depends on.

    Args:
        geometry: where the taps fall.
        channels: above and below.
        directions: which are used: `False` forward, `True` adjoint.
    """

    geometry: Geometry
    channels: tuple[int, int]
    directions: tuple[bool, ...] = (False, True)


@dataclass(frozen=True)
class Option:
    """A way to compute a layer: by tiles of that length, or directly."""

    tile: int | None
    cost: float
    bytes: int


def options(layer: Layer) -> list[Option]:
    """The ways worth considering, the direct one first."""
    geometry, channels = layer.geometry, layer.channels
    taps = geometry.height.kernel * geometry.width.kernel
    direct = channels[0] * channels[1] * taps * geometry.height.size * geometry.width.size
    found = [Option(None, float(direct * len(layer.directions)), 0)]
    if direct < _SMALL or Blocks.suit(channels, geometry):
        return found
    longest = max(geometry.height.cells, geometry.width.cells, geometry.height.size, geometry.width.size)
    lengths = {-(-longest // parts) for parts in (1, 2, 3, 4, 6, 8, 12, 16)}
    for tile in sorted(length for length in lengths if length >= min(_SHORTEST, longest)):
        costs = [cost(geometry, channels, tile, adjoint) for adjoint in layer.directions]
        total = sum(_PRODUCT * each.products + _TRANSFORM * each.transforms + _ROW * each.rows for each in costs)
        if total < _WORTHWHILE * found[0].cost:
            found.append(Option(tile, float(total), costs[0].bytes))
    return found


def chosen(layers: Sequence[Layer], budget: int = BUDGET) -> list[Option]:
    """The options that together cost least among those that fit into the budget.

    Layer by layer, only those beginnings are gone on with that no other one beats in both memory and cost.
    """
    front: list[_Beginning] = [_Beginning(0, 0.0, ())]
    for layer in layers:
        grown = [beginning.with_(way) for beginning in front for way in options(layer)]
        front = []
        for each in sorted((each for each in grown if each.bytes <= budget), key=lambda each: (each.bytes // _UNIT, each.cost)):
            if not front or each.cost < front[-1].cost:
                front.append(each)
    return list(front[-1].options)


@dataclass(frozen=True)
class _Beginning:
    """Options of the first layers."""

    bytes: int
    cost: float
    options: tuple[Option, ...]

    def with_(self, option: Option) -> "_Beginning":
        """The same with the option of the next layer."""
        return _Beginning(self.bytes + option.bytes, self.cost + option.cost, (*self.options, option))


def algorithm(
    kernel: Tensor, geometry: Geometry, tile: int | None, workspace: Workspace, results: str | None = None
) -> Algorithm:
    """The chosen way, ready to be used; `results`, as of `Spectral`, is where a result lies until the next call."""
    if tile is not None:
        return Spectral(kernel, geometry, tile, workspace, results)
    if Blocks.suit((kernel.shape[0], kernel.shape[1]), geometry):
        return Blocks(kernel, geometry)
    return Direct(kernel, geometry)


def candidates(kernel: Tensor, layer: Layer, workspace: Workspace, budget: int) -> Iterator[Algorithm]:
    """Every way that a device might be fastest with, one after the other: they may be too large to be held together."""
    ways = options(layer)
    yield algorithm(kernel, layer.geometry, None, workspace)
    yield Phases(kernel, layer.geometry)
    for option in sorted(ways[1:], key=lambda way: way.cost)[:_CANDIDATES]:
        if option.bytes <= budget:
            yield algorithm(kernel, layer.geometry, option.tile, workspace)


def fastest(
    kernel: Tensor, layer: Layer, workspace: Workspace, budget: int, clock: Callable[[Callable[[], object]], float]
) -> Algorithm:
    """The way that takes the least time here, both directions together, for `_IMAGES` images.

    For devices whose libraries' speed no count of multiplications foretells. Results of two ways differ in their last digits.

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
    for way in candidates(kernel, layer, workspace, budget):
        seconds = clock(lambda way=way: (way.forward(maps), way.adjoint(errors)))  # type: ignore[misc]
        if best is None or seconds < best[0]:
            best = seconds, way
    assert best is not None  # the direct way is always there
    return best[1]


def timed(call: Callable[[], object]) -> float:
    """Seconds of the fastest of three calls, after one to warm up, with the device waited for."""
    return min(_seconds(call) for _ in range(4))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    for device in range(torch.cuda.device_count()):
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
