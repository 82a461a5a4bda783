"""Grid points computed together, how many rows at once, and what is prepared ahead."""

import json
import re
import sys
import threading

import pytest
import torch
from configured import LOADED, compute, planned
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.__main__ import main
from pcsweep.compute import run
from pcsweep.compute.rows import ahead, as_memory_allows, fastest_rows, images_at_once, is_out_of_memory, rows_for
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import packed, points_from
from pcsweep.model.pminivgg import pminivgg
from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.study import shards
from pcsweep.study.folder import study_folder

COLUMNS = ["image_id", "timestep", "iou", "pointing", "mass", "rank", "target_logit", "target_probability", "correct"]


@pytest.fixture
def config(tmp_path):
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield lambda *words: compose("config", overrides=["dataset.limit=12", "timesteps=2", *words])


def points(config, *changes):
    return [planned(config(*words)) for words in changes]


def test_points_of_a_pack_differ_in_their_coefficients_alone(config):
    made = points(
        config,
        ["pcoder.beta=0.4"],
        ["pcoder.beta=0.4", "noise.sigma=0.3"],
        ["pcoder.beta=0.5", "pcoder.active=[2]"],
        ["hyperparameter=neurips"],
        ["pcoder.beta=0.4", "timesteps=3"],
        ["pcoder.beta=0.4", "batch_size=8"],
        ["pcoder.beta=0.6", "noise.sigma=0.3"],
    )
    assert packed(made, 8) == [[0, 2, 3], [1, 6], [4], [5]]
    assert packed(made, 2) == [[0, 2], [3], [1, 6], [4], [5]]


GRID = ["pcoder.beta=1.0", "pcoder.beta=0.4", "pcoder.lambda=0", "pcoder.active=[3]", "pcoder.alpha=0", "hyperparameter=hps_0"]


def test_a_pack_writes_the_shards_of_its_points_alone_to_the_bit(config, tmp_path):
    words = [["pcoder.lambda=0", word] if word == "pcoder.beta=1.0" else [word] for word in GRID]
    together = [config(*each, f"output_root={tmp_path / 'together'}") for each in words]
    planned = points_from(together, range(len(GRID)), LOADED)
    assert run.run_pack(planned, LOADED) == list(range(len(GRID)))
    assert run.run_pack(planned, LOADED) == []
    for number, each in enumerate(words):
        alone = config(*each, f"output_root={tmp_path / 'alone'}", f"batch_size={1 + 9 * number}")
        compute(alone)
        name = shards.identity(point_from(alone, LOADED).decisive(LOADED))
        found, expected = (
            shards.read(shards.place(tmp_path / folder / "default/shards", name)) for folder in ("together", "alone")
        )
        assert found.table.select(COLUMNS).equals(expected.table.select(COLUMNS))
        assert found.settings == expected.settings


def test_a_pack_computes_only_what_is_missing_and_a_point_once(config, tmp_path):
    root = f"output_root={tmp_path}"
    compute(config("pcoder.beta=0.5", root))
    configs = [config(f"pcoder.beta={beta}", root) for beta in (0.4, 0.5, 0.95, 0.4)]
    assert run.run_pack(points_from(configs, range(4), LOADED), LOADED) == [0]  # one is done, one is skipped, one is there twice
    assert len(list((tmp_path / "default/shards").glob("*.parquet"))) == 2


