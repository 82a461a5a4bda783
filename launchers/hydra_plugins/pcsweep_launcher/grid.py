"""The launcher `grid`: checks a whole sweep before its first job, then computes what is missing, on a cluster or here, in packs.

Every point is composed once, at submission, and runs as it was composed, whatever is edited meanwhile. The points of a pack
differ in their coefficients alone and are computed together; a queue's task, or this process, computes one pack after the other.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus, configure_log, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.config.variations import Configuration
from pcsweep.console.progress import stage
from pcsweep.sweep.compose import Composition
from pcsweep.sweep.job import Session, SweepPoint

if TYPE_CHECKING:
    from pcsweep.grid.plan import Plan
    from pcsweep.sweep.cells import ListedPoints
    from pcsweep.sweep.settings import LauncherSettings

_log = logging.getLogger(__name__)
_SHARED = ("model", "dataset")  # what is loaded anew where it changes from one point to the next


class GridLauncher(Launcher):
    """Runs the points of a sweep; `listed` is the list of cells that asks for them, if there is one, see the sweeper `grid`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.listed: ListedPoints | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before `launch`."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Checks all points, then runs them.

        Raises:
            BadSetting: a point or a setting is refused, or the queue refuses all tasks; none has been run then.
            Unfinished: not all points are done; the others are.
        """
        from pcsweep.sweep import foreign, launch, snapshot
        from pcsweep.sweep.settings import checked_settings

        settings = checked_settings(self.settings)
        if settings.chosen.detached and self._is_study():
            snapshot.package()  # before what takes long: tasks run the code as it was when the command was given
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        session = Session(self.hydra_context, self.task_function, self.config)
        for line in self._said():
            _log.info("%s", line)
        points = self._points(job_overrides, initial_job_idx)
        if not self._is_study():
            return foreign.launch(session, points, settings)
        if most := OmegaConf.select(self.config, "hydra.sweeper.max_batch_size"):
            raise BadSetting(
                f"Expected `hydra.sweeper.max_batch_size` to be null for a study, which is checked as a whole, but got {most}."
            )
        self._check_one_list(points)
        plan = self._plan(points, here=not settings.chosen.detached)
        launch.launch(session, points, plan, settings)
        return [_done(point) for point in points]

    def search(self, overrides: Sequence[Override], given: Sequence[Override]) -> None:
        """Searches what overrides ask for; `given` are those of the command.

        Raises:
            BadSetting: a word or a setting is refused.
            Unfinished: too many trials have failed.
        """
        from pcsweep.sweep.searching.run import run_search
        from pcsweep.sweep.settings import checked_settings

        settings = checked_settings(self.settings)
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        if not self._is_study():
            raise BadSetting("Expected a study of pcsweep, which alone hydra/sweeper=search knows how to search.")
        run_search(Session(self.hydra_context, self.task_function, self.config), overrides, given, self._for_search(settings))

    def _for_search(self, settings: "LauncherSettings") -> "LauncherSettings":
        return settings

    def _is_study(self) -> bool:
        """Whether this is a sweep of pcsweep; any other application's points are run as they are."""
        return {"study", "output_root", "pcoder"} <= set(self.config)

    def _points(self, job_overrides: Sequence[Sequence[str]], first: int) -> list[SweepPoint]:
        composition = Composition(self.hydra_context.config_loader, self.config)
        with stage("composing"):
            return [
                SweepPoint(number, tuple(overrides), composition.template(overrides))
                for number, overrides in enumerate(job_overrides, start=first)
            ]

    def _check_one_list(self, points: Sequence[SweepPoint]) -> None:
        """Refuses points that would read a list of their own, such as one that some of several experiments ask for."""
        own = OmegaConf.select(self.config, "cells")
        asked = {
            OmegaConf.select(template.config, "cells")
            for template in {id(each.template): each.template for each in points}.values()
        }
        if others := asked - {own}:
            raise BadSetting(
                f"Expected one list of `cells` for the whole sweep, but got {' and '.join(map(str, (own, *others)))}."
            )

    def _said(self) -> list[str]:
        """How the list of cells was read, if there is one."""
        return self.listed.said() if self.listed else []

    def _called(self) -> "Callable[[Sequence[int]], str] | None":
        """How points are named in refusals, if it is not by their numbers."""
        return self.listed.called if self.listed else None

    def _plan(self, points: Sequence[SweepPoint], here: bool) -> "Plan":
        with stage("loading torch"):
            from pcsweep.grid.plan import plan

        return plan(*_by_what_is_shared(points), here, self._called())


class PlanLauncher(GridLauncher):
    """Shows what a sweep would compute, and computes nothing."""

    def _for_search(self, settings: "LauncherSettings") -> "LauncherSettings":
        return replace(settings, dry_run=True)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Checks all points and describes them."""
        with stage("loading torch"):
            from pcsweep.plan import show
        from pcsweep.sweep.settings import checked_settings

        settings = checked_settings(self.settings)
        setup_globals()
        points = self._points(job_overrides, initial_job_idx)
        show(*_by_what_is_shared(points), settings.points_per_pack, self._called(), self._said())
        return [_done(point) for point in points]


def _by_what_is_shared(points: Sequence[SweepPoint]) -> tuple[Iterator[Configuration], list[int]]:
    """Configurations and their numbers, ordered so that a model or dataset is loaded once, whatever the order of the words."""

    def shared(number: int) -> list[str]:
        return [word for word in points[number].overrides if word.partition("=")[0].partition(".")[0] in _SHARED]

    numbers = sorted(range(len(points)), key=shared)
    return (points[number].resolved() for number in numbers), numbers


def _done(point: SweepPoint) -> JobReturn:
    """What Hydra's sweepers are told of a point of a study; its results are in its shard."""
    return JobReturn(overrides=list(point.overrides), status=JobStatus.COMPLETED)
