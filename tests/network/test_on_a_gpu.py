"""On a GPU that is there: timesteps that CUDA replays are those computed operation by operation, and nearly those of a CPU."""

import pytest
import torch
from toy_network import MODULES, Backbone, predictors

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.engine.graphs import Replays
from pcsweep.network.engine.run import Engine
from pcsweep.network.loop import Loop
from pcsweep.network.stimulus import Stimulus
from pcsweep.pcoder.adaptation import Adaptation
from pcsweep.pcoder.surround import Surround

if not torch.cuda.is_available():
    pytest.skip("there is no GPU", allow_module_level=True)
POINTS = [[(0.3, 0.2, 0.01)] * 3, [(0.5, 0.2, 0.1)] * 3, [(1.0, 0.0, 0.0), (0.5, 0.0, 0.0), (1.0, 0.0, 0.01)]]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)]
    return PredictiveNetwork(Backbone(), made).requires_grad_(False).on(torch.device("cuda"))


def seen(moments):
    with torch.no_grad():
        return [[r.clone() for r in moment.representations] for moment in moments]


def stimuli(seed):
    images = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(seed)).cuda()
    return images, Stimulus(images, lambda timestep: images + 0.1 * timestep)


def assert_same(one, other):
    assert all(torch.equal(r, s) for rs, ss in zip(one, other, strict=True) for r, s in zip(rs, ss, strict=True))


@pytest.mark.parametrize("bf16", [False, True])
def test_the_engine(network, bf16, caplog):
    with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
        engine = network.engine(stimuli(0)[0])
        plain = Engine(engine.network, Replays())
        for seed in range(3):
            for given in stimuli(seed):
                assert_same(seen(engine.moments(given, POINTS, 5, 64)), seen(plain.moments(given, POINTS, 5, 64)))
    assert not caplog.records  # which would say why nothing is recorded


@pytest.mark.parametrize("rule", [Adaptation(), Surround(), Surround(border="zero")], ids=repr)
def test_the_loop(network, rule, caplog):
    points = [[(0.5, 0.5)] * 3, [(0.3, 1.0)] * 3]
    replays = network.replays(stimuli(0)[0])
    loop, plain = (Loop(list(network.stages), [True] * 3, each) for each in (replays, Replays()))
    for seed in range(3):
        for given in stimuli(seed):
            assert_same(seen(loop.moments(given, rule, points, 5)), seen(plain.moments(given, rule, points, 5)))
    assert not caplog.records


def test_nearly_as_on_a_cpu(network):
    images = stimuli(0)[0]
    there = seen(network.engine(images).moments(images, POINTS, 5, 64))
    network.on(torch.device("cpu"))
    here = seen(network.engine(images.cpu()).moments(images.cpu(), POINTS, 5, 64))
    network.on(torch.device("cuda"))
    for one, other in zip(there, here, strict=True):
        for r, s in zip(one, other, strict=True):
            torch.testing.assert_close(r.cpu(), s, rtol=1e-3, atol=1e-4)
