"""A Slurm for the tests of the launcher, and commands given on it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import run as run_command
from slurm_cluster import Cluster, require

SMALL = ["dataset.limit=4", "timesteps=1"]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Slurm of one node with two CPUs and two stand-in GPUs, shared by all tests of a worker."""
    require()
    with Cluster(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture
def environment(cluster: Cluster) -> dict[str, str]:
    """Of a login shell on the cluster."""
    return os.environ | cluster.environment | {"OMP_NUM_THREADS": "1", "COLUMNS": "160"}


@pytest.fixture
def pcsweep(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m pcsweep` on four images in the test's folder, on the cluster."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return run_command(*words, *SMALL, folder=tmp_path, environment=environment)

    return run
