"""Sending a study's tasks to a queue, each point once, whoever else sends the same."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.singleton import Singleton

from pcsweep.config.errors import BadSetting
from pcsweep.machine.patience import patiently
from pcsweep.machine.provenance import command
from pcsweep.machine.renewal import renewing
from pcsweep.study import failures, submissions
from pcsweep.study.submissions import Destination, Submission
from pcsweep.sweep import executor
from pcsweep.sweep.executor import Answers
from pcsweep.sweep.executor.protocol import Arrays, Executor, NoAnswer, Order, Queued, Refused, arrays_of
from pcsweep.sweep.job import Session, SweepTask
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.wait import first_look, rows_of
from pcsweep.sweep.work import StudyWork

_log = logging.getLogger(__name__)
_MOMENT = 0.5  # seconds


@dataclass(frozen=True)
class Sent:
    """What became of a study's tasks.

    Args:
        tasks: how many were sent now.
        elsewhere: points that were in the queue already.
        jobs: numbers of the job arrays.
        refusal: why the queue did not take all of them; empty if it did.
    """

    tasks: int
    elsewhere: int
    jobs: tuple[str, ...] = ()
    refusal: str = ""


def send(session: Session, work: StudyWork, settings: LauncherSettings, queue: Executor) -> Sent:
    """Submits the points that are in nobody's hands.

    Raises:
        BadSetting: the queue refuses all of them, or does not answer.
    """
    try:
        most = queue.largest_array()
        left, made, elsewhere = _taken(work, most, settings, queue)
    except NoAnswer as error:
        raise BadSetting(f"{queue.title} does not answer, so nothing was submitted: {error}") from error
    except OSError as error:
        raise BadSetting(f"What would be submitted cannot be noted: {failures.said(error)}") from error
    if made is None:
        return Sent(0, elsewhere)
    for identities in left.identities():
        for identity in identities:
            failures.forget(work.folder, identity)
    return _submitted(session, left, made, elsewhere, settings, queue)


def _shape(work: StudyWork, most: int, settings: LauncherSettings) -> Arrays:
    return arrays_of(len(work.tasks), most, settings.array_parallelism)


def _taken(work: StudyWork, most: int, settings: LauncherSettings, queue: Executor) -> tuple[StudyWork, Submission | None, int]:
    """What nobody else computes, noted as ours, and how many points are in the queue already.

    Waits for another command that is just submitting some of the points.
    """
    said = False
    while True:
        known = _known(work.folder)
        sending = [each for each in known if each.being_sent]  # before the queue is read: what has just been sent is in there
        rows = rows_of(known, settings.executor)
        ours = [each for each in known if executor.noted(each.executor, each.owner) is queue]
        if abandoned := _abandoned(ours, sending, rows):
            queue.cancel(abandoned)
            time.sleep(_MOMENT)
            continue
        where = first_look(work.folder, work.labels, Answers(rows))
        left = work.without(where.in_queue | where.done)
        if not any(each.concerns(frozenset(work.labels) - where.in_queue) for each in sending):
            if not left.tasks:
                return left, None, len(where.in_queue)
            sizes = _shape(left, most, settings).sizes
            to = Destination(settings.executor, settings.name)
            if made := submissions.new(work.folder, left.identities(), sizes, command(), known, to):
                return left, made, len(where.in_queue)
        if not said:
            _log.info("Another command is submitting these points; waiting for it.")
            said = True
        time.sleep(_MOMENT)


def _known(folder: Path) -> list[Submission]:
    """The submissions of a study.

    Raises:
        BadSetting: they cannot be read.
    """
    try:
        return patiently(lambda: submissions.read_all(folder))
    except OSError as error:
        raise BadSetting(f"Expected a study that can be read, but got {failures.said(error)}.") from error


def _abandoned(known: Sequence[Submission], sending: Sequence[Submission], rows: Sequence[Queued]) -> set[str]:
    """Jobs whose command died before it had handed over what they are to run: they would wait for that, and fail."""
    names = {array.name for each in known if each not in sending for array in each.arrays if array.job is None}
    return {row.job for row in rows if row.name in names and row.state != "COMPLETING"}


def _submitted(
    session: Session, left: StudyWork, made: Submission, elsewhere: int, settings: LauncherSettings, queue: Executor
) -> Sent:
    state = Singleton.get_state()
    tasks = [SweepTask(session, packs, state) for packs in left.tasks]
    names = [array.name for array in made.arrays]
    arrays = _shape(left, len(made.arrays[0].tasks), settings)  # as large as when they were noted
    order = Order(tasks, settings.asked, made.logs.absolute(), names, arrays, settings.max_num_timeout)
    jobs: list[str] = []
    refusal = ""
    try:
        with renewing(made.path):
            for submitted in queue.submit(order):
                jobs.append(str(submitted[0].job_id).partition("_")[0])
                made = submissions.with_jobs(made, jobs)
    except (Refused, ValueError, OSError) as error:
        submissions.withdraw(made)
        refusal = str(error)
        if not jobs:
            raise BadSetting(f"{queue.title} refuses these tasks, so nothing was submitted: {refusal}") from error
    return Sent(sum(arrays.sizes[: len(jobs)]), elsewhere, tuple(jobs), refusal)
