"""The launcher's settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from omegaconf import OmegaConf
from pydantic import Field

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import checked
from pcsweep.sweep import executor
from pcsweep.sweep.executor.protocol import Executor
from pcsweep.sweep.executor.slurm.submission import resources

AtLeastOne = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class LauncherSettings:
    """What `conf/hydra/launcher/grid.yaml` explains; `asked` is what Slurm is asked for, in submitit's names."""

    executor: str
    wait: bool
    dry_run: bool
    points_per_pack: AtLeastOne
    points_per_job: Literal["auto"] | AtLeastOne
    target_minutes: Annotated[float, Field(gt=0)]
    workers: Literal["auto"] | AtLeastOne
    array_parallelism: AtLeastOne
    max_num_timeout: Annotated[int, Field(ge=0)]
    timeout_min: AtLeastOne
    submitit_folder: str
    name: Annotated[str, Field(pattern=r"^[\w.-]+$")] | None
    asked: dict[str, Any]

    @property
    def gpus(self) -> int:
        """Of each task."""
        return int(self.asked.get("gpus_per_node") or bool(self.asked.get("slurm_gpus_per_task") or self.asked.get("slurm_gres")))

    @property
    def where(self) -> str:
        """Where tasks run, for people."""
        return self.queue.describe(self.asked)

    @property
    def queue(self) -> Executor:
        """What takes the tasks."""
        return executor.executor_named(self.executor)

    @property
    def cores(self) -> int:
        """Of each task."""
        return int(self.asked.get("cpus_per_task", 1))


def checked_settings(values: Mapping[str, Any]) -> LauncherSettings:
    """The settings, with `executor: auto` decided.

    Raises:
        BadSetting: a value that is not allowed.
    """
    plain = {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value for key, value in values.items()
    }
    try:
        asked = resources(plain)
    except ValueError as error:
        raise BadSetting(str(error)) from error
    own = {key: value for key, value in plain.items() if key in LauncherSettings.__dataclass_fields__}
    found = checked(LauncherSettings, {**own, "asked": asked}, "hydra.launcher.")
    found["executor"] = executor.chosen(found["executor"])
    return LauncherSettings(**found)
