"""Tasks that end for want of memory are sent again with more, as far as they may ask for it."""

import os

import pytest
from commands import run as run_command

from pcsweep.study import shards, submissions

HUNGRY = """
import os
import signal
import sys


def hungry(image, generator, *, needs_mb: int):
    given = int(os.environ.get("SLURM_MEM_PER_NODE", 1_000_000))
    if "SLURM_JOB_ID" in os.environ and given < needs_mb:
        sys.stderr.write("slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of it has been OOM Killed.\\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return image * 0.5
"""
NOISE = ["extensions=[toy_hungry]", "noise._target_=toy_hungry.hungry", "~noise.sigma", "+noise.needs_mb=500,6000"]
WORDS = ["-m", *NOISE, "pcoder.beta=0.2,0.4", "dataset.limit=4", "timesteps=1", "hydra.launcher.points_per_job=2"]
SLURM = ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]


@pytest.fixture
def run(cluster, environment, tmp_path):
    """Gives a command in the test's folder, and leaves the cluster idle."""
    (tmp_path / "toy_hungry.py").write_text(HUNGRY)

    def command(*words, module="pcsweep"):
        return run_command(*words, module=module, folder=tmp_path, environment=environment, timeout=500)

    yield command
    cluster.command("scancel", f"--user={os.getuid()}")
    cluster.wait_until_idle()


def sizes(tmp_path, study):
    """How many points the tasks of each submission had, oldest first."""
    known = submissions.read_all(tmp_path / "outputs" / study)
    return [[len(task) for array in each.arrays for task in array.tasks] for each in known]


def asked(tmp_path, study):
    """The memory that each submission asked for."""
    found = {}
    for path in (tmp_path / "outputs" / study / "submissions").glob("*/*.sh"):
        (line,) = [line for line in path.read_text().splitlines() if line.startswith("#SBATCH --mem=")]
        found[path.parent.name] = line.partition("=")[2]
    return [found[each.name] for each in submissions.read_all(tmp_path / "outputs" / study)]


def test_a_waiting_command_sends_them_again_with_twice_the_memory_until_it_does(run, tmp_path):
    ended = run(*WORDS, *SLURM, "study=s")
    assert ended.returncode == 0, ended.stderr
    assert asked(tmp_path, "s") == ["2GB", "4GB", "8GB"]
    assert sizes(tmp_path, "s") == [[2, 2], [1, 1], [1, 1]]
    for gigabytes in (4, 8):
        assert f"For want of memory 2 points not done: sent again with {gigabytes} GB." in ended.stdout
    assert run(*WORDS, "study=here", "hydra.launcher.executor=local").returncode == 0
    here = {path.name: shards.read(path).table for path in (tmp_path / "outputs" / "here" / "shards").glob("*.parquet")}
    assert len(here) == 4
    for name, table in here.items():
        assert shards.read(tmp_path / "outputs" / "s" / "shards" / name).table.equals(table)


def test_no_more_is_asked_for_than_may_be_and_status_says_why_they_are_missing(run, tmp_path):
    ended = run(*WORDS, *SLURM, "study=s", "hydra.launcher.max_mem_gb=3")
    assert ended.returncode == 1
    assert asked(tmp_path, "s") == ["2GB", "3GB"]
    assert sizes(tmp_path, "s") == [[2, 2], [1, 1]]
    assert "2 of 4 points are not done." in ended.stderr
    shown = run("study=s", module="pcsweep.status").stdout
    assert "2 points in tasks that ended for want of memory: the same command sends them again" in shown
    assert "ended for want of memory" in " ".join(ended.stderr.replace("│", " ").split())
    later = run(*WORDS, *SLURM, "study=s", "hydra.launcher.wait=false")
    assert later.returncode == 0, later.stderr
    assert asked(tmp_path, "s") == ["2GB", "3GB", "8GB"]
