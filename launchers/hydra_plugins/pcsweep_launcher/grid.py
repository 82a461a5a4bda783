"""The launcher `grid`: checks a whole sweep before its first job, then runs what is missing here, in packs.

The points of a pack differ in their coefficients alone and are computed together, which is much faster than one after the other.

Every point is composed once, at submission. Where jobs go to a cluster instead, this is the place that sends them.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

_log = logging.getLogger(__name__)


@dataclass
class GridConf:
    """Configuration of the launcher `grid`."""

    _target_: str = "hydra_plugins.pcsweep_launcher.grid.GridLauncher"
    points_per_pack: int = 8  # at most; an interruption costs what is unfinished of one pack


ConfigStore.instance().store(group="hydra/launcher", name="grid", node=GridConf, provider="pcsweep_launcher")


@dataclass
class PlanConf(GridConf):
    """Configuration of the launcher `plan`."""

    _target_: str = "hydra_plugins.pcsweep_launcher.grid.PlanLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="plan", node=PlanConf, provider="pcsweep_launcher")


class GridLauncher(Launcher):
    """Runs the points of a sweep in this process."""

    def __init__(self, points_per_pack: int) -> None:
        self.points_per_pack = points_per_pack

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before `launch`."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Checks all points, then runs them.

        Raises:
            BadSetting: a point is refused; none has been run then.
        """
        from pcsweep.progress import progress
        from pcsweep.study import plan, run_pack

        self._check()
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        configs = [self._composed(list(overrides), initial_job_idx + i) for i, overrides in enumerate(job_overrides)]
        tasks = [_task_config(config) for config in configs]
        planned = plan(tasks)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        _log.info("%s", planned)
        results: dict[int, JobReturn] = {}
        with progress("points", len(configs), "points") as advance:
            for numbers in planned.packs(self.points_per_pack):
                try:
                    computed = run_pack([tasks[number] for number in numbers])
                except Exception as error:  # of whatever kind: it may concern one point only
                    _log.warning("%s: %s. Its points are computed one by one.", _pack(numbers), error)
                    computed = []
                for place, number in enumerate(numbers):
                    with _quiet(place in computed):
                        results[number] = self._run(configs[number])
                advance(len(numbers))
            for number in sorted(set(range(len(configs))) - set(results)):  # done already, or skipped
                results[number] = self._run(configs[number])
                advance(1)
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        return [results[number] for number in range(len(configs))]

    def _check(self) -> None:
        from pcsweep.settings import BadSetting

        if self.points_per_pack < 1:
            raise BadSetting(f"Expected `hydra.launcher.points_per_pack` to be at least 1, but got {self.points_per_pack}.")

    def _composed(self, overrides: list[str], number: int) -> DictConfig:
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = config.hydra.job.num = number
        return config

    def _run(self, config: DictConfig) -> JobReturn:
        state = Singleton.get_state()
        result = run_job(
            hydra_context=self.hydra_context,
            task_function=self.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Singleton.set_state(state)
        return result


class PlanLauncher(GridLauncher):
    """Shows what a sweep would compute, and computes nothing."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Checks all points and describes them."""
        from pcsweep.plan import show

        self._check()
        setup_globals()
        configs = [self._composed(list(overrides), initial_job_idx + i) for i, overrides in enumerate(job_overrides)]
        show([_task_config(config) for config in configs], self.points_per_pack)
        return []


def _pack(numbers: Sequence[int]) -> str:
    return f"The pack of point{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))} failed"


@contextmanager
def _quiet(wanted: bool) -> Iterator[None]:
    """Keeps a study from saying that a point is already done, where it was done a moment ago."""
    log = logging.getLogger("pcsweep.study")
    before = log.level
    log.setLevel(logging.WARNING if wanted else before)
    try:
        yield
    finally:
        log.setLevel(before)


def _task_config(config: DictConfig) -> Any:
    """The configuration as the task will see it, without Hydra's own node."""
    return DictConfig({key: value for key, value in config.items_ex(resolve=False) if key != "hydra"})
