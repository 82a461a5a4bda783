"""Searches as they are given: here and on Slurm, killed, joined by another command, and refused."""

import json
import os
import random
import signal
import time

import numpy as np
import pytest
from commands import DEVNULL, PIPE, run, start
from stored import all_shards

from pcsweep.search.record import read
from pcsweep.study import shards

SMALL = ["-m", "hydra/sweeper=search", "study=s", "dataset.limit=16", "timesteps=1", "noise.sigma=0.3,0.6", "search.images=[3,8]"]
SPACE = ["pcoder.beta=interval(0,1)", "pcoder.lambda=interval(0,1)"]


def command(*words):
    return *SMALL, *SPACE, *words


def wide():
    """This process's environment, as of a wide terminal."""
    return os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "160"}


def search(folder, *words, environment=None):
    return run(*command(*words), folder=folder, environment=environment or wide())


def here(*words):
    return "hydra/launcher=local", *words


def check(folder, trials):
    """Whether every trial has ended, with what its shards say, and nothing was computed twice."""
    study = folder / "outputs/s"
    record = read(study)
    assert {each.state for each in record.trials} <= {"complete", "pruned"}
    assert trials <= len(record.trials) <= trials + 1  # two commands may ask for the last at the same moment
    found = {shard.path.stem: shard for shard in all_shards(study / "shards")}
    for each in record.trials:
        gains = [_gains(found[identity]) for identity in each.identities]
        assert each.values == pytest.approx([np.mean(gains)], rel=1e-4, abs=1e-7)
        assert {len(gain) for gain in gains} == {each.images}
        assert sum(each.coefficients.values()) <= 1 + 1e-9
    best = record.trials[record.best[0]]
    assert best.values[0] == max(each.values[0] for each in record.complete)
    assert best.confirmed[0].images == 8  # of the sixteen, those that the search has not seen
    return record, found


def _gains(shard):
    table = shard.table.to_pandas()
    by = table.pivot(index="image_id", columns="timestep", values="iou")
    return (by[1] - by[0]).to_numpy()


def test_a_search_here_leaves_ordinary_shards_and_does_nothing_when_it_is_given_again(tmp_path):
    first = search(tmp_path, *here("search.trials=7"))
    assert first.returncode == 0, first.stderr
    record, found = check(tmp_path, 7)
    complete = [each for each in record.trials if each.state == "complete"]
    for each in complete:
        taken = [json.loads(found[identity].metadata["taken"]) for identity in each.identities]
        assert {each["images"] for each in taken} == {3}  # the new images alone were computed
        assert {each["identity"] for each in taken} <= set(found)
    promoted = 2 * 5 * 2 * len(complete)
    assert record.image_timesteps == 2 * 3 * 2 * 7 + promoted + 2 * 8 * 2
    assert "too good by that choice; on 8 images that the search has not seen it is" in first.stdout
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs/s/shards").iterdir()}
    second = search(tmp_path, *here("search.trials=7"))
    assert second.returncode == 0, second.stderr
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs/s/shards").iterdir()}
    assert second.stdout.splitlines()[-6:] == first.stdout.splitlines()[-6:]
    whole = run("study=s", module="pcsweep.aggregate", folder=tmp_path, environment=wide())
    assert whole.returncode == 0, whole.stderr
    assert f"Cells: {2 * len(complete)} found" in whole.stdout


def test_a_search_that_is_killed_at_random_and_joined_by_another_ends_whole(tmp_path):
    draw = random.Random(5)
    words = command(*here("search.trials=10"))
    running = [start(*words, folder=tmp_path, environment=wide(), stdout=DEVNULL) for _ in range(2)]
    for round_ in range(3):
        journal = tmp_path / "outputs/s/search/journal.log"
        until = time.monotonic() + 60
        while not journal.exists() and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(draw.uniform(0.2, 4))
        victim = running[round_ % 2]
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        running[round_ % 2] = start(*words, folder=tmp_path, environment=wide(), stdout=DEVNULL)
    assert [process.wait(240) for process in running] == [0, 0]
    check(tmp_path, 10)
    assert not list((tmp_path / "outputs/s").glob("claims/*"))


def test_ctrl_c_ends_a_search_with_the_command_that_goes_on(tmp_path):
    words = command(*here("search.trials=400"))
    process = start(*words, folder=tmp_path, environment=wide(), stdout=PIPE, stderr=PIPE)
    study = tmp_path / "outputs/s"
    until = time.monotonic() + 120
    while len(list(study.glob("shards/*.parquet"))) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "search.trials=400" in said
    before = len(read(study).trials)
    assert search(tmp_path, *here(f"search.trials={before}")).returncode == 0
    check(tmp_path, before)


@pytest.mark.parametrize("workers", [2])
def test_workers_ask_for_trials_one_by_one(tmp_path, workers):
    done = search(tmp_path, *here("search.trials=6", f"hydra.launcher.workers={workers}", "search.parallel=2"))
    assert done.returncode == 0, done.stderr
    check(tmp_path, 6)


