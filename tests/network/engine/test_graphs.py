"""Timesteps that are replayed are those that are computed one by one, to the bit, whatever the points, images and noise."""

import copy
import logging
from unittest.mock import MagicMock

import pytest
import torch
from replaying import Recording
from torch import nn
from toy_network import MODULES, Backbone, predictors

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.graphs import CudaGraphs, Graphs, Recorder, Replays, replays_on
from pcsweep.network.engine.run import Engine
from pcsweep.network.loop import Loop
from pcsweep.network.stimulus import Stimulus
from pcsweep.pcoder.adaptation import Adaptation
from pcsweep.pcoder.surround import Surround

ALL, PLAIN = (0.3, 0.2, 0.01), (1.0, 0.0, 0.0)
POINTS = [[ALL] * 3, [(0.5, 0.2, 0.1)] * 3, [PLAIN, (0.5, 0.0, 0.0), ALL], [PLAIN] * 3, [ALL, PLAIN, PLAIN]]
TIMESTEPS = 5
RULES = (Adaptation(), Surround(), Surround(form="divisive"))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)]
    return PredictiveNetwork(Backbone(), made).requires_grad_(False)


def pictures(seed, count=8):
    return torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def anew(images):
    return Stimulus(images, lambda timestep: images + 0.1 * timestep)


class Refusing:
    """A recorder that nothing can be recorded with."""

    def record(self, step):
        raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors might be reported later")


def seen(engine, images, points, rows=64):
    with torch.no_grad():
        return [
            (moment.timestep, moment.points, [r.clone() for r in moment.representations])
            for moment in engine.moments(images, points, TIMESTEPS, rows)
        ]


def assert_same(one, other):
    assert len(one) == len(other) > TIMESTEPS
    for (timestep, points, representations), (*where, others) in zip(one, other, strict=True):
        assert [timestep, points] == where
        assert all(torch.equal(r, s) for r, s in zip(representations, others, strict=True)), (timestep, points)


@pytest.mark.parametrize(
    ("points", "stimulus", "rows"),
    [(POINTS, lambda images: images, 8), (POINTS, anew, 64), (POINTS[:1], anew, 8), (POINTS[1:3], lambda images: images, 64)],
)
def test_replayed_timesteps_are_those_computed_one_by_one(network, points, stimulus, rows):
    engine, recorder = network.engine(pictures(0)), Recording()
    replaying = Engine(engine.network, Replays(recorder))
    replayed = []
    for batch in range(4):
        given = stimulus(pictures(batch))
        expected, before = seen(engine, given, points, rows), recorder.replayed
        assert_same(seen(replaying, given, points, rows), expected)
        replayed.append(recorder.replayed - before)
    assert replayed[-1] == sum(1 for timestep, *_ in expected if timestep)  # in the end, every timestep but the first


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name} {getattr(rule, 'form', '')}".strip())
@pytest.mark.parametrize("stimulus", [lambda images: images, anew], ids=["fixed", "anew"])
@pytest.mark.parametrize(
    "recorder", [Recording(), Recording(most=1), Refusing()], ids=["recorded", "one recorded", "none recorded"]
)
def test_so_are_those_of_a_rule_with_a_step_of_its_own(network, rule, stimulus, recorder, caplog):
    recorder = copy.copy(recorder)
    loop, plain = (Loop(list(network.stages), [True, False, True], replays) for replays in (Replays(recorder), Replays()))
    points = [[(0.5, 1.0)] * 3, [(0.3, 1.0)] * 3]
    for batch, count in enumerate([8, 8, 4, 8]):
        given = stimulus(pictures(batch, count))
        before = getattr(recorder, "replayed", 0)
        for one, other in zip(
            loop.moments(given, rule, points, TIMESTEPS), plain.moments(given, rule, points, TIMESTEPS), strict=True
        ):
            assert (one.timestep, one.points) == (other.timestep, other.points)
            pairs = [*zip(one.representations, other.representations, strict=True), *zip(one.states, other.states, strict=True)]
            assert all(torch.equal(r, s) for r, s in pairs)
            if one.timestep:  # what derivatives ask for is what the timestep before has left
                rows, drive = torch.arange(count), torch.ones_like(one.representations[1])
                assert torch.equal(one.upward(2, drive, drive, rows, 0), other.upward(2, drive, drive, rows, 0))
    if getattr(recorder, "recorded", 0) > 1:
        assert recorder.replayed - before == len(points) * TIMESTEPS
        assert not caplog.records
    else:
        assert len(caplog.records) == 1


