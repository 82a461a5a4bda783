"""Every algorithm against the layer and its gradient by autograd; tiles and periods against sums written out."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pcsweep.network.convolution import spectral
from pcsweep.network.convolution.direct import Blocks, Direct, Phases
from pcsweep.network.convolution.geometry import Axis, Geometry, from_cells, of_convolution, of_transposed, to_cells
from pcsweep.network.convolution.spectral import Spectral, Workspace

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


def of(name: str):
    return cases(blocks=name == "blocks")


def close(computed: Tensor, expected: Tensor) -> None:
    tolerance = TOLERANCE[expected.dtype] * max(1.0, expected.abs().max().item())
    torch.testing.assert_close(computed, expected, rtol=0, atol=tolerance)


NAMES = pytest.mark.parametrize("name", ["direct", "phases", "blocks", "spectral"])


@NAMES
@examples
@given(data=st.data())
def test_forward_is_the_layer(name, data):
    case = data.draw(of(name))
    bias = None if case.layer.bias is None else case.layer.bias.detach()
    close(case.algorithm(name).forward(case.given, bias), case.layer(case.given).detach())


@NAMES
@examples
@given(data=st.data())
def test_the_adjoint_is_the_gradient(name, data):
    case = data.draw(of(name))
    given = case.given.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((case.layer(given) * case.error).sum(), given)
    algorithm = case.algorithm(name)
    close(algorithm.adjoint(case.error), gradient)
    close(algorithm.adjoint(case.error, case.bias), gradient + case.bias[:, None, None])


@NAMES
@examples
@given(data=st.data())
def test_both_directions_are_adjoint_to_one_another(name, data):
    case = data.draw(cases(blocks=name == "blocks", dtypes=(torch.float64,)))
    algorithm = case.algorithm(name)
    there = (algorithm.forward(case.given) * case.error).sum().item()
    back = (case.given * algorithm.adjoint(case.error)).sum().item()
    assert there == pytest.approx(back, rel=1e-10, abs=1e-9)


@NAMES
@settings(examples, max_examples=40)
@given(data=st.data())
def test_an_algorithm_multiplies_as_often_as_it_says(name, data):
    case = data.draw(of(name))
    algorithm = case.algorithm(name)
    for adjoint, call, maps in ((False, algorithm.forward, case.given), (True, algorithm.adjoint, case.error)):
        with FlopCounterMode(display=False) as counter:
            call(maps[:1])
        assert counter.get_total_flops() == 2 * algorithm.multiplications(adjoint)


@examples
@given(cases(dtypes=(torch.float32,)))
def test_a_transformed_kernel_is_as_large_as_its_cost_says(case):
    algorithm = case.algorithm("spectral")
    assert all(
        spectral.cost(case.geometry, algorithm.channels, case.tile, adjoint).bytes == algorithm.bytes for adjoint in (False, True)
    )


@examples
@given(of("blocks"))
def test_blocks_suit_what_they_are_tested_on(case):
    assert Blocks.suit((case.weight.shape[0], case.weight.shape[1]), case.geometry)


@pytest.mark.parametrize(
    ("channels", "axis", "suits"),
    [
        ((8, 7), Axis(8, 3, padding=1), True),
        ((8, 8), Axis(8, 3, padding=1), False),
        ((7, 3), Axis(8, 3, padding=1), False),
        ((8, 3), Axis(7, 3, padding=1), False),
        ((8, 3), Axis(8, 4, stride=2, padding=1), False),
        ((8, 3), Axis(9, 2, padding=2), False),
    ],
)
def test_blocks_suit_narrow_layers_of_stride_one_and_even_size(channels, axis, suits):
    assert Blocks.suit(channels, Geometry(axis, axis)) is suits


@examples
@given(cases())
def test_cells_keep_every_output(case):
    assert from_cells(to_cells(case.error, case.geometry), case.geometry).equal(case.error)


@examples
@given(cases())
def test_the_geometry_is_that_of_the_layer(case):
    assert of_transposed(case.layer, case.given.shape[2:]) == case.geometry
    assert case.geometry.output == tuple(case.layer(case.given).shape[2:])


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (nn.ConvTranspose2d(4, 4, 3, groups=2), (5, 5)),
        (nn.ConvTranspose2d(4, 4, 3, dilation=2), (5, 5)),
        (nn.ConvTranspose2d(4, 4, 3, dilation=(1, 2)), (5, 5)),
        (nn.ConvTranspose2d(4, 4, 3, padding=(2, 0)), (2, 5)),
    ],
)
def test_other_transposed_layers_have_no_geometry(layer, size):
    assert of_transposed(layer, size) is None


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


@examples
@given(convolutions())
def test_a_convolution_is_the_adjoint_of_a_transposed_one(case):
    layer, maps, tile = case
    geometry = of_convolution(layer, maps.shape[2:])
    assert geometry is not None
    assert geometry.output == tuple(maps.shape[2:])
    bias = None if layer.bias is None else layer.bias.detach()
    close(Spectral(layer.weight.detach(), geometry, tile).adjoint(maps, bias), layer(maps).detach())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 4, 3, stride=2),
        nn.Conv2d(4, 4, 3, stride=(1, 2)),
        nn.Conv2d(4, 4, 3, dilation=2),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, padding="same"),
        nn.Conv2d(4, 4, 9, padding=1),
    ],
)
def test_other_convolutions_have_no_geometry(layer):
    assert of_convolution(layer, (6, 6)) is None


def tiles_that_differ(axis: Axis, length: int, period: int) -> int:
    """Of both directions, the tiles on which a circular convolution of positive numbers is not the linear one."""
    taps = {}
    for position in range(axis.kernel):
        cell, phase = divmod(position - axis.padding, axis.stride)
        taps.setdefault(cell, []).append((phase, position + 1))
    kernel = {cell: sum(value for _, value in found) for cell, found in taps.items()}
    differing = 0
    for adjoint, count in ((False, axis.size), (True, axis.cells)):
        straight = {-cell if adjoint else cell: value for cell, value in kernel.items()}
        circular = [sum(value for cell, value in straight.items() if cell % period == place) for place in range(period)]
        for tile in axis.tiles(length, adjoint):
            linear = [sum((h + 1) * straight.get(j - h, 0) for h in range(count)) for j in tile.outputs]
            turned = [sum((h + 1) * circular[(j - h) % period] for h in tile.inputs) for j in tile.outputs]
            differing += linear != turned
    return differing


@pytest.mark.parametrize(
    ("axis", "length", "period"),
    [
        (Axis(14, 14, 2, 6), 14, 17),
        (Axis(28, 14, 2, 6), 28, 31),
        (Axis(56, 14, 2, 6), 28, 34),
        (Axis(16, 3, 1, 1), 16, 17),
        (Axis(16, 3, 1, 1), 8, 10),
        (Axis(10, 5, 1, 0), 14, 14),
        (Axis(9, 12, 4, 4), 3, 5),
        (Axis(7, 10, 2, 4, 1), 8, 10),
    ],
)
def test_the_period_is_the_smallest_without_collisions(axis, length, period):
    assert axis.period(length) == period
    assert tiles_that_differ(axis, length, period) == 0
    assert tiles_that_differ(axis, length, period - 1) > 0


@examples
@given(axes(), st.integers(1, 20))
def test_a_circular_convolution_of_that_period_is_the_linear_one(axis, length):
    period = axis.period(length)
    assert tiles_that_differ(axis, length, period) == 0
    assert period == len(axis.taps) or tiles_that_differ(axis, length, period - 1) > 0


@examples
@given(axes(), st.integers(1, 20), st.booleans())
def test_tiles_cover_every_output_once(axis, length, adjoint):
    tiles = axis.tiles(length, adjoint)
    assert [j for tile in tiles for j in tile.outputs] == list(range(axis.size if adjoint else axis.cells))
    assert all(len(tile.outputs) == length for tile in tiles[:-1])
    assert 0 < len(tiles[-1].outputs) <= length


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.ConvTranspose2d(3, 2, 6, 2, 2).double().requires_grad_(False)


GEOMETRY = Geometry(Axis(9, 6, 2, 2), Axis(9, 6, 2, 2))


@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_results_with_a_place_are_overwritten_by_the_next_call(layer, direction):
    workspace = Workspace()
    one, other = (Spectral(weight, GEOMETRY, 5, workspace, results="x") for weight in (layer.weight, -layer.weight))
    own = getattr(Spectral(layer.weight, GEOMETRY, 5), direction)
    maps = torch.randn(2, *((3, 9, 9) if direction == "forward" else (2, 18, 18)), dtype=torch.float64)
    first = getattr(one, direction)(maps)
    assert first.equal(own(maps))
    second = getattr(other, direction)(maps + 1)
    assert second.equal(-own(maps + 1))
    assert first.equal(second)


def test_results_of_both_directions_have_places_of_their_own(layer):
    algorithm = Spectral(layer.weight, GEOMETRY, 5, Workspace(), results="x")
    made = algorithm.forward(torch.randn(2, 3, 9, 9).double())
    kept = made.clone()
    algorithm.adjoint(torch.randn(2, 2, 18, 18).double())
    assert made.equal(kept)


def test_results_without_a_place_are_kept(layer):
    algorithm = Spectral(layer.weight, GEOMETRY, 5, Workspace())
    maps = torch.randn(2, 3, 9, 9).double()
    made = algorithm.forward(maps)
    kept = made.clone()
    algorithm.forward(maps + 1)
    assert made.equal(kept)


@pytest.mark.parametrize("limit", ["_BYTES_AT_ONCE", "_CACHED"])
@pytest.mark.parametrize("images", [1, 3, 4])
def test_images_that_do_not_fit_at_once_are_transformed_in_turn(monkeypatch, layer, limit, images):
    given, error = torch.randn(5, 3, 9, 9).double(), torch.randn(5, 2, 18, 18).double()
    algorithm = Spectral(layer.weight, GEOMETRY, 4)
    expected = algorithm.forward(given), algorithm.adjoint(error)
    tiles, channels, phased = 3 * 3, 3, 2 * 4
    transformed = tiles * algorithm.bytes // (channels * phased) * (channels + phased)
    monkeypatch.setattr(spectral, limit, images * {"_BYTES_AT_ONCE": transformed, "_CACHED": given[0].numel() * 8}[limit])
    close(algorithm.forward(given), expected[0])
    close(algorithm.adjoint(error), expected[1])
