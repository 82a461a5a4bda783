"""Random transposed convolutions and convolutions, each with inputs."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pcsweep.network.convolution.direct import Blocks, Direct, Phases
from pcsweep.network.convolution.geometry import Axis, Geometry
from pcsweep.network.convolution.spectral import Spectral

examples = settings(max_examples=60, deadline=None, derandomize=True)
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "contiguous": lambda maps: maps,
    "channels last": lambda maps: maps.contiguous(memory_format=torch.channels_last),
    "batch last": lambda maps: maps.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2),
    "transposed": lambda maps: maps.transpose(2, 3).contiguous().transpose(2, 3),
    "sliced": lambda maps: nn.functional.pad(maps, (1, 2, 2, 1, 1, 1), value=1e3)[:, 1:-1, 2:-1, 1:-2],
    "strided": lambda maps: maps.repeat_interleave(2, 3)[..., ::2],
}


@dataclass(frozen=True)
class Case:
    """A layer with an input for it and for its adjoint."""

    layer: nn.ConvTranspose2d
    geometry: Geometry
    tile: int
    given: Tensor
    error: Tensor
    bias: Tensor

    @property
    def weight(self) -> Tensor:
        return self.layer.weight.detach()

    def algorithm(self, name: str) -> Direct | Phases | Blocks | Spectral:
        if name == "spectral":
            return Spectral(self.weight, self.geometry, self.tile)
        return {"direct": Direct, "phases": Phases, "blocks": Blocks}[name](self.weight, self.geometry)


@st.composite
def axes(draw, blocks=False):
    kernel, stride = draw(st.integers(1, 9)), 1 if blocks else draw(st.integers(1, 4))
    padding, extra = draw(st.integers(0, kernel - blocks)), draw(st.integers(0, stride - 1))
    possible = [Axis(size, kernel, stride, padding, extra) for size in range(1, 16)]
    return draw(st.sampled_from([axis for axis in possible if axis.output > 0 and not (blocks and axis.output % 2)]))


@st.composite
def cases(draw, blocks=False, dtypes=tuple(TOLERANCE)):
    height, width, dtype = draw(axes(blocks)), draw(axes(blocks)), draw(st.sampled_from(dtypes))
    above, below, batch = draw(st.integers(8 if blocks else 1, 9)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    tile, layout, seed = draw(st.integers(1, 20)), LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))], draw(st.integers(0, 1000))
    names = ("kernel", "stride", "padding", "output_padding")
    kernel, stride, padding, extra = ((getattr(height, name), getattr(width, name)) for name in names)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layer = nn.ConvTranspose2d(above, below, kernel, stride, padding, extra, bias=draw(st.booleans()), dtype=dtype)
        nn.init.normal_(layer.weight)
        given = layout(torch.randn(batch, above, height.size, width.size, dtype=dtype))
        error = layout(torch.randn(batch, below, height.output, width.output, dtype=dtype))
        return Case(layer, Geometry(height, width), tile, given, error, torch.randn(above, dtype=dtype))


@st.composite
def convolutions(draw):
    kernel, padding, size = [], [], []
    for _ in range(2):
        kernel.append(draw(st.integers(1, 7)))
        padding.append(draw(st.integers(0, kernel[-1])))
        size.append(draw(st.integers(max(1, kernel[-1] - 2 * padding[-1]), 15)))
    given, made, batch, bias = draw(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 3), st.booleans()))
    dtype, tile, seed = draw(st.sampled_from(list(TOLERANCE))), draw(st.integers(1, 16)), draw(st.integers(0, 1000))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layer = nn.Conv2d(given, made, tuple(kernel), padding=tuple(padding), bias=bias, dtype=dtype)
        return layer, torch.randn(batch, given, *size, dtype=dtype), tile


def material(height, width, channels, batch=3):
    """Of a layer of that many channels above and below: its geometry, a kernel, maps, errors, and biases above and below."""
    above, below = channels
    generator = torch.Generator().manual_seed(1)
    geometry = Geometry(height, width)
    kernel = torch.randn(above, below, height.kernel, width.kernel, generator=generator)
    maps = torch.randn(batch, above, height.size, width.size, generator=generator)
    errors = torch.randn(batch, below, height.output, width.output, generator=generator)
    bias = torch.randn(above, generator=generator), torch.randn(below, generator=generator)
    return geometry, kernel, maps, errors, bias


def close(computed: Tensor, expected: Tensor) -> None:
    tolerance = TOLERANCE[expected.dtype] * max(1.0, expected.abs().max().item())
    torch.testing.assert_close(computed, expected, rtol=0, atol=tolerance)
