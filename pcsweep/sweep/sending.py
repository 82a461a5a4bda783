"""Sending a study's tasks to Slurm, each point once, whoever else sends the same."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.singleton import Singleton

from pcsweep import failures, slurm, submissions
from pcsweep.provenance import command
from pcsweep.settings import BadSetting
from pcsweep.standing import standing
from pcsweep.submissions import Submission
from pcsweep.sweep.settings import Settings
from pcsweep.sweep.submission import Refused, Shape, shape, submit
from pcsweep.sweep.work import Work
from pcsweep.sweep.worker import Session, Task

_log = logging.getLogger(__name__)
_MOMENT = 0.5  # seconds


@dataclass(frozen=True)
class Sent:
    """What became of a study's tasks.

    Args:
        tasks: how many were sent now.
        elsewhere: points that were in the queue already.
        jobs: numbers of the job arrays.
        refusal: why Slurm did not take all of them; empty if it did.
    """

    tasks: int
    elsewhere: int
    jobs: tuple[str, ...] = ()
    refusal: str = ""


def send(session: Session, work: Work, settings: Settings) -> Sent:
    """Submits the points that are in nobody's hands.

    Raises:
        BadSetting: Slurm refuses all of them, or does not answer.
    """
    try:
        most = slurm.max_array_size()
        left, made, elsewhere = _taken(work, most, settings)
    except slurm.NoAnswer as error:
        raise BadSetting(f"Slurm does not answer, so nothing was submitted: {error}") from error
    if made is None:
        return Sent(0, elsewhere)
    for identities in left.identities():
        for identity in identities:
            failures.forget(work.folder, identity)
    return _submitted(session, left, made, elsewhere, _shape(left, most, settings), settings)


def _shape(work: Work, most: int, settings: Settings) -> Shape:
    return shape(len(work.tasks), most, settings.array_parallelism)


def _taken(work: Work, most: int, settings: Settings) -> tuple[Work, Submission | None, int]:
    """What nobody else computes, noted as ours, and how many points are in the queue already.

    Waits for another command that is just submitting some of the points.
    """
    said = False
    while True:
        known = submissions.read_all(work.folder)
        where = standing(work.folder, work.labels, submissions.tasks(known), slurm.queue())
        left = work.without(where.in_queue | where.done)
        sending = [each for each in known if each.being_sent]
        if not any(each.concerns(frozenset(work.labels) - where.in_queue) for each in sending):
            if not left.tasks:
                return left, None, len(where.in_queue)
            sizes = _shape(left, most, settings).sizes
            if made := submissions.new(work.folder, left.identities(), sizes, command(), known, settings.name):
                return left, made, len(where.in_queue)
        if not said:
            _log.info("Another command is submitting these points; waiting for it.")
            said = True
        time.sleep(_MOMENT)


def _submitted(session: Session, left: Work, made: Submission, elsewhere: int, arrays: Shape, settings: Settings) -> Sent:
    state = Singleton.get_state()
    tasks = [Task(session, packs, state) for packs in left.tasks]
    names = [array.name for array in made.arrays]
    jobs: list[str] = []
    refusal = ""
    try:
        for submitted in submit(tasks, made.logs.absolute(), names, arrays, settings.asked, settings.max_num_timeout):
            jobs.append(_number(submitted))
            made = submissions.with_jobs(made, jobs)
    except (Refused, ValueError) as error:
        submissions.withdraw(made)
        refusal = str(error)
        if not jobs:
            raise BadSetting(f"Slurm refuses these tasks, so nothing was submitted: {refusal}") from error
    return Sent(sum(arrays.sizes[: len(jobs)]), elsewhere, tuple(jobs), refusal)


def _number(jobs: Sequence[Any]) -> str:
    """Of the array whose jobs these are."""
    return str(jobs[0].job_id).partition("_")[0]
