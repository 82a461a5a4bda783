"""Whole networks whose layers machine code computes, against the equations transcribed, in double precision."""

import copy

import pytest
import torch
from reference import trajectory
from torch import nn

from pcsweep.network import Coefficients, PCoder, PredictiveNetwork
from pcsweep.network.convolution import choice
from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.convolution.native.pooling import NativePool
from pcsweep.network.stimulus import Stimulus
from pcsweep.pcoder.predictive_coding import RULE

WIDE = 2 * library.lanes()
RULES = [(0.4, 0.3, 0.05), (0.3, 0.0, 0.05)]
COEFFICIENTS = Coefficients([0.4, 0.3], [0.3, 0.0], 0.05)


class Second(nn.Module):
    """A stage in which one ReLU alone follows its convolution, and another result is used twice."""

    def __init__(self):
        super().__init__()
        self.pool, self.first, self.relu = nn.MaxPool2d(2), nn.Conv2d(WIDE, 2 * WIDE, 3, padding=1), nn.ReLU()
        self.second, self.last = nn.Conv2d(2 * WIDE, 2 * WIDE, 3, padding=1), nn.ReLU()

    def forward(self, maps):
        made = self.relu(self.first(self.pool(maps)))
        further = self.second(made)
        return self.last(further) + 0.1 * further


@pytest.fixture
def parts(monkeypatch):
    for cost in ("_SMALL", "_FLOAT", "_KERNEL_FLOAT"):  # or the library would compute layers as small as these
        monkeypatch.setattr(choice, cost, 0)
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, WIDE, 3, padding=1), Second(), nn.Flatten(), nn.Linear(2 * WIDE * 64, 5)).eval()
    onto_image = nn.ConvTranspose2d(WIDE, 3, 5, padding=2)
    predictors = [onto_image, nn.Sequential(nn.ConvTranspose2d(2 * WIDE, WIDE, 6, 2, 2), nn.ReLU())]
    return backbone, predictors, torch.randn(3, 3, 16, 16)


def network_of(parts):
    backbone, predictors, _ = parts
    return PredictiveNetwork(backbone, [PCoder(name, predictor) for name, predictor in zip("01", predictors, strict=True)])


def kinds(network, images):
    """Of what computes the predictors, and the convolutions of the stages."""
    with torch.no_grad():
        compiled = network.engine(images[:1]).network
    predictors = [type(each.algorithm) for each in compiled.predictors]
    return predictors, [type(module.way) for stage in compiled.stages for module in stage.modules() if hasattr(module, "way")]


def test_a_network_follows_the_equations(parts):
    backbone, predictors, images = parts
    network = network_of(parts)
    assert kinds(network, images) == ([NativeNarrow, NativeSpectral], [NativeSpectral, NativeSpectral])
    exact = copy.deepcopy(backbone).double()
    stages, above = [exact[0], exact[1]], exact[2:]
    doubled = [copy.deepcopy(each).double() for each in predictors]
    expected = trajectory(stages, doubled, [None, None], RULES, above, images.double(), 3)
    for state, (representations, logits) in zip(network.run(images, COEFFICIENTS, 3), expected, strict=True):
        for computed, oracle in zip((*state.representations, state.logits), (*representations, logits), strict=True):
            torch.testing.assert_close(computed.double(), oracle, rtol=0, atol=1e-5 * oracle.abs().max().item())


@pytest.mark.parametrize("rounded", [False, True])
def test_maxima_are_taken_by_machine_code_where_nothing_is_rounded(parts, rounded):
    images, network = parts[2], network_of(parts)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=rounded):
        stages = network.engine(images[:1]).network.stages
    pools = [type(module) for module in stages[1].modules() if "Pool" in type(module).__name__]
    assert pools == [nn.MaxPool2d if rounded else NativePool]
    assert isinstance(network.stages[1].get_submodule("1.pool"), nn.MaxPool2d)  # its own stays


