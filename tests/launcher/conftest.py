"""A Slurm for the tests of the launcher, and commands given on it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import run as run_command
from commands import warm_srun
from slurm_cluster import Cluster, require

SMALL = ["dataset.limit=4", "timesteps=1"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Slurm of one node with two CPUs and two stand-in GPUs, shared by all tests of a worker."""
    require()
    with Cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture(scope="session")
def warm_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with which the tasks of Slurm are forked, as commands are."""
    return f"{warm_srun(tmp_path_factory.mktemp('warm') / 'bin')}:{os.environ['PATH']}"


@pytest.fixture
def environment(cluster: Cluster, warm_path: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Of a login shell on the cluster; the tasks of a test that is marked `cold` have interpreters of their own."""
    path = {} if request.node.get_closest_marker("cold") else {"PATH": warm_path}
    return os.environ | cluster.environment | path | {"OMP_NUM_THREADS": "1", "COLUMNS": "160"}


@pytest.fixture
def pcsweep(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m pcsweep` on four images in the test's folder, on the cluster."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_command(*words, *SMALL, folder=tmp_path, environment=environment)

    return run
