"""Hydra's own tests of launchers, as they come with it, on the launcher `grid`: here, in workers, and on a real Slurm."""

import pytest
from hydra import version
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite

# The suite's applications ask for the ways of Hydra 1.0 where they may still be had.
pytestmark = pytest.mark.filterwarnings("ignore:\nThe version_base parameter is not specified", "ignore:Future Hydra versions")
LOCAL = ["hydra.launcher.executor=local"]
WORKERS = [*LOCAL, "hydra.launcher.workers=2"]
SLURM = ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]
TWO_AT_A_TIME = ["hydra.sweeper.max_batch_size=2"]


@pytest.fixture(autouse=True)
def ways_of_old():
    """As if nothing had been imported that is made for a later Hydra, such as pcsweep's own commands."""
    base = version.VersionBase.instance()
    before, base.version_base = base.version_base, version.__compat_version__
    yield
    version.VersionBase.instance().version_base = before


@pytest.fixture
def on_slurm(environment, monkeypatch):
    """Makes this process's Slurm the cluster."""
    for name in ("PATH", "SLURM_CONF"):
        monkeypatch.setenv(name, environment[name])


def launcher(words):
    """One list for each suite, as some of its tests append to it."""
    return pytest.mark.parametrize(("launcher_name", "overrides"), [("grid", list(words))])


def application(words):
    return pytest.mark.parametrize(("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=grid", *words])])


@launcher(LOCAL)
class TestHere(LauncherTestSuite):
    pass


@application(LOCAL)
class TestApplicationsHere(IntegrationTestSuite):
    pass


@launcher(WORKERS)
class TestInWorkers(LauncherTestSuite):
    pass


@launcher([*LOCAL, *TWO_AT_A_TIME])
class TestBatchesHere(BatchedSweeperTestSuite):
    pass


@launcher(SLURM)
@pytest.mark.usefixtures("on_slurm")
class TestOnSlurm(LauncherTestSuite):
    pass


@application(SLURM)
@pytest.mark.usefixtures("on_slurm")
class TestApplicationsOnSlurm(IntegrationTestSuite):
    pass


@pytest.mark.cold
@launcher([*SLURM, *TWO_AT_A_TIME, "hydra.launcher.gpus_per_node=0"])
@pytest.mark.usefixtures("on_slurm")
class TestBatchesOnSlurm(BatchedSweeperTestSuite):
    pass