def test_each_structure_is_recorded_once_and_replayed_for_every_later_timestep_and_batch(network):
    engine, recorder = network.engine(pictures(0)), Recording()
    replaying = Engine(engine.network, Replays(recorder))
    counts = []
    for batch in range(4):
        seen(replaying, pictures(batch), POINTS[:2])
        counts.append((recorder.recorded, recorder.replayed))
    # One chunk of two points. t = 1 shares what is made from t = 0; t = 2 is recorded at t = 3 of the first batch.
    assert counts == [(1, 3), (2, 8), (2, 13), (2, 18)]


def test_batches_of_another_size_have_recordings_of_their_own(network):
    engine, recorder = network.engine(pictures(0)), Recording()
    replaying = Engine(engine.network, Replays(recorder))
    for batch, count in enumerate([8, 8, 4, 8, 4, 8]):
        given = pictures(batch, count)
        assert_same(seen(replaying, given, POINTS), seen(engine, given, POINTS))
    before = recorder.recorded
    for batch, count in enumerate([16, 8, 4, 16, 16]):  # memory has to be larger: nothing that was recorded is of use
        given = pictures(batch, count)
        assert_same(seen(replaying, given, POINTS), seen(engine, given, POINTS))
    assert recorder.recorded > before


def test_other_coefficients_are_no_replay(network):
    engine, recorder = network.engine(pictures(0)), Recording()
    replaying = Engine(engine.network, Replays(recorder))
    for beta in (0.1, 0.2, 0.3):
        points = [[(beta, 0.2, 0.01)] * 3]
        assert_same(seen(replaying, pictures(0), points), seen(engine, pictures(0), points))


def test_a_run_within_a_run_has_its_own_memory(network):
    engine, recorder = network.engine(pictures(0)), Recording()
    replaying = Engine(engine.network, Replays(recorder))
    expected = seen(engine, pictures(0), POINTS[:2])
    for _ in range(3):
        found = []
        with torch.no_grad():
            for moment in replaying.moments(pictures(0), POINTS[:2], TIMESTEPS, 64):
                seen(replaying, pictures(7), POINTS[1:])
                found.append((moment.timestep, moment.points, [r.clone() for r in moment.representations]))
        assert_same(found, expected)


def test_a_run_that_is_given_up_leaves_the_memory_to_the_next(network):
    engine, recorder = network.engine(pictures(0)), Recording()
    replaying = Engine(engine.network, Replays(recorder))
    for _ in range(3):
        moments = replaying.moments(pictures(1), POINTS, TIMESTEPS, 64)
        next(moments), next(moments), next(moments)
        moments.close()
        assert_same(seen(replaying, pictures(0), POINTS), seen(engine, pictures(0), POINTS))
    assert recorder.replayed


def test_a_predictor_that_is_differentiated_is_launched_operation_by_operation(caplog):
    """Where the recorder refuses; CUDA's own takes autograd as well."""
    torch.manual_seed(0)
    upsampled = [
        nn.Sequential(nn.Upsample(scale_factor=scale, mode="bilinear"), nn.Conv2d(above, below, 3, padding=1))
        for scale, above, below in ((1, 8, 3), (2, 12, 8), (2, 16, 12))
    ]
    network = PredictiveNetwork(Backbone(), [PCoder(m, p) for m, p in zip(MODULES, upsampled, strict=True)])

    engine = network.engine(pictures(0))
    replaying = Engine(engine.network, Replays(Refusing()))
    with caplog.at_level(logging.WARNING):
        for batch in range(3):
            assert_same(seen(replaying, pictures(batch), POINTS[:2]), seen(engine, pictures(batch), POINTS[:2]))
    (record,) = caplog.records
    assert record.message == (
        "Timesteps are not replayed as CUDA graphs, but launched operation by operation: operation not permitted when stream is "
        "capturing"
    )


