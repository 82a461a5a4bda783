"""The launcher's settings, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from omegaconf import OmegaConf
from pydantic import Field

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import checked
from pcsweep.sweep.executor import chosen, executor_named
from pcsweep.sweep.executor.protocol import Executor, Resources
from pcsweep.sweep.executor.text import check_text

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

    @property
    def chosen(self) -> Executor:
        """The executor of that name."""
        return executor_named(self.executor)

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
    found = checked(LauncherSettings, {**own, "resources": Resources()}, "hydra.launcher.")
    name = chosen(found["executor"])
    try:
        _check_asked({key: value for key, value in plain.items() if key not in own})
        resources = executor_named(name).resources({**plain, **found})
    except ValueError as error:
        raise BadSetting(str(error)) from error
    return LauncherSettings(**{**found, "executor": name, "resources": resources})


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
