"""What computes the points of a sweep, in whichever process: packs of them, each point with its folder as Hydra makes it."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from pcsweep.config.variations import Configuration
from pcsweep.console.text import number_of
from pcsweep.machine import provenance
from pcsweep.study import failures
from pcsweep.study.failures import said
from pcsweep.study.stopping import Bound
from pcsweep.sweep.compose import Template

if TYPE_CHECKING:
    from pcsweep.grid.identified import IdentifiedPoint
    from pcsweep.grid.loaded import Loaded

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepPoint:
    """One point of a sweep, frozen as it was composed; `planned` is None in the sweep of another application than a study."""

    number: int
    overrides: tuple[str, ...]
    template: Template
    planned: "IdentifiedPoint | None" = None

    def config(self) -> DictConfig:
        """The whole configuration, Hydra's node included."""
        return self.template.with_values(self.overrides, self.number)

    def resolved(self) -> Configuration:
        """What its task will see of it."""
        return self.template.resolved(self.overrides)


Pack = Sequence[SweepPoint]


@dataclass(frozen=True)
class Session:
    """What all points of a sweep share."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig  # of the sweep

    def log_as_the_sweep(self) -> None:
        """Points log into their own folders; this goes back to the sweep's log."""
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)


class _TimeIsUp(BaseException):
    """submitit ends the task, from a signal, wherever that is; no point is to blame for it."""


class SomeFailed(Exception):
    """Points of a study failed; each is noted in the study's folder `failures/`."""


def loaded_for(packs: Iterable[Pack]) -> "Loaded | None":
    """A place for the models and datasets of a study's points; None of another application's, which need none."""
    if not any(point.planned for pack in packs for point in pack):
        return None
    from pcsweep.grid.loaded import Loaded

    return Loaded()


def run_pack(session: Session, pack: Pack, loaded: "Loaded | None") -> list[JobReturn]:
    """Computes a pack; where it fails as a whole, point by point, so that only the points that are to blame fail.

    Args:
        session: what all points of the sweep share.
        pack: points that are computed together.
        loaded: where their model and dataset are, or will be; None for another application's points.
    """
    done: set[int] = set()
    planned = [point.planned for point in pack if point.planned is not None]
    if loaded is not None and len(planned) > 1:
        from pcsweep.compute.run import run_pack as compute

        try:
            compute(planned, loaded)
            done = {point.number for point in pack}
        except Exception as error:  # of whatever kind: it may concern one point only
            _end_if_told_to(error)
            _log.warning("%s. The points of this pack are computed one by one.", _said(error))
    return [_run(session, point, loaded, point.number in done) for point in pack]


def _run(session: Session, point: SweepPoint, loaded: "Loaded | None", done: bool) -> JobReturn:
    """One point in its own folder, with its own log."""
    state = None if point.planned else Singleton.get_state()  # slow; another application's task may change it
    try:
        config = point.config()
        config.hydra.job.id = provenance.task() or str(point.number)
        result = run_job(
            hydra_context=session.context,
            task_function=_of_study(point.planned, loaded, done) if point.planned and loaded else session.task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    except Exception as error:  # of the folder, not of the point: nothing can be written, say
        if point.planned is None:
            raise
        _end_if_told_to(error)
        if not done:
            _note(point.planned, error, None)
        result = JobReturn(status=JobStatus.FAILED, _return_value=error)
    finally:
        session.log_as_the_sweep()
        if state:
            Singleton.set_state(state)
    if point.planned:
        why = said(result._return_value) if result.status != JobStatus.COMPLETED else None
        return JobReturn(list(point.overrides), status=result.status, _return_value=why)  # not what holds memory
    return result


def _of_study(planned: "IdentifiedPoint", loaded: "Loaded", done: bool) -> Callable[[DictConfig], None]:
    from pcsweep.compute.run import run_pack as compute

    def task(_: DictConfig) -> None:
        with chdir(HydraConfig.get().runtime.cwd):  # hydra.job.chdir may have left it
            try:
                if not done:
                    compute([planned], loaded)
            except Exception as error:
                _end_if_told_to(error)
                _log.error("%s failed: %s", planned.point.label, said(error), exc_info=not isinstance(error, OSError))
                _note(planned, error, _own_log())
                raise
            assert planned.identity is not None  # not skipped
            failures.forget(planned.folder, planned.identity)

    return task


def _note(planned: "IdentifiedPoint", error: Exception, log: str | None) -> None:
    """Notes a failure, unless the disk is full."""
    assert planned.identity is not None  # not skipped
    label = planned.point.label
    try:
        failures.note(planned.folder, planned.identity, label, error, log)
    except OSError as another:
        _log.error("The failure of %s (%s) could not be noted: %s", label, _said(error), another)


def _end_if_told_to(error: Exception) -> None:
    """Goes on to the end of the task, if submitit said so; whoever was at work may have raised an error of its own instead."""
    from submitit.core.utils import UncompletedJobError

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UncompletedJobError):
            raise _TimeIsUp from cause
        cause = cause.__cause__ or cause.__context__


