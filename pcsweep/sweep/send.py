"""Sending a study's tasks to a queue, each point once, whoever else sends the same."""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hydra.core.singleton import Singleton

from pcsweep.config.errors import BadSetting
from pcsweep.console.text import number_of
from pcsweep.machine.files import clock
from pcsweep.machine.provenance import command, git_state
from pcsweep.machine.renewal import renewing
from pcsweep.study import failures, stopping, submissions
from pcsweep.study.stopping import Bound, most_of
from pcsweep.study.submissions import Destination, Submission
from pcsweep.sweep.executor.answers import Answers, title
from pcsweep.sweep.executor.protocol import Arrays, NoAnswer, Order, Queued, Refused, arrays_of
from pcsweep.sweep.job import Session, SweepTask
from pcsweep.sweep.look import answers_of, look, readable
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.snapshot import FrozenTask, Snapshot, freeze
from pcsweep.sweep.standing import Standing
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
        submission: the name of what was submitted now.
    """

    tasks: int
    elsewhere: int
    jobs: tuple[str, ...] = ()
    refusal: str = ""
    submission: str = ""


def send(session: Session, work: StudyWork, settings: LauncherSettings) -> Sent:
    """Submits the points that are in nobody's hands.

    Raises:
        BadSetting: the queue refuses all of them, or does not answer.
    """
    settings = settings.with_memory(work.mem_gb)
    queue = settings.chosen
    try:
        most = queue.largest_array()
        left, note, elsewhere = _noted(work, most, settings)
    except NoAnswer as error:
        raise BadSetting(f"{queue.title} does not answer, so nothing was submitted: {error}") from error
    except OSError as error:
        raise BadSetting(f"What would be submitted cannot be noted: {failures.said(error)}") from error
    if note is None:
        return Sent(0, elsewhere)
    for identities in left.identities():
        for identity in identities:
            failures.forget(work.folder, identity)
    stopping.forget(work.folder)
    return _submitted(session, left, note, elsewhere, settings)


def _noted(work: StudyWork, most: int, settings: LauncherSettings) -> tuple[StudyWork, Submission | None, int]:
    """What nobody else computes, the note that this command submits it, and how many points are in a queue already.

    There is no note where nothing is left. Waits for another command that is just submitting some of the points.

    Raises:
        NoAnswer: of the queue to which the tasks are to go.
        BadSetting: the study cannot be read, or all that is left may be in a queue that does not answer.
        OSError: the study's folder cannot be written.
    """
    said = False
    while True:
        known = readable(lambda: submissions.read_all(work.folder))
        sending = [each for each in known if each.being_sent]  # before the queue is read: what has just been sent is in there
        answers = answers_of(known, settings.executor)
        if why := answers.silent.get((settings.executor, os.geteuid())):
            raise NoAnswer(why)
        if abandoned := _abandoned(known, sending, answers.rows, settings.executor):
            settings.chosen.cancel(abandoned)
            time.sleep(_MOMENT)
            continue
        where = readable(partial(look, work.folder, work.labels, answers))
        left = work.without(where.in_queue | where.done | frozenset(where.unknown))
        if not any(each.concerns(frozenset(work.labels) - where.in_queue) for each in sending):
            note = _new_note(left, most, known, settings) if left.tasks else None
            if note or not left.tasks:
                _name_unknown(where, answers, nothing_else=not left.tasks and not where.in_queue)
                return left, note, len(where.in_queue)
        if not said:
            _log.info("Another command is submitting these points; waiting for it.")
            said = True
        time.sleep(_MOMENT)


def _abandoned(known: Sequence[Submission], sending: Sequence[Submission], rows: Sequence[Queued], ours: str) -> set[str]:
    """Jobs in our queue that nobody needs.

    Those whose command died before it had handed over what they are to run would wait for that, and fail. Those of a sweep that
    was stopped would run code that has been mended since.
    """
    dead = [each for each in known if each.executor == ours and each not in sending]
    names = {array.name for each in dead for array in each.arrays if array.job is None}
    names |= {array.name for each in dead if each.owner == os.geteuid() for array in each.arrays if array.cancelled}
    return {row.job for row in rows if row.name in names and row.state != "COMPLETING"}


def _new_note(left: StudyWork, most: int, known: Sequence[Submission], settings: LauncherSettings) -> Submission | None:
    """The note of a new submission; None where another command has just noted the same points."""
    sizes = _arrays(left, most, settings).sizes
    to = Destination(settings.executor, settings.name)
    return submissions.new(left.folder, left.identities(), sizes, command(), known, to)


def _name_unknown(where: Standing, answers: Answers, nothing_else: bool) -> None:
    """Says which points are not sent, since they may be in a queue that does not answer.

    Raises:
        BadSetting: there are such points, and nothing else.
    """
    for origin in dict.fromkeys(task.origin for task in where.unknown.values()):
        silence = f"{title(origin)} does not answer"
        if nothing_else:
            raise BadSetting(f"{silence}, so nothing was submitted: {answers.silent[origin]}")
        count = number_of(sum(task.origin == origin for task in where.unknown.values()), "point")
        _log.warning("Not sent again: %s in tasks that were sent before, for %s: %s", count, silence, answers.silent[origin])


def _submitted(session: Session, left: StudyWork, note: Submission, elsewhere: int, settings: LauncherSettings) -> Sent:
    """Hands over what was noted, and notes the jobs as the queue takes them.

    Raises:
        BadSetting: it takes none.
    """
    state = Singleton.get_state()
    names = [array.name for array in note.arrays]
    arrays = _arrays(left, len(note.arrays[0].tasks), settings)  # as large as when they were noted
    jobs: list[str] = []
    refusal = ""
    try:
        code, git = _frozen(left), git_state()
        bound = _bound(left, note, settings)
        tasks = [FrozenTask(SweepTask(session, packs, state, git, bound), code) for packs in left.tasks]
        order = Order(tasks, settings.resources.asked, note.logs.absolute(), names, arrays, settings.max_num_timeout)
        with renewing(note.path):
            for submitted in settings.chosen.submit(order):
                jobs.append(str(submitted[0].job_id).partition("_")[0])
                note = submissions.with_jobs(note, jobs)
    except (Refused, ValueError, OSError) as error:
        submissions.withdraw(note)
        refusal = str(error)
        if not jobs:
            raise BadSetting(f"{settings.chosen.title} refuses these tasks, so nothing was submitted: {refusal}") from error
    return Sent(sum(arrays.sizes[: len(jobs)]), elsewhere, tuple(jobs), refusal, note.name)


def _frozen(left: StudyWork) -> Snapshot:
    """The code that the tasks will run."""
    points = [point.planned.point for packs in left.tasks for pack in packs for point in pack if point.planned]
    return freeze(left.folder, {point.model for point in points}, {name for point in points for name in point.own_modules})


def _bound(left: StudyWork, note: Submission, settings: LauncherSettings) -> Bound | None:
    """At which the tasks stop by themselves; whoever waits for them stops them sooner."""
    points = sum(len(task) for task in left.identities())
    most = most_of(settings.max_failures, points)
    return None if most is None else Bound(left.folder.absolute(), most, points, clock(left.folder), note.name)


def _arrays(left: StudyWork, most: int, settings: LauncherSettings) -> Arrays:
    return arrays_of(len(left.tasks), most, settings.array_parallelism)
