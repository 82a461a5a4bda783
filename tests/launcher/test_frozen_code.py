"""What is edited after a submission reaches none of its tasks: they run the code, and the own modules, that were submitted."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import run as run_command
from slurm_cluster import until

import pcsweep
from pcsweep.grid.entry import conf_folder
from pcsweep.machine.provenance import SNAPSHOTS
from pcsweep.study import shards

ROOT = Path(pcsweep.__file__).parents[1]
WORDS = ["-m", "pcoder.beta=0.2,0.4", "dataset.limit=4", "timesteps=1", "hydra.launcher.points_per_job=1"]
SLURM = ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]
LATER = "hydra.launcher.wait=false"
OWN = "def mine(image, generator, *, share: float):\n    return image * (1 - share * {})\n"
NOISE = ["extensions=[own_noise]", "noise._target_=own_noise.mine", "~noise.sigma", "+noise.share=0.5"]


@pytest.fixture
def checkout(tmp_path):
    """A copy of the package, for its user to edit."""
    made = tmp_path / "checkout"
    rubbish = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(pcsweep.__file__).parent, made / "pcsweep", ignore=rubbish)
    shutil.copytree(conf_folder(), made / "conf", ignore=rubbish)
    shutil.copytree(ROOT / "launchers" / "hydra_plugins", made / "hydra_plugins", ignore=rubbish)
    return made


@pytest.fixture
def run(checkout, environment, tmp_path):
    """Gives a command, whose package is that of the checkout, in the test's folder."""

    def command(*words, module="pcsweep", environment=environment):
        variables = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "160"} | environment | {"PYTHONPATH": str(checkout)}
        return run_command(*words, module=module, folder=tmp_path, environment=variables)

    return command


@contextmanager
def drained(cluster):
    """No task starts meanwhile."""
    cluster.drain("a test")
    try:
        yield
    finally:
        cluster.resume()
        until(lambda: cluster.node_state() in ("IDLE", "MIXED", "ALLOCATED"), 20, "a node that works")


@pytest.fixture(autouse=True)
def calm(cluster):
    """Leaves the cluster idle."""
    yield
    cluster.command("scancel", f"--user={os.getuid()}")
    cluster.wait_until_idle()


def tables(tmp_path, study):
    found = {path.name: shards.read(path) for path in (tmp_path / "outputs" / study / "shards").glob("*.parquet")}
    return {name: (shard.table, shard.metadata) for name, shard in found.items()}


def edit(checkout):
    """Every IoU that is defined is 0.125."""
    path = checkout / "pcsweep" / "metric" / "iou.py"
    text = path.read_text()
    counted = "count(found & mask) / count(found | mask)"
    assert text.count(counted) == 1
    path.write_text(text.replace(counted, f"{counted} * 0 + 0.125", 1))


def snapshots(tmp_path, study):
    return sorted((tmp_path / "outputs" / study / SNAPSHOTS).iterdir())


@pytest.mark.cold
def test_an_edit_reaches_no_task_that_was_submitted_before(run, checkout, cluster, tmp_path):
    here = run(*WORDS, "study=here", "hydra.launcher.executor=local")
    assert here.returncode == 0, here.stderr
    with drained(cluster):
        sent = run(*WORDS, "study=there", *SLURM, LATER)
        assert sent.returncode == 0, sent.stderr
        edit(checkout)
    cluster.wait_until_idle()
    (frozen,) = snapshots(tmp_path, "there")
    assert sum(path.stat().st_size for path in frozen.rglob("*") if path.is_file()) < 5_000_000
    there, undisturbed = tables(tmp_path, "there"), tables(tmp_path, "here")
    assert len(there) == 2
    assert there.keys() == undisturbed.keys()
    for name, (table, metadata) in there.items():
        assert table.equals(undisturbed[name][0])
        assert metadata["code"] == frozen.name
        assert undisturbed[name][1]["code"] == ""
        assert json.loads(metadata["sources"]) == json.loads(undisturbed[name][1]["sources"])
    anew = run(*WORDS, "study=edited", "hydra.launcher.executor=local")
    assert anew.returncode == 0, anew.stderr
    assert not any(table.equals(there[name][0]) for name, (table, _) in tables(tmp_path, "edited").items())