def _own_log() -> str | None:
    hydra = HydraConfig.get()
    path = Path(hydra.runtime.output_dir) / f"{hydra.job.name}.log"
    return str(path) if path.exists() else None


def _warn_without_gpu() -> None:
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given and not torch.cuda.is_available():
        _log.warning("This task was given GPU %s, but torch finds no CUDA device: device=auto means the CPU here.", given)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def failed(results: Sequence[JobReturn]) -> int:
    """How many of the points raised."""
    return sum(result.status != JobStatus.COMPLETED for result in results)


@dataclass(frozen=True)
class SweepTask:
    """Some packs of a sweep: what a queue runs. submitit calls it, and after a time-out or preemption queues it again as it was.

    A point that was finished before is not computed again.
    """

    session: Session
    packs: Sequence[Pack]
    state: dict[str, Any]  # of Hydra's singletons, at submission
    git: str | None = None  # of the package's repository, at submission; None: what it is when the task runs
    bound: Bound | None = None  # of failures, at which it begins no further pack

    def __call__(self) -> list[JobReturn]:
        """Computes the points.

        Returns:
            What Hydra returns for each; nothing for a study, whose results are its shards.

        Raises:
            SomeFailed: points of a study raised; all others have been computed.
        """
        os.chdir(self.session.config.hydra.runtime.cwd)
        Singleton.set_state(self.state)
        setup_globals()
        self.session.log_as_the_sweep()
        try:
            loaded = loaded_for(self.packs)
            if loaded is not None:
                _warn_without_gpu()
            with provenance.submitted_from(self.git):
                results = [result for pack in self._begun() for result in run_pack(self.session, pack, loaded)]
        except _TimeIsUp as end:
            raise end.__cause__ or end from None
        if loaded is None:  # of another application's points
            return results
        if wrong := failed(results):
            last = next(result._return_value for result in reversed(results) if result.status != JobStatus.COMPLETED)
            raise SomeFailed(f"{wrong} of {len(results)} points failed; the last: {last}")
        return []

    def _begun(self) -> Iterator[Pack]:
        """The packs, one after the other, until so many points of the study have failed that it is to stop."""
        for number, pack in enumerate(self.packs):
            if self.bound is not None and self.bound.reached():
                left = number_of(sum(len(each) for each in self.packs[number:]), "point")
                _log.warning("Stopped, for too many points of the study have failed; not begun of this task: %s.", left)
                self.bound.stop()
                return
            yield pack

    def checkpoint(self) -> Any:
        """The same again in packs of half the size, so that one that takes longer than a task may is done in the end."""
        from submitit.helpers import DelayedSubmission

        halves = [half for pack in self.packs for half in (pack[: (len(pack) + 1) // 2], pack[(len(pack) + 1) // 2 :]) if half]
        return DelayedSubmission(replace(self, packs=halves))
