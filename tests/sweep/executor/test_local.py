"""Workers on this machine: each with a GPU or a share of the cores, and dispensable."""

import multiprocessing
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from commands import DEVNULL, PIPE, run, start
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobStatus
from hydra.types import HydraContext, RunMode

from pcsweep.__main__ import main
from pcsweep.study import failures
from pcsweep.sweep import executor, foreign
from pcsweep.sweep.compose import Composition
from pcsweep.sweep.executor.local.workers import _Worker, run_here, run_in_workers
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Order, Resources
from pcsweep.sweep.job import Session, SweepPoint, SweepTask
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.sharing import Packs

LOCAL = LauncherSettings("local", True, False, 8, "auto", 30.0, "auto", 64, 3, 240, "", None, Resources({"workers": "auto"}))


@pytest.fixture
def sweep(tmp_path):
    """A sweep of another application than a study: makes its session, and its points, from a task and overrides."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("x: 0\n")
    words = [f"hydra.sweep.dir={tmp_path}", "hydra.sweep.subdir=${hydra.job.num}", "hydra.job.name=app"]
    with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration(
            "config", [*words, "hydra/hydra_logging=none", "hydra/job_logging=none"], RunMode.MULTIRUN
        )
        composition = Composition(loader, config)

        def made(task, count):
            points = [SweepPoint(n, (f"x={n}",), composition.template([f"x={n}"])) for n in range(count)]
            return Session(HydraContext(loader, Callbacks(config)), task, config), points

        yield made


def told(names):
    """A task that tells its process and these variables."""

    def task(config):
        import os

        return os.getpid(), config.x, *(os.environ.get(name) for name in names)

    return task


def values(running):
    return {number: result.return_value for results in running for number, result in results.items()}


def test_each_worker_has_a_gpu_of_its_own(sweep):
    session, points = sweep(told(["CUDA_VISIBLE_DEVICES"]), 5)
    found = values(run_in_workers(session, Packs([[point] for point in points]), 2, ["3", "GPU-7a"]))
    assert {number: value[1] for number, value in found.items()} == {number: number for number in range(5)}
    pairs = {(pid, gpu) for pid, _, gpu in found.values()}
    assert {gpu for _, gpu in pairs} == {"3", "GPU-7a"}
    assert len(pairs) == len({pid for pid, _ in pairs}) == 2
    assert os.getpid() not in {pid for pid, _ in pairs}
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("given", "workers"), [(None, 1), (None, 2), (None, 1000), ("3", 2)])
def test_without_gpus_the_cores_are_shared_unless_their_number_is_given(sweep, monkeypatch, given, workers):
    monkeypatch.setattr(_Worker, "_start", lambda worker: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    session, _ = sweep(told([]), 0)
    share = max(1, len(os.sched_getaffinity(0)) // workers)
    assert _Worker.started(session, 0, workers, []).arguments[1] == {"OMP_NUM_THREADS": given or str(share)}
    assert "OMP_NUM_THREADS" not in _Worker.started(session, 0, workers, ["0"]).arguments[1]


def test_one_worker_is_this_process_and_packs_come_in_order(sweep):
    session, points = sweep(told([]), 3)
    assert [list(results) for results in run_here(session, Packs([points[1:], points[:1]]))] == [[1, 2], [0]]
    for workers in ("auto", 1):
        results = foreign.launch(session, points, replace(LOCAL, resources=Resources({"workers": workers})))
        assert [result.return_value for result in results] == [(os.getpid(), number) for number in range(3)]


def test_a_dead_worker_costs_its_point_alone(sweep, monkeypatch):
    def task(config):
        import os
        import signal

        if config.x == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if config.x == 2:
            raise ValueError("out of luck")
        return config.x, os.environ["OMP_NUM_THREADS"]

    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    session, points = sweep(task, 5)
    results = foreign.launch(session, points, replace(LOCAL, resources=Resources({"workers": 2})))
    assert [result.overrides for result in results] == [[f"x={number}"] for number in range(5)]
    completed = [number for number, result in enumerate(results) if result.status == JobStatus.COMPLETED]
    assert completed == [0, 3, 4]
    assert [results[number].return_value for number in completed] == [(number, "3") for number in completed]
    with pytest.raises(RuntimeError, match="Point 1 has no result: its worker died"):
        _ = results[1].return_value
    with pytest.raises(ValueError, match="out of luck"):
        _ = results[2].return_value


def test_a_dry_run_runs_nothing(sweep):
    def task(config):
        raise AssertionError

    session, points = sweep(task, 2)
    results = foreign.launch(session, points, replace(LOCAL, dry_run=True))
    assert [result.status for result in results] == [JobStatus.COMPLETED] * 2


def workers_of(process):
    """The numbers of the worker processes that it has started."""
    found = []
    for path in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread or a process that has just ended
            for number in path.read_text().split():
                found += [int(number)] if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes() else []
    return found


def test_a_killed_worker_of_a_study_is_told_and_the_same_command_finishes(tmp_path, monkeypatch, capsys):
    words = ["-m", "pcoder.beta=0.4,0.5,0.6", "dataset.limit=2", "timesteps=1", f"output_root={tmp_path}", "hydra/launcher=local"]
    words += ["hydra.launcher.points_per_pack=1"]
    with start(*words, "hydra.launcher.workers=2", folder=Path.cwd(), stderr=PIPE, stdout=DEVNULL) as process:
        deadline = time.monotonic() + 60
        while len(workers := workers_of(process)) < 2 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(workers[0], signal.SIGKILL)
        _, said = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "1 of 3 points is not done." in said
    assert "the worker that computed it died" in said
    (note,) = failures.read_all(tmp_path / "default").values()
    assert "the worker that computed it died" in note.error
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("default/shards/*.parquet")}
    assert len(before) == 2
    monkeypatch.setattr(sys, "argv", ["pcsweep", *words])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # which the command sets as well, and leaves
    main()
    assert "2 of 3 already done" in capsys.readouterr().out
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("default/shards/*.parquet")}
    assert len(after) == 3
    assert before.items() <= after.items()
    assert failures.read_all(tmp_path / "default") == {}


def test_this_machine_is_an_executor_like_any_other(sweep):
    session, points = sweep(told([]), 3)
    here = executor.executor_named("local")
    assert isinstance(here, Executor)
    assert (here.unavailable(), here.describe({}), here.detached, here.poll()) == ("", "this machine", False, [])
    tasks = [SweepTask(session, [[point]], {}) for point in points]
    given = [[(job.job_id, job.result()[0].return_value) for job in jobs] for jobs in here.submit(Order(tasks, {"workers": 1}))]
    assert given == [[(str(number), (os.getpid(), number))] for number in range(3)]
    assert list(here.submit(Order([], {"workers": "auto"}))) == []
    with pytest.raises(NoAnswer, match="ends with it, by Ctrl-C"):
        here.cancel(["1"])


def test_workers_are_what_is_asked_of_this_machine():
    here = executor.executor_named("local")
    for workers in ("auto", 3):
        assert here.resources({"workers": workers, "partition": "gpu", "mem_gb": 16}).asked == {"workers": workers}


MORTAL = """
import multiprocessing
import os
import signal