@pytest.mark.parametrize("most", [0, 1])
@pytest.mark.parametrize("after_all", [False, True])
def test_without_memory_for_more_recordings_every_timestep_is_computed(network, caplog, most, after_all):
    engine, recorder = network.engine(pictures(0)), Recording(most, after_all)
    replaying = Engine(engine.network, Replays(recorder))
    with caplog.at_level(logging.WARNING):
        for batch in range(3):
            assert_same(seen(replaying, pictures(batch), POINTS), seen(engine, pictures(batch), POINTS))
    (record,) = caplog.records
    assert record.message.endswith("out of memory")
    assert recorder.recorded == most


def test_a_first_timestep_that_cannot_be_recorded_is_computed_from_t_0(network):
    """Of the second run, since the first has computed it; what the failure has left is not where it starts from."""
    engine = network.engine(pictures(0))
    replaying = Engine(engine.network, Replays(Recording(0, after_all=True)))
    for batch in range(3):
        given = pictures(batch)
        with torch.no_grad():
            (_, one), (_, other) = (
                [[r.clone() for r in moment.representations] for moment in each.moments(given, POINTS[:1], 1, 64)]
                for each in (replaying, engine)
            )
        assert all(torch.equal(r, s) for r, s in zip(one, other, strict=True))


def test_another_error_of_a_step_is_not_hidden():
    def step():
        raise ValueError("no surround")

    graphs = Graphs(Recording())
    for _ in range(2):
        with pytest.raises(ValueError, match="no surround"):
            graphs.run("key", tuple, step)


def test_only_so_many_recordings_are_kept():
    recorder, total = Recording(), torch.zeros(())
    graphs = Graphs(recorder)
    for key in [number // 2 for number in range(140)] + [0, 0, 69]:
        graphs.run(key, tuple, lambda: total.add_(1))
    assert total == 143
    assert recorder.recorded == 71  # the first of them anew, the last not


def test_on_a_cpu_nothing_is_recorded_or_kept():
    replays = replays_on(torch.device("cpu"))
    with replays.lent() as (memory, graphs), replays.lent() as (other, _):
        assert isinstance(memory, Workspace)
        assert memory is not other
        assert not graphs.records


def test_what_failed_to_be_recorded_by_cuda_is_told_and_leaves_autocasts_cache(caplog):
    """Here there is no CUDA, which is one way to fail."""
    assert isinstance(CudaGraphs(torch.device("cuda")), Recorder)
    if torch.cuda.is_available():
        pytest.skip("there is")
    graphs, total = Graphs(CudaGraphs(torch.device("cuda"))), torch.zeros(())
    for _ in range(3):
        graphs.run("key", tuple, lambda: total.add_(1))
    assert total == 3
    assert torch.is_autocast_cache_enabled()
    assert len(caplog.records) == 1


@pytest.fixture
def cuda(monkeypatch):
    """What CUDA's recorder is asked for, in order; no step is recorded."""
    calls = MagicMock()
    calls.graph.return_value.__exit__.return_value = None
    for name in ("device", "graph_pool_handle", "Stream", "CUDAGraph", "current_stream", "graph", "set_stream"):
        monkeypatch.setattr(torch.cuda, name, getattr(calls, name))
    return calls


def test_cudas_recorder_records_on_the_steps_device_without_autocasts_cache(cuda):
    device, seen = torch.device("cuda", 1), []
    recorder = CudaGraphs(device)
    for _ in range(2):
        replay = recorder.record(lambda: seen.append(torch.is_autocast_cache_enabled()))
        assert replay is cuda.CUDAGraph.return_value.replay
    assert seen == [False, False]
    assert torch.is_autocast_cache_enabled()
    cuda.device.assert_called_with(device)
    cuda.Stream.assert_called_once_with(device)
    cuda.graph_pool_handle.assert_called_once_with()  # one for all
    cuda.graph.assert_called_with(
        cuda.CUDAGraph.return_value,
        pool=cuda.graph_pool_handle.return_value,
        stream=cuda.Stream.return_value,
        capture_error_mode="thread_local",
    )
    cuda.set_stream.assert_not_called()


def test_a_recording_of_cudas_that_fails_gives_the_stream_back(cuda):
    def step():
        raise RuntimeError("operation not permitted when stream is capturing")

    with pytest.raises(RuntimeError, match="not permitted"):
        CudaGraphs(torch.device("cuda")).record(step)
    cuda.set_stream.assert_called_once_with(cuda.current_stream.return_value)
    assert torch.is_autocast_cache_enabled()