def test_on_slurm_a_trial_is_told_when_it_is_done_and_a_killed_search_goes_on(tmp_path, environment):
    words = (
        "search.trials=5",
        "search.parallel=2",
        "hydra.launcher.gpus_per_node=0",
        "hydra.launcher.cpus_per_task=1",
        "hydra.launcher.mem_gb=1",
    )
    first = start(*command(*words), folder=tmp_path, environment=environment, stdout=DEVNULL, stderr=DEVNULL)
    study = tmp_path / "outputs/s"
    until = time.monotonic() + 240
    while len(list(study.glob("shards/*.parquet"))) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    first.kill()
    first.wait()
    done = search(tmp_path, *words, environment=environment)
    assert done.returncode == 0, done.stderr
    check(tmp_path, 5)
    assert len(list(study.glob("submissions/*.json"))) >= 3  # more than one trial at a time, and not all at once


def test_two_objectives_and_each_pcoder_its_own(tmp_path):
    words = [each for each in SMALL if not each.startswith("search.images")] + SPACE
    words += ["hydra/launcher=local", "search.trials=4", "search.per_pcoder=[beta,lambda]"]
    words += ["search.objective=[iou gain at T,target_probability gain max over t]"]
    done = run(*words, folder=tmp_path, environment=wide())
    assert done.returncode == 0, done.stderr
    record = read(tmp_path / "outputs/s")
    assert len(record.terms.space) == 4 + 3  # no feedback reaches the last pcoder
    assert "Pareto front of 4 complete trials" in done.stdout
    assert all(len(record.trials[number].confirmed) == 2 for number in record.best)
    shard = shards.read(tmp_path / "outputs/s/shards" / f"{record.trials[0].identities[0]}.parquet")
    asked = [record.trials[0].coefficients[f"pcoder.beta.{n}"] for n in range(4)]
    assert shard.settings["pcoder"]["beta"] == pytest.approx(asked)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search.objective=iou gain at T,iou at T"], "in brackets if it is a list"),
        (["search.images=[3,80]"], "at most the 16 images that are selected, but got 80"),
        (["hydra/launcher=basic"], "`hydra/launcher` to be grid, local, slurm or plan"),
        (["timesteps=1,2"], "one timesteps and metrics under all conditions"),
        (["search.trails=3"], "search.tria"),
        (["cells=some.csv"], "Expected hydra/sweeper=grid for the list of cells some.csv"),
    ],
)
def test_wrong_words_are_refused_in_one_line(tmp_path, words, message):
    done = search(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("words", [["hydra.launcher.dry_run=true"], ["hydra/launcher=plan"]])
def test_a_dry_run_says_what_would_be_searched(tmp_path, words):
    done = search(tmp_path, *words, "search.trials=9")
    assert done.returncode == 0, done.stderr
    for line in (
        "searched: pcoder.lambda from 0 to 1 (to 0.001), as a share of 1 - pcoder.beta",
        "mean over 2 conditions: noise.sigma=0.3; noise.sigma=0.6",
        "images: 3, then 8 of 16; the other 8 confirm the best",
        "trials: 9 by tpe, which take 108 image-timesteps if all stop early and 288 if none does",
    ):
        assert line in done.stdout
    assert not list(tmp_path.rglob("journal.log"))


def test_another_search_in_the_same_study_is_refused(tmp_path):
    assert search(tmp_path, *here("search.trials=1")).returncode == 0
    other = search(tmp_path, *here("search.trials=2", "noise.sigma=0.4"))
    assert other.returncode == 2
    assert "Expected the search in study s to be about the same" in other.stderr
    assert "study=NAME" in other.stderr


def test_a_grid_of_an_interval_is_told_of_searches(tmp_path):
    done = search(tmp_path, "hydra/sweeper=grid")
    assert done.returncode == 2
    assert "such as pcoder.beta=range(0,1.1,0.1), but got pcoder.beta=interval(0,1)" in done.stderr
    assert "hydra/sweeper=search" in done.stderr


POISON = """
from pathlib import Path

HERE = Path(__file__).parent


def mine(image, generator, *, share: float):
    what, first = f"{float(image.double().sum()):.3f}", HERE / "first"
    if not first.exists():
        first.write_text(what)  # which is tried when a point is checked
    if (HERE / "poisoned").exists() and what != first.read_text():
        raise RuntimeError("poisoned")
    return image * (1 - share)
"""


def test_a_search_whose_trials_fail_stops_itself_and_goes_on_when_the_cause_is_mended(tmp_path):
    (tmp_path / "own_noise.py").write_text(POISON)
    words = ["extensions=[own_noise]", "noise._target_=own_noise.mine", "~noise.sigma", "+noise.share=0.5", "search.trials=40"]
    given = [each for each in SMALL if not each.startswith("noise.sigma")] + SPACE + words + ["hydra/launcher=local"]

    first = start(*given, folder=tmp_path, environment=wide(), stdout=PIPE, stderr=PIPE)
    until = time.monotonic() + 120
    while len(list(tmp_path.glob("outputs/s/shards/*.parquet"))) < 4 and time.monotonic() < until:
        time.sleep(0.1)
    (tmp_path / "poisoned").touch()
    _, said = first.communicate(timeout=200)
    assert first.returncode == 1, said
    assert "failed, so the search has stopped; all others are kept" in said
    assert "RuntimeError: poisoned" in said
    record = read(tmp_path / "outputs/s")
    failed = sum(each.state == "failed" for each in record.trials)
    assert 5 < failed < 12
    (tmp_path / "poisoned").unlink()
    kept = len(record.trials) - failed
    done = run(*given, f"search.trials={kept + 8}", folder=tmp_path, environment=wide())
    assert done.returncode == 0, done.stderr
    ended = [each for each in read(tmp_path / "outputs/s").trials if each.state != "failed"]
    assert len(ended) == kept + 8