def test_the_same_code_is_frozen_once_and_edited_code_anew(run, checkout, cluster, tmp_path):
    with drained(cluster):
        assert run(*WORDS, "study=s", *SLURM, LATER).returncode == 0
        (first,) = snapshots(tmp_path, "s")
        assert run(*WORDS, "study=s", *SLURM, LATER, "noise.sigma=0.3").returncode == 0
        assert snapshots(tmp_path, "s") == [first]
        edit(checkout)
        assert run(*WORDS, "study=s", *SLURM, LATER, "noise.sigma=0.5").returncode == 0
        assert len(snapshots(tmp_path, "s")) == 2
    cluster.wait_until_idle()
    found = tables(tmp_path, "s")
    edited = [set(table["iou"].drop_null().to_pylist()) == {0.125} for table, _ in found.values()]
    codes = [metadata["code"] == first.name for _, metadata in found.values()]
    assert len(found) == 6
    assert sum(codes) == 4
    assert [not each for each in codes] == edited


def test_a_snapshot_that_was_edited_is_refused_and_the_same_command_makes_it_anew(run, cluster, tmp_path):
    with drained(cluster):
        assert run(*WORDS, "study=s", *SLURM, LATER).returncode == 0
        (frozen,) = snapshots(tmp_path, "s")
        (frozen / "pcsweep" / "metric" / "iou.py").write_text("planted")
    cluster.wait_until_idle()
    assert tables(tmp_path, "s") == {}
    shown = run("study=s", module="pcsweep.status").stdout
    assert re.search(r"failed +2\b", shown)
    assert "what is in it has been changed since" in " ".join(re.split(r"[\s│]+", shown))
    logs = [path.read_text() for path in (tmp_path / "outputs" / "s" / "submissions").glob("*/*_log.err")]
    assert len(logs) == 2
    for log in logs:
        assert f"the code that was submitted is not as it was in {frozen}: what is in it has been changed since" in log
        assert "planted" not in log
    again = run(*WORDS, "study=s", *SLURM)
    assert again.returncode == 0, again.stderr
    assert snapshots(tmp_path, "s") == [frozen]
    assert len(tables(tmp_path, "s")) == 2


def test_an_own_noise_is_frozen_with_the_code(run, cluster, tmp_path):
    noise = tmp_path / "own_noise.py"
    noise.write_text(OWN.format(1))
    with drained(cluster):
        sent = run(*WORDS, *NOISE, "study=s", *SLURM, LATER)
        assert sent.returncode == 0, sent.stderr
        noise.write_text(OWN.format(2))
    cluster.wait_until_idle()
    assert len(tables(tmp_path, "s")) == 2
    noise.write_text(OWN.format(1))
    assert run(*WORDS, *NOISE, "study=here", "hydra.launcher.executor=local").returncode == 0
    here = tables(tmp_path, "here")
    assert all(table.equals(here[name][0]) for name, (table, _) in tables(tmp_path, "s").items())


@pytest.fixture
def worker(checkout, environment, tmp_path):
    """A queue of one's own (`tests/folder_queue.py`), whose worker is started when it is called; its environment."""
    shutil.copy(Path(__file__).parents[1] / "folder_queue.py", tmp_path)
    queue = environment | {"FOLDER_QUEUE": str(tmp_path / "queue"), "PYTHONPATH": str(checkout)}
    processes = []

    def start():
        processes.append(subprocess.Popen([sys.executable, "-m", "folder_queue"], cwd=tmp_path, env=queue))

    start.environment = {"FOLDER_QUEUE": queue["FOLDER_QUEUE"]}
    yield start
    (tmp_path / "queue" / "stop").touch()
    for process in processes:
        process.wait(60)


def test_an_executor_of_ones_own_runs_what_was_submitted(run, checkout, worker, tmp_path):
    queue = ["hydra.launcher.executor=folder_queue.Folder"]
    sent = run(*WORDS, "study=there", *queue, LATER, environment=worker.environment)
    assert sent.returncode == 0, sent.stderr
    here = run(*WORDS, "study=here", "hydra.launcher.executor=local")
    assert here.returncode == 0, here.stderr
    edit(checkout)
    worker()
    until(lambda: len(tables(tmp_path, "there")) == 2, 120, "two shards")
    (frozen,) = snapshots(tmp_path, "there")
    undisturbed = tables(tmp_path, "here")
    for name, (table, metadata) in tables(tmp_path, "there").items():
        assert table.equals(undisturbed[name][0])
        assert metadata["code"] == frozen.name