def test_an_image_is_the_same_to_the_bit_in_any_batch(parts):
    images, network = parts[2], network_of(parts)
    filled = torch.cat([images, images[:1].expand(5, -1, -1, -1)])
    others = torch.cat([images[:1], torch.randn(7, 3, 16, 16)])
    for state, other in zip(network.run(filled, COEFFICIENTS, 2), network.run(others, COEFFICIENTS, 2), strict=True):
        assert torch.equal(state.logits[0], other.logits[0])


class Chain(nn.Module):
    """A stage of nothing but layers that compute each row by itself."""

    def __init__(self):
        super().__init__()
        self.pool, self.first, self.relu = nn.MaxPool2d(2), nn.Conv2d(WIDE, 2 * WIDE, 3, padding=1), nn.ReLU()

    def forward(self, maps):
        return self.relu(self.first(self.pool(maps)))


def passed(layer, method, monkeypatch):
    """How many rows each later call of a method of a layer gets."""
    rows, usual = [], getattr(layer, method)
    monkeypatch.setattr(layer, method, lambda maps, *rest: rows.append(len(maps)) or usual(maps, *rest))
    return rows


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("anew", [False, True])
def test_copies_of_an_image_are_not_computed_and_are_the_same_to_the_bit(count, anew, parts, monkeypatch):
    backbone, predictors, _ = parts
    backbone[1] = Chain().eval()
    network = network_of((backbone, predictors, None))
    over_time = torch.randn(4, 8, 3, 16, 16)
    over_time[:, count:] = over_time[:, count - 1 : count]
    points = [[(0.4, 0.3, 0.05), (0.3, 0.0, 0.05)], [(0.8, 0.1, 0.02), (0.5, 0.0, 0.01)], [(1.0, 0.0, 0.0), (0.3, 0.0, 0.0)]]

    def moments(**further):
        stimulus = Stimulus(over_time[0], (lambda timestep: over_time[timestep]) if anew else None, **further)
        with torch.no_grad():
            return [[r.clone() for r in moment.representations] for moment in network.moments(stimulus, RULE, points, 3, 16)]

    whole = moments()
    compiled = network.engine(over_time[0, :1]).network
    assert (compiled.stage_together, compiled.predictor_together) == ([8, 1], [1, 1])
    library_rows = passed(compiled.stages[0], "forward", monkeypatch)
    own_rows = passed(compiled.predictors[1], "predict_and_differentiate", monkeypatch)
    found = moments(count=count)
    assert len(found) == len(whole)
    for ours, expected in zip(found, whole, strict=True):
        assert all(map(torch.equal, ours, expected))
    assert set(library_rows) == {8}  # whose bits may depend on how many there are
    assert set(own_rows) == {count} if count <= 4 else max(own_rows) > count


def test_rows_that_are_no_multiple_of_vectors_are_summed_up_together(parts):
    _, predictors, images = parts
    backbone = nn.Sequential(nn.Conv2d(3, WIDE, 3, padding=1), Chain(), nn.Flatten(), nn.Linear(2 * WIDE * 49, 5)).eval()
    network = network_of((backbone, predictors, None))
    with torch.no_grad():
        compiled = network.engine(images[:1, :, :14, :14]).network
    odd = 2 * WIDE * 49 % 64 != 0
    assert compiled.stage_together[1] == (8 if odd else 1)


def test_where_products_are_rounded_the_library_computes(parts):
    images, network = parts[2], network_of(parts)
    exact = [state.logits for state in network.run(images, COEFFICIENTS, 2)]
    with torch.autocast("cpu", torch.bfloat16):
        predictors, stages = kinds(network, images)
        rounded = [state.logits.float() for state in network.run(images, COEFFICIENTS, 2)]
    assert not {NativeNarrow, NativeSpectral} & {*predictors, *stages}
    for one, other in zip(rounded, exact, strict=True):
        assert (one - other).norm() < 0.02 * other.norm()
