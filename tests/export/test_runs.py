"""Grid points as runs: each with the numbers of its own images and noise, the same whenever nothing has changed."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_study import put, settings

from pcsweep.aggregate.words import DrawingOptions
from pcsweep.export.runs import STATISTICS, ExportRun, runs_of
from pcsweep.export.study import study_to_export
from pcsweep.study import shards

FEW = DrawingOptions(resamples=50, permutations=99)


def runs(folder: Path) -> dict[str, ExportRun]:
    return {run.identity: run for run in runs_of(study_to_export(folder, {}, FEW))}


def test_the_numbers_of_a_cell_of_one_shard_are_those_of_the_table(study: Path) -> None:
    exported = study_to_export(study, {}, FEW)
    found = {run.identity: run for run in runs_of(exported)}
    rows = [row for row in exported.result.table.to_pylist() if row["identity"] in found]
    assert {row["identity"] for row in rows} == {shards.identity(settings(beta, 0.1)) for beta in (0.5, 0.8)}
    for row in rows:
        history = found[row["identity"]].history[row["timestep"]]
        name = row["metric"].replace("@", "_at_")
        for statistic in STATISTICS:
            value = history.get(f"{name}/{statistic}", math.nan)
            assert value == row[statistic] or (math.isnan(value) and not math.isfinite(row[statistic]))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_has_its_own_noise_seed_alone(study: Path, seed: int) -> None:
    point = settings(0.5, 0.1, 0.4, noise__seed=seed)
    run = runs(study)[shards.identity(point)]
    table = shards.read(study / "shards" / f"{run.identity}.parquet").table.to_pandas()
    for timestep, rows in table.groupby("timestep"):
        assert run.history[timestep]["iou/mean"] == pytest.approx(np.nanmean(rows["iou"].astype(float)), abs=1e-12)
    assert run.history[3]["iou/pairs"] == 22
    assert run.tags["cell"] != run.identity
    assert run.settings["noise.seed"] == seed


def test_a_point_that_failed(study: Path) -> None:
    run = runs(study)[shards.identity(settings(0.2, 0.1))]
    assert (run.error, run.history, run.name) == ("ValueError: nothing in ~/data", {}, "β=0.2")
    assert run.settings["pcoder.beta"] == [0.2, 0.2]
    assert run.tags["status"] == "failed"


def test_content_is_the_same_until_something_changes(study: Path) -> None:
    before = runs(study)
    put(study, settings(0.3, 0.1))  # the tests of the whole grid are others now, but not what is said of a single point
    after = runs(study)
    assert {name: run.content for name, run in before.items()} == {name: after[name].content for name in before}
    one = next(iter(before.values()))
    assert replace(one, ended=5.0).content == one.content
    assert replace(one, history={0: {"iou/mean": 0.5}}).content != one.content