def mortal(image, *, layer: str | None = None):
    if len(image) > 8 and multiprocessing.parent_process():  # in a worker
        os.kill(os.getpid(), signal.SIGKILL)
    return image.mean(1).abs()
"""


COUNTING = """
import itertools
from pcsweep.__main__ import main
from pcsweep.sweep.executor.local import workers

count = itertools.{}
workers.kills = lambda: next(count)
if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(("counted", "code", "lost"), [("count()", 0, 0), ("repeat(7)", 1, 4)])
def test_a_pack_whose_worker_the_kernel_has_ended_for_want_of_memory_is_tried_again_in_parts(tmp_path, counted, code, lost):
    """The kernel's count grows with each death; or it does not, and then somebody else has killed it."""
    (tmp_path / "toy_mortal.py").write_text(MORTAL)
    words = ["-m", "extensions=[toy_mortal]", "attribution._target_=toy_mortal.mortal", "pcoder.beta=0.3,0.4,0.5,0.6"]
    words += ["dataset.limit=16", "timesteps=1", "batch_size=16", "output_root=.", "hydra/launcher=local"]
    words += ["hydra.launcher.workers=2", "hydra.launcher.points_per_pack=2"]
    (tmp_path / "counting.py").write_text(COUNTING.format(counted))
    done = run(*words, module="counting", folder=tmp_path)
    assert done.returncode == code, done.stderr
    again = "The kernel ended a worker for want of memory; its 2 points tried again alone, with fewest rows."
    assert done.stdout.count(again) == (0 if lost else 2)
    assert len(list((tmp_path / "default" / "shards").glob("*.parquet"))) == 4 - lost
    assert len(failures.read_all(tmp_path / "default")) == lost
