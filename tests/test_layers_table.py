"""The benchmark's table of layers: every layer of a timestep once, with its multiplications and bytes."""

import pytest
import torch
from benchmark_modules import FOLDER, importable
from torch import nn
from toy_network import MODULES, Backbone, predictors

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.engine.arrays import Distinct

if not FOLDER.exists():
    pytest.skip("the benchmarks are not in source distributions", allow_module_level=True)


@pytest.fixture(scope="module")
def layers():
    """The module."""
    with importable() as imported:
        yield imported("layers")


def found(layers, network, size, rows=8):
    images = torch.randn(rows, 3, size, size)
    with torch.no_grad():
        compiled = network.engine(images[:1]).network
        states = [each.clone() for each in compiled.feedforward(images, Distinct(rows, rows))]
        return {each.name: each for each in layers.layers(compiled, states)}


def test_every_pcoder_has_its_prediction_and_gradient_and_all_but_the_lowest_its_drive(layers):
    torch.manual_seed(0)
    network = PredictiveNetwork(Backbone(), [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)])
    names = list(found(layers, network, 16))
    assert [name for name in names if name[0] != "f"] == ["p_1", "g_1", "p_2", "g_2", "p_3", "g_3"]
    assert {name.split(",")[0].split(" ")[0] for name in names if name[0] == "f"} == {"f_2", "f_3"}


def test_a_layer_by_hand(layers):
    body = [nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 6, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    pcoders = [PCoder("0", nn.ConvTranspose2d(4, 3, 3, padding=1), 20.0), PCoder("2", nn.Conv2d(6, 4, 1), 20.0)]
    each = found(layers, PredictiveNetwork(nn.Sequential(*body), pcoders), 8)["f_2 2"]
    assert each.multiplications == 8 * 8 * 4 * 6
    assert each.bytes == 4 * (8 * 8 * (4 + 6) + 4 * 6 / each.rows)
    assert each.seconds > 0


def test_the_bound_is_the_longer_of_arithmetic_and_memory(layers):
    rows = [layers.Layer("much", 8, 500.0, 10.0, 3.0), layers.Layer("large", 8, 0.0, 400.0, 5.0)]
    table = layers.table(rows, flops=1000.0, bandwidth=100.0)
    assert list(table.columns[8].cells) == ["arithmetic", "memory", ""]
    assert list(table.columns[7].cells) == ["1,000.00", "4,000.00", "5,000.00"]
    assert list(table.columns[6].cells) == ["33%", "0%", "12%"]
