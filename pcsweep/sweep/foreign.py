"""Sweeps of other applications than a study: every point a task of its own, run as it is, and its result handed back."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus

from pcsweep.config.errors import BadSetting
from pcsweep.machine.ownership import check_own
from pcsweep.sweep.executor.protocol import NoAnswer, Order, Queued, Refused, arrays_of
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
    state = Singleton.get_state()
    tasks = [SweepTask(session, [[point]], state) for point in points]
    run = _detached if settings.chosen.detached else _at_once
    return run(points, tasks, settings)


def _at_once(points: Sequence[SweepPoint], tasks: Sequence[SweepTask], settings: LauncherSettings) -> Sequence[JobReturn]:
    """Has them computed while the command lives."""
    order = Order(tasks, settings.resources.asked)
    with closing(settings.chosen.submit(order)) as computed:
        results = {job.job_id: job.result()[0] for jobs in computed for job in jobs}
    return [results.get(str(point.number)) or _lost(point, "its worker died") for point in points]


def _detached(points: Sequence[SweepPoint], tasks: Sequence[SweepTask], settings: LauncherSettings) -> Sequence[JobReturn]:
    """Sends them to a queue, and waits for them if that is wanted.

    Raises:
        BadSetting: the queue refuses them.
    """
    folder = Path(settings.submitit_folder).absolute()
    check_own(folder)
    jobs = _submitted(tasks, folder, settings)
    if not settings.wait:
        return [JobReturn(overrides=list(point.overrides), status=JobStatus.COMPLETED) for point in points]
    gone = {job.job_id: Since() for job in jobs}

    def ended(rows: Sequence[Queued] | None) -> int:
        refresh(folder)
        there = {f"{row.job}_{row.index}" for row in rows or ()} | {row.job for row in rows or () if row.index == 0}
        lost = [gone[job.job_id].for_long(rows is not None and job.job_id not in there) for job in jobs]
        return sum(job.paths.result_pickle.exists() or no_more for job, no_more in zip(jobs, lost, strict=True))

    wait_until(ended, len(jobs), settings.chosen)
    return [_result(point, job) for point, job in zip(points, jobs, strict=True)]


def _submitted(tasks: Sequence[SweepTask], folder: Path, settings: LauncherSettings) -> list[Any]:
    """The queue's job of each task."""
    queue = settings.chosen
    try:
        arrays = arrays_of(len(tasks), queue.largest_array(), settings.array_parallelism)
        names = [settings.name or str(tasks[0].session.config.hydra.job.name)] * len(arrays.sizes)
        order = Order(tasks, settings.resources.asked, folder, names, arrays, settings.max_num_timeout)
        return [job for jobs in queue.submit(order) for job in jobs]
    except (Refused, NoAnswer, ValueError) as error:
        raise BadSetting(f"{queue.title} refuses these tasks: {error}") from error


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
