"""The launcher's settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from omegaconf import OmegaConf
from pydantic import Field

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import checked
from pcsweep.sweep.executor import chosen, executor_named
from pcsweep.sweep.executor.protocol import Executor, Resources
from pcsweep.sweep.executor.text import check_text

_MOST_TIMES = 4  # the memory of a task is the most that is asked for, unless max_mem_gb says otherwise
AtLeastOne = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class LauncherSettings:
    """What `conf/hydra/launcher/grid.yaml` explains; `executor` is a name, and `resources` are what each task asks it for."""

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
    resources: Resources
    max_failures: Literal["never"] | AtLeastOne | None = None
    max_mem_gb: AtLeastOne | None = None
    given: Mapping[str, Any] = field(default_factory=dict)  # all of them, as they were given

    @property
    def chosen(self) -> Executor:
        """The executor of that name."""
        return executor_named(self.executor)

    @property
    def memory(self) -> int | None:
        """GB that each task asks for; None where that is left to the executor."""
        asked = self.given.get("mem_gb")
        return None if asked is None else int(asked)

    @property
    def most_memory(self) -> int:
        """GB that a task asks for at most, after others were lost for want of it."""
        asked = self.memory or 0
        return max(asked, _MOST_TIMES * asked if self.max_mem_gb is None else self.max_mem_gb)

    def with_memory(self, gigabytes: int | None) -> "LauncherSettings":
        """The same, with so much memory for each task; None: as much as it asks for anyway.

        Raises:
            BadSetting: the executor cannot follow.
        """
        if gigabytes is None:
            return self
        try:
            return replace(self, resources=self.chosen.resources({**self.given, "mem_gb": gigabytes}))
        except ValueError as error:
            raise BadSetting(str(error)) from error

    @property
    def where(self) -> str:
        """Where tasks run, for people."""
        return self.chosen.describe(self.resources.asked)


def checked_settings(values: Mapping[str, Any]) -> LauncherSettings:
    """The settings, with `executor: auto` decided, and what its tasks ask for.

    Raises:
        BadSetting: a value that is not allowed, whatever the executor, or that the executor cannot follow.
    """
    plain = {
        key: OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value for key, value in values.items()
    }
    own = {key: value for key, value in plain.items() if key in LauncherSettings.__dataclass_fields__}
    found = checked(LauncherSettings, {**own, "resources": Resources(), "given": {}}, "hydra.launcher.")
    name = chosen(found["executor"])
    try:
        _check_asked({key: value for key, value in plain.items() if key not in own})
        resources = executor_named(name).resources({**plain, **found})
    except ValueError as error:
        raise BadSetting(str(error)) from error
    return LauncherSettings(**{**found, "executor": name, "resources": resources, "given": {**plain, **found}})


def _check_asked(asked: Mapping[str, Any]) -> None:
    """Refuses what no executor could be asked for.

    Raises:
        ValueError: a control character in a text, or more than one process per task.
    """
    for key, value in asked.items():
        check_text(f"hydra.launcher.{key}", value)
    for key in ("nodes", "tasks_per_node"):
        if asked.get(key) not in (None, 1):
            raise ValueError(f"Expected `hydra.launcher.{key}` to be 1, for a task is one process, but got {asked[key]}.")
