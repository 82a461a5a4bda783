"""Which algorithm computes a layer, for random layers and for those of networks that the package has."""

from dataclasses import replace

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from toy_layer import examples

from pcsweep.network.convolution.choice import BUDGET, Layer, Option, algorithm, candidates, chosen, fastest, options
from pcsweep.network.convolution.direct import Blocks, Direct, Phases
from pcsweep.network.convolution.geometry import Axis, Geometry
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.workspace import Workspace


def layer(size, kernel, stride, channels, directions=(False, True)):
    axis = Axis(size, kernel, stride, (kernel - stride) // 2)
    return Layer(Geometry(axis, axis), channels, directions)


ONTO_IMAGE = layer(224, 5, 1, (64, 3))
WIDE = [layer(112, 10, 2, (128, 64)), layer(56, 14, 2, (256, 128)), layer(28, 14, 2, (512, 256)), layer(14, 14, 2, (512, 512))]
PVGG16 = [ONTO_IMAGE, *WIDE]
PMINIVGG = [layer(64, 5, 1, (16, 3)), layer(32, 6, 2, (32, 16)), layer(16, 6, 2, (64, 32)), layer(8, 6, 2, (64, 64))]

some = st.lists(  # arguments only: checking the types of a layer uses up random numbers, which no strategy may do
    st.tuples(
        st.sampled_from([7, 14, 28, 56]),
        st.sampled_from([3, 6, 10, 14, 18]),
        st.sampled_from([1, 2, 4]),
        st.tuples(st.sampled_from([64, 256, 512]), st.sampled_from([3, 64, 256, 512])),
        st.sampled_from([(False, True), (True,), ()]),
    ),
    min_size=1,
    max_size=5,
)
fractions = st.floats(0, 1.2)


def cost(taken):
    return sum(option.cost for option in taken)


def size(taken):
    return sum(option.bytes for option in taken)


def cheapest(layers):
    return [min(options(each), key=lambda option: (option.cost, option.bytes)) for each in layers]


@pytest.mark.parametrize("each", [*PMINIVGG, layer(7, 14, 1, (64, 64)), layer(14, 14, 2, (64, 16))])
def test_small_layers_stay_direct(each):
    assert [option.tile for option in options(each)] == [None]
    assert [option.tile for option in chosen([each])] == [None]


@pytest.mark.parametrize("each", [ONTO_IMAGE, layer(56, 31, 1, (64, 7))])
def test_layers_that_blocks_suit_stay_direct(each):
    assert Blocks.suit(each.channels, each.geometry)
    assert [option.tile for option in options(each)] == [None]


def test_a_layer_that_is_not_used_stays_direct():
    assert [option.tile for option in options(layer(28, 14, 2, (512, 256), directions=()))] == [None]


def test_large_kernels_are_transformed():
    assert all(option.tile is not None for option in chosen(WIDE))


@pytest.mark.parametrize("each", WIDE)
def test_the_direct_way_comes_first_and_the_others_are_cheaper(each):
    direct, *tiled = options(each)
    (above, below), axis = each.channels, each.geometry.height
    assert (direct.tile, direct.cost, direct.bytes) == (None, 2 * above * below * axis.kernel**2 * axis.size**2, 0)
    assert tiled
    assert all(option.cost < direct.cost and option.bytes > 0 and option.tile >= 7 for option in tiled)


def built(arguments):
    return [layer(*each) for each in arguments]


@examples
@given(some, fractions)
def test_the_budget_is_kept(arguments, fraction):
    layers = built(arguments)
    budget = int(fraction * size(cheapest(layers)))
    taken = chosen(layers, budget)
    assert size(taken) <= budget
    assert all(option in options(each) for option, each in zip(taken, layers, strict=True))


@examples
@given(some)
def test_with_room_for_all_every_layer_is_computed_the_cheapest_way(arguments):
    layers = built(arguments)
    best = cheapest(layers)
    assert chosen(layers, size(best)) == best


@examples
@given(some)
def test_without_a_budget_all_layers_are_direct(arguments):
    assert [option.tile for option in chosen(built(arguments), 0)] == [None] * len(arguments)


@examples
@given(some, fractions)
def test_a_choice_depends_on_shapes_alone(arguments, fraction):
    budget = int(fraction * size(cheapest(built(arguments))))
    assert chosen(built(arguments), budget) == chosen(built(arguments), budget)


@examples
@given(some, fractions, fractions)
@example([(14, 3, 1, (256, 512)), (28, 18, 1, (512, 64))], 213909504 / 465174528, 219414528 / 465174528)
def test_more_memory_never_costs_more(arguments, one, other):
    layers = built(arguments)
    budgets = [int(fraction * size(cheapest(layers))) for fraction in sorted([one, other])]
    less, more = (cost(chosen(layers, budget)) for budget in budgets)
    assert more <= less


def test_no_layer_could_be_cheaper_in_the_room_that_is_left():
    for budget in range(0, BUDGET, BUDGET // 20):
        taken = chosen(PVGG16, budget)
        room = budget - size(taken)
        for option, each in zip(taken, PVGG16, strict=True):
            assert all(way.cost >= option.cost for way in options(each) if way.bytes <= option.bytes + room)


def test_the_choice_is_made():
    axis = Axis(6, 4, 2, 1)
    wide = Layer(Geometry(axis, axis), (8, 4))
    even = Layer(Geometry(Axis(6, 3, 1, 1), Axis(6, 3, 1, 1)), (8, 3))
    direct, tiled = Option(None, 1.0, 0), Option(3, 1.0, 0)
    assert isinstance(algorithm(torch.randn(8, 4, 4, 4), wide, direct, Workspace()), Direct)
    assert isinstance(algorithm(torch.randn(8, 3, 3, 3), even, direct, Workspace()), Blocks)
    made = algorithm(torch.randn(8, 4, 4, 4), wide, tiled, Workspace())
    assert isinstance(made, Spectral)
    assert made.tile == 3
    native = algorithm(torch.randn(32, 32, 4, 4), replace(wide, channels=(32, 32)), replace(tiled, native=True), Workspace())
    assert isinstance(native, NativeSpectral)
    assert native.plan.tile == 3
    onto_image = Layer(Geometry(Axis(8, 3, 1, 1), Axis(8, 3, 1, 1)), (32, 3), native=True)
    assert isinstance(algorithm(torch.randn(32, 3, 3, 3), onto_image, options(onto_image)[0], Workspace()), NativeNarrow)


NATIVE = [replace(each, native=True) for each in WIDE]


@pytest.mark.parametrize("each", NATIVE)
def test_machine_code_costs_less_and_needs_less_memory(each):
    native = {option.tile: option for option in options(each)[1:] if option.native}
    spectral = {option.tile: option for option in options(replace(each, native=False))[1:]}
    assert len(native.keys() & spectral.keys()) >= 2
    for tile in native.keys() & spectral.keys():
        assert native[tile].cost < spectral[tile].cost
        assert native[tile].bytes < spectral[tile].bytes


def test_layers_whose_channels_fill_no_vectors_have_no_machine_code():
    for channels in ((72, 64), (64, 72)):
        assert not any(option.native for option in options(Layer(WIDE[2].geometry, channels, native=True)))


def test_all_of_pvgg16_is_machine_code_with_the_default_budget():
    taken = chosen([replace(each, native=True) for each in PVGG16], BUDGET)
    assert [option.native for option in taken] == [True, True, True, True, True]
    assert taken[0].tile is None
    assert [option.tile for option in taken[1:]] == [28, 28, 28, 14]


LARGE = layer(14, 14, 2, (64, 64))


def test_candidates_are_the_untransformed_ways_and_the_cheapest_tiles_within_the_budget():
    kernel = torch.zeros(64, 64, 14, 14)
    smallest = min(option.bytes for option in options(LARGE)[1:])
    for budget, tiles in ((BUDGET, [14, 7]), (smallest, [7]), (smallest - 1, [])):
        direct, phases, *others = candidates(kernel, LARGE, Workspace(), budget)
        assert isinstance(direct, Direct)
        assert isinstance(phases, Phases)
        assert [way.tile for way in others] == tiles


@pytest.mark.parametrize(("seconds", "kind"), [([1.0, 2, 2], Direct), ([2.0, 1, 2], Phases), ([2.0, 2, 1], Spectral)])
def test_the_fastest_is_the_one_of_the_least_time(seconds, kind):
    each = layer(7, 12, 2, (64, 128))
    assert len(options(each)) == 2
    times = iter(seconds)
    assert isinstance(fastest(torch.zeros(64, 128, 12, 12), each, Workspace(), BUDGET, lambda call: float(next(times))), kind)
