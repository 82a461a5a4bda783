"""A sweep whose points fail stops itself, here and on Slurm, waited for or not; the same command, mended, computes the rest."""

import os
import re

import pytest
from commands import run as run_command

from pcsweep.study import failures, submissions

POISON = """
from typing import Annotated

from pydantic import Field

_SEEN = set()


def poison(image, generator, *, dose: Annotated[float, Field(ge=0)], lethal: float):
    _SEEN.add(float(image.sum()))
    if dose >= lethal and len(_SEEN) > 1:  # not on the image on which it is tried beforehand
        raise KeyError(f"poisoned with {dose} at /tmp/{dose}")
    return image
"""
DOSES = ",".join(f"{tenth / 10}" for tenth in range(1, 13))
NOISE = ["extensions=[toy_poison]", "noise._target_=toy_poison.poison", "~noise.sigma", f"+noise.dose={DOSES}"]
WORDS = ["-m", "study=s", "dataset.limit=4", "timesteps=0", "hydra.launcher.max_failures=3", "hydra.launcher.points_per_job=1"]
SLURM = ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]
LOCAL = "hydra.launcher.executor=local"
DEADLY = "+noise.lethal=0.4"


@pytest.fixture
def run(environment, tmp_path):
    """Gives a command in the test's folder."""
    (tmp_path / "toy_poison.py").write_text(POISON)

    def command(*words, module="pcsweep"):
        return run_command(*words, module=module, folder=tmp_path, environment=environment, timeout=500)

    return command


@pytest.fixture
def calm(cluster):
    """Leaves the cluster idle."""
    yield
    cluster.command("scancel", f"--user={os.getuid()}")
    cluster.wait_until_idle()


def counted(tmp_path):
    """How many points are done, and how many have failed."""
    folder = tmp_path / "outputs" / "s"
    return len(list((folder / "shards").glob("*.parquet"))), len(failures.read_all(folder))


def told(ended, done, failed):
    """Whether the end of a command says what failed, for which cause, and what was not begun."""
    assert ended.returncode == 1, ended.stderr
    text = " ".join(ended.stderr.split())
    assert f"{12 - done} of 12 points are not done." in text
    assert re.search(
        rf"{failed} of 12 points failed, all with the same error: KeyError: 'poisoned with [\d.]+ at /tmp/[\d.]+'\.", text
    )
    left = 12 - done - failed
    assert (
        f"Stopped there: {left} points not begun. Mend the cause; or hydra.launcher.max_failures=N stops after N of them" in text
    )
    return True


def shown(run, done, failed):
    """Whether `status` says the same."""
    text = run("study=s", module="pcsweep.status").stdout
    numbers = {name: int(re.search(rf"^ *{name} +(\d+)", text, re.MULTILINE)[1]) for name in ("done", "failed", "to do")}
    assert numbers == {"done": done, "failed": failed, "to do": 12 - done - failed}
    assert (
        f"Stopped, so that nothing more of it was begun: {failed} of 12 points failed, all with the same error: KeyError" in text
    )
    return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_here_stops_and_the_mended_command_computes_the_rest(run, tmp_path, workers):
    where = [LOCAL, f"hydra.launcher.workers={workers}"]
    ended = run(*WORDS, *NOISE, DEADLY, *where)
    done, failed = counted(tmp_path)
    assert done >= 3
    assert 3 <= failed <= 2 + workers  # what others were at goes on to its end
    assert told(ended, done, failed)
    assert shown(run, done, failed)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs" / "s" / "shards").iterdir()}
    (tmp_path / "toy_poison.py").write_text(POISON.replace("dose >= lethal", "False"))
    again = run(*WORDS, *NOISE, DEADLY, *where)
    assert again.returncode == 0, again.stderr
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert "Stopped" not in run("study=s", module="pcsweep.status").stdout


@pytest.mark.usefixtures("calm")
def test_a_sweep_on_slurm_that_is_waited_for_stops(run, cluster, tmp_path):
    ended = run(*WORDS, *NOISE, DEADLY, *SLURM)
    done, failed = counted(tmp_path)
    assert done >= 3
    assert 3 <= failed <= 5  # tasks that had begun
    assert told(ended, done, failed)
    assert shown(run, done, failed)
    assert cluster.queue() == []


@pytest.mark.usefixtures("calm")
def test_tasks_that_nobody_waits_for_stop_themselves(run, cluster, tmp_path):
    sent = run(*WORDS, *NOISE, DEADLY, *SLURM, "hydra.launcher.wait=false", "hydra.launcher.points_per_job=6")
    assert sent.returncode == 0, sent.stderr
    cluster.wait_until_idle(300)
    done, failed = counted(tmp_path)
    assert done >= 3
    assert 3 <= failed <= 8
    assert done + failed < 12
    assert shown(run, done, failed)
    assert [array.cancelled for each in submissions.read_all(tmp_path / "outputs" / "s") for array in each.arrays] == [True]


def test_a_number_that_is_none_is_refused(run):
    refused = run(*WORDS, *NOISE, DEADLY, LOCAL, "hydra.launcher.max_failures=0")
    assert refused.returncode == 2
    assert refused.stderr.startswith("pcsweep: Expected `hydra.launcher.max_failures` to be 'never' or ")
    assert refused.stderr.endswith("but got 0.\n")
