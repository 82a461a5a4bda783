"""The tasks of a step of Slurm as the processes of one training: `srun --ntasks=…`, or submitit's `tasks_per_node`."""

import os

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

_PORTS = range(15000, 30000)  # below those that Linux gives to whoever asks for any
_STEPS = 7  # between the ports of two jobs of consecutive numbers, for steps that run side by side


class SlurmStep(ClusterEnvironment):
    """What Lightning asks about the processes, from the variables of the step that this one is a task of.

    *Where it differs from Lightning's own:* that one goes by the variables of the job, refuses `srun --ntasks`, and looks up
    the name of the node even where there is one node, whose name need not be known to it.
    """

    @property
    def creates_processes_externally(self) -> bool:
        """Slurm has started all of them."""
        return True

    @property
    def main_address(self) -> str:
        """Of the first task: of the step's first node, unless MASTER_ADDR says otherwise."""
        one_node = os.environ.get("SLURM_STEP_NUM_NODES") == "1"
        first = "127.0.0.1" if one_node else SLURMEnvironment.resolve_root_node_address(os.environ["SLURM_STEP_NODELIST"])
        return os.environ.setdefault("MASTER_ADDR", first)

    @property
    def main_port(self) -> int:
        """The same in all tasks, and another one in other steps of the node; unless MASTER_PORT says otherwise."""
        job, step = (int(os.environ[f"SLURM_{name}"]) for name in ("JOB_ID", "STEP_ID"))
        return int(os.environ.setdefault("MASTER_PORT", str(_PORTS[(_STEPS * job + step) % len(_PORTS)])))

    @staticmethod
    def detect() -> bool:
        """Never asked: `pcsweep.train.devices.environment` decides."""
        return False

    def world_size(self) -> int:
        """Tasks of the step."""
        return int(os.environ["SLURM_STEP_NUM_TASKS"])

    def set_world_size(self, size: int) -> None:
        """Slurm has decided."""

    def global_rank(self) -> int:
        """From 0."""
        return int(os.environ["SLURM_PROCID"])

    def set_global_rank(self, rank: int) -> None:
        """Slurm has decided."""

    def local_rank(self) -> int:
        """On its node."""
        return int(os.environ["SLURM_LOCALID"])

    def node_rank(self) -> int:
        """Of its node, in the step."""
        return int(os.environ["SLURM_NODEID"])
