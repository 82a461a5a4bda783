"""On a real Slurm: tasks are watched until they have ended, and their shards say what they had asked for."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from screen import InTerminal

from pcsweep.study import shards
from pcsweep.study.spent import spent_of

ASKED = (
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=2",
    "hydra.launcher.points_per_job=2",
    "hydra.launcher.wait=false",
)
POINTS = ("pcoder.beta=0.2,0.4", "pcoder.lambda=0,0.1", "study=s")


@pytest.mark.cold  # so that they are seen to start
def test_tasks_are_watched_and_say_what_they_cost(
    pcsweep: Callable[..., subprocess.CompletedProcess[str]], environment: dict[str, str], tmp_path: Path
) -> None:
    sent = pcsweep("-m", *POINTS, *ASKED)
    assert sent.returncode == 0, sent.stderr
    watched = InTerminal("study=s", "watch=true", module="pcsweep.status", folder=tmp_path, variables=environment)
    watched.until(lambda screen: "▸" in screen.text and "in 2 tasks: " in screen.text)
    assert watched.end(120) == 0
    assert "■ 4 done" in watched.screen.text
    assert "GiB\n" in watched.screen.text
    found = [spent_of(shards.metadata(path)) for path in (tmp_path / "outputs/s/shards").glob("*.parquet")]
    told = [each for each in found if each]
    assert len(told) == len(found) == 4
    assert {each.memory_asked for each in told} == {2 * 2**30}
    jobs = {each.task.partition("_")[0] for each in told}
    assert {each.task for each in told} == {f"{job}_{index}" for job in jobs for index in (0, 1)}
    assert {each.points for each in told} == {2}
    assert all(0 < each.memory <= each.memory_limit for each in told)
