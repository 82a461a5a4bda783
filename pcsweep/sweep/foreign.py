"""Sweeps of other applications than a study: every point a task of its own, run as it is, and its result handed back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from pcsweep.config.errors import BadSetting
from pcsweep.machine.ownership import check_own
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Order, Queued, Refused, arrays_of
from pcsweep.sweep.job import Session, SweepPoint, SweepTask
from pcsweep.sweep.look import refresh
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.wait import Since, wait_until


def launch(session: Session, points: Sequence[SweepPoint], settings: LauncherSettings) -> Sequence[JobReturn]:
    """Runs every point.

    Raises:
        BadSetting: the queue refuses them.
    """
    if settings.dry_run:
        return [JobReturn(overrides=list(point.overrides), status=JobStatus.COMPLETED) for point in points]
    queue = settings.chosen
    run = _detached if queue.detached else _at_once
    return run(session, points, settings, queue)


def _at_once(session: Session, points: Sequence[SweepPoint], settings: LauncherSettings, queue: Executor) -> Sequence[JobReturn]:
    """Computed while the command lives."""
    order = Order([SweepTask(session, [[point]], {}) for point in points], settings.resources.asked)
    results = {job.job_id: job.result()[0] for jobs in queue.submit(order) for job in jobs}
    return [results.get(str(point.number)) or _lost(point, "its worker died") for point in points]


def _detached(session: Session, points: Sequence[SweepPoint], settings: LauncherSettings, queue: Executor) -> Sequence[JobReturn]:
    """Sent to a queue, and waited for if that is wanted."""
    state = Singleton.get_state()
    tasks = [SweepTask(session, [[point]], state) for point in points]
    folder = Path(settings.submitit_folder).absolute()
    check_own(folder)
    jobs: list[Any] = []
    try:
        arrays = arrays_of(len(tasks), queue.largest_array(), settings.array_parallelism)
        names = [settings.name or str(session.config.hydra.job.name)] * len(arrays.sizes)
        for submitted in queue.submit(Order(tasks, settings.resources.asked, folder, names, arrays, settings.max_num_timeout)):
            jobs += submitted
    except (Refused, NoAnswer, ValueError) as error:
        raise BadSetting(f"{queue.title} refuses these tasks: {error}") from error
    if not settings.wait:
        return [JobReturn(overrides=list(point.overrides), status=JobStatus.COMPLETED) for point in points]
    gone = {job.job_id: Since() for job in jobs}

    def ended(rows: Sequence[Queued] | None) -> int:
        refresh(folder)
        there = {f"{row.job}_{row.index}" for row in rows or ()} | {row.job for row in rows or () if row.index == 0}
        lost = [gone[job.job_id].for_long(rows is not None and job.job_id not in there) for job in jobs]
        return sum(job.paths.result_pickle.exists() or no_more for job, no_more in zip(jobs, lost, strict=True))

    wait_until(ended, len(jobs), queue)
    return [_result(point, job) for point, job in zip(points, jobs, strict=True)]


def _result(point: SweepPoint, job: Any) -> JobReturn:
    if not job.paths.result_pickle.exists():
        return _lost(point, f"task {job.job_id} ended without a result; its log is {job.paths.stderr}")
    try:
        (result,) = job.result()
    except Exception as error:  # whatever the task raised outside of the point itself
        return _lost(point, str(error))
    return result  # type: ignore[no-any-return]


def _lost(point: SweepPoint, reason: str) -> JobReturn:
    result = JobReturn(overrides=list(point.overrides), status=JobStatus.FAILED)
    result.return_value = RuntimeError(f"Point {point.number} has no result: {reason}")
    return result
