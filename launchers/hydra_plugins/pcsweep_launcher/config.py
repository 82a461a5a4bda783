"""Settings of the launchers and the sweeper, as Hydra sees them; `conf/hydra/launcher/` explains them."""

from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeperConf
from hydra.core.config_store import ConfigStore
from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf

_HERE = "hydra_plugins.pcsweep_launcher"


@dataclass
class GridConf(SlurmQueueConf):
    """Settings of the launcher `grid`; what Slurm is asked for has the names that `submitit_slurm` uses."""

    _target_: str = f"{_HERE}.grid.GridLauncher"
    executor: str = "auto"
    wait: bool = True
    dry_run: bool = False
    points_per_pack: int = 8
    points_per_job: Any = "auto"
    target_minutes: float = 30.0
    workers: Any = "auto"
    max_failures: Any = None
    name: str | None = None
    submitit_folder: str = "${hydra.sweep.dir}/.submitit"
    timeout_min: int = 240
    cpus_per_task: int | None = 4
    gpus_per_node: int | None = 1
    mem_gb: int | None = 16
    max_mem_gb: Any = None
    signal_delay_s: int = 90
    max_num_timeout: int = 3
    array_parallelism: int = 64
    setup: list[str] | None = field(default_factory=list)


@dataclass
class PlanConf(GridConf):
    """Settings of the launcher `plan`."""

    _target_: str = f"{_HERE}.grid.PlanLauncher"


@dataclass
class SweeperConf(BasicSweeperConf):
    """Settings of the sweeper `grid`: Hydra's own, and grids that are each combined with its `params`."""

    _target_: str = f"{_HERE}.sweeper.GridSweeper"
    grids: Any = None


@dataclass
class SearchConf(SweeperConf):
    """Settings of the sweeper `search`; what it does is said by the key `search` of the configuration."""

    _target_: str = f"{_HERE}.search.SearchSweeper"


def _store(group: str, name: str, node: type) -> None:
    ConfigStore.instance().store(group=f"hydra/{group}", name=name, node=node, provider="pcsweep_launcher")


_store("launcher", "grid_settings", GridConf)  # of which the presets are made
_store("launcher", "plan", PlanConf)
_store("sweeper", "grid", SweeperConf)
_store("sweeper", "search", SearchConf)