def test_the_points_of_a_pack_that_fails_are_computed_one_by_one(tmp_path, monkeypatch, capsys):
    measure = run._measure

    def fails(points, loaded, watch, first):
        if len(points) > 1 or points[0].label.startswith("β=0.5"):
            raise RuntimeError("out of luck")
        return measure(points, loaded, watch, first)

    monkeypatch.setattr(run, "_measure", fails)
    words = ["-m", "pcoder.beta=0.4,0.5,0.6", "dataset.limit=2", "timesteps=1", f"output_root={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["pcsweep", *words])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # which the command sets as well, and leaves
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert "RuntimeError: out of luck. The points of this pack are computed one by one." in said.out
    assert "1 of 3 points is not done." in said.err
    assert re.search(r"│ β=0.5 λ=0.1 gaussian σ=0.2 *│ RuntimeError: out of luck *│", said.err)
    (log,) = tmp_path.glob("default/hydra/*/1/pcsweep.log")
    assert "Traceback" in log.read_text()
    assert len(list((tmp_path / "default/shards").glob("*.parquet"))) == 2


def test_rows_are_multiples_of_eight_and_fewer_for_larger_states():
    network = pminivgg().network
    point = RULE, [(0.5, 0.2, 0.01)] * 4
    image = torch.zeros(3, 64, 64)
    assert [rows_for(size, network, image, point) for size in (1, 8, 9, 100)] == [8, 8, 16, 104]
    small, large = (rows_for("auto", network, torch.zeros(3, side, side), point) for side in (64, 256))
    assert small % 8 == large % 8 == 0
    assert 8 <= large < small


def test_rows_are_doubled_while_that_pays_and_memory_suffices():
    assert fastest_rows({8: 10.0, 16: 19.0, 32: 30.0, 64: 31.0, 128: 90.0}.__getitem__) == 32

    def rate(rows):
        if rows > 16:
            raise torch.OutOfMemoryError
        return float(rows)

    assert fastest_rows(rate) == 16


def test_images_fill_the_rows_that_points_leave():
    assert [images_at_once(64, count) for count in (1, 2, 3, 8, 9)] == [64, 32, 16, 8, 8]


def test_the_next_item_is_prepared_while_one_is_used():
    begun = {number: threading.Event() for number in range(3)}

    def prepare(number):
        begun[number].set()
        return -number

    used = []
    for prepared in ahead(prepare, [0, 1, 2]):
        used.append(prepared)
        if len(used) < 3:
            assert begun[len(used)].wait(5)
    assert used == [0, -1, -2]
    assert list(ahead(prepare, [])) == []


def test_what_fails_while_it_is_prepared_is_raised_where_it_is_used():
    def prepare(number):
        if number == 1:
            raise ValueError("no picture")
        return number

    coming = ahead(prepare, [0, 1])
    assert next(coming) == 0
    with pytest.raises(ValueError, match="no picture"):
        next(coming)


CPU = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
WANTS = [
    MemoryError(),
    RuntimeError("could not create a primitive"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError(CPU),
]


@pytest.mark.parametrize("error", WANTS, ids=lambda error: type(error).__name__)
def test_without_memory_for_all_rows_half_of_them_do_to_the_bit(config, tmp_path, monkeypatch, caplog, error):
    words = ["batch_size=40", "pcoder.beta=0.4"]
    compute(config(*words, f"output_root={tmp_path / 'whole'}"))
    measured, asked = run._measured, []

    def tight(measurement, points, samples):
        asked.append(measurement.rows)
        if measurement.rows > 16:
            measured(measurement, points, samples)  # and so some of it has been computed
            raise error
        return measured(measurement, points, samples)

    monkeypatch.setattr(run, "_measured", tight)
    compute(config(*words, f"output_root={tmp_path / 'half'}"))
    assert asked == [40, 16]
    assert "Memory does not suffice for 40 rows at once (" in caplog.text
    found, expected = (shards.read(next((tmp_path / name).rglob("*.parquet"))) for name in ("half", "whole"))
    assert found.table.equals(expected.table)
    assert [json.loads(shard.metadata["spent"])["rows"] for shard in (found, expected)] == [16, 40]


def test_rows_are_halved_no_further_than_to_eight_and_for_no_other_error():
    asked = []

    def never(rows):
        asked.append(rows)
        raise MemoryError

    with pytest.raises(MemoryError):
        as_memory_allows(104, never)
    assert asked == [104, 48, 24, 8]

    def broken(rows):
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        as_memory_allows(104, broken)


def test_want_of_memory_is_seen_below_another_error():
    above = ValueError("of the user's own attribution")
    above.__cause__ = RuntimeError(CPU)
    assert is_out_of_memory(above)
    assert not is_out_of_memory(ValueError("a memory of the user's own"))
