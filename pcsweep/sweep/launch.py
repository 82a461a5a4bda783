"""Sweeps of a study: what is missing is computed here or by a queue's tasks, and what could not be computed is named."""

import logging
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pcsweep.config.errors import BadSetting, Detached, Unfinished
from pcsweep.console.progress import progress
from pcsweep.console.terminal import terminal
from pcsweep.console.text import number_of, words_for
from pcsweep.machine.ownership import check_own, who_else
from pcsweep.machine.provenance import command
from pcsweep.study import failures, submissions
from pcsweep.study.failures import failure_table
from pcsweep.sweep import work
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.executor.protocol import Executor, Order
from pcsweep.sweep.job import Pack, Session, SweepPoint, SweepTask
from pcsweep.sweep.look import first_look
from pcsweep.sweep.send import Sent, send
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.standing import Standing, finished, standing
from pcsweep.sweep.wait import wait_for
from pcsweep.sweep.work import StudyWork

if TYPE_CHECKING:
    from pcsweep.compute.estimate import Estimate
    from pcsweep.grid.plan import Plan

_log = logging.getLogger(__name__)
_SAFE = 0.5  # of a task's time is what its points are planned to take at most
_DIED = "the worker that computed it died; if it was for want of memory, try fewer workers or smaller packs"


def launch(session: Session, points: Sequence[SweepPoint], plan: "Plan", settings: LauncherSettings) -> None:
    """Computes the waiting points of a plan.

    Args:
        session: what they share.
        points: of the sweep, in the order of the plan.
        plan: says which are waiting.
        settings: of the launcher.

    Raises:
        BadSetting: the queue refuses all of them.
        Detached: Ctrl-C, while tasks in a queue go on.
        Unfinished: some are not done at the end; each has been named.
    """
    ready = [replace(point, planned=planned) for point, planned in zip(points, plan.points, strict=True)]
    queue = settings.chosen
    take = _detached if queue.detached else _at_once
    take(session, ready, plan, settings, queue)


def _at_once(session: Session, points: Sequence[SweepPoint], plan: "Plan", settings: LauncherSettings, queue: Executor) -> None:
    """Has the points computed while the command lives."""
    packs = [[points[number] for number in numbers] for numbers in plan.packs(settings.points_per_pack)]
    _log.info("%s", plan)
    if settings.dry_run:
        return
    plan.decode()
    plan.note()
    for pack in packs:
        for point in pack:
            failures.forget(work.folder(point), work.identity(point))
    tasks = [SweepTask(session, [pack], {}) for pack in packs]
    _compute(Order(tasks, settings.resources.asked, loaded=plan.loaded), packs, queue)
    works = work.works([[pack] for pack in packs])
    _conclude(plan, works, [standing(each.folder, each.labels, [], Answers()) for each in works])


def _compute(order: Order, packs: Sequence[Pack], queue: Executor) -> None:
    """Notes a failure for every point that is not given back, since what computed it died."""
    given: set[str] = set()
    # Closed, it gives back at once what it has claimed, however this ends.
    with progress("points", sum(map(len, packs)), "points") as advance, closing(queue.submit(order)) as computed:
        for jobs in computed:
            given |= {job.job_id for job in jobs}
            advance(len(jobs))
    for each in work.works([[[point for pack in packs for point in pack if str(point.number) not in given]]]):
        for identity in set(each.labels) - finished(each.folder, each.labels):
            with suppress(OSError):  # a full disk: they are missing all the same
                failures.note(each.folder, identity, each.labels[identity], RuntimeError(_DIED), None)


def _detached(session: Session, points: Sequence[SweepPoint], plan: "Plan", settings: LauncherSettings, queue: Executor) -> None:
    """Sends the points to a queue, and waits for them if that is wanted."""
    from pcsweep.compute.estimate import estimate
    from pcsweep.sweep.dry_run import describe

    everything = work.works([[[points[number]] for number in plan.waiting]]) if plan.waiting else []
    for each in everything:
        _check_folder(each.folder, queue)
    before = [first_look(each.folder, each.labels, settings.executor) for each in everything]
    lost = {identity: len(task.identities) for found in before for identity, task in found.lost.items()}
    expected = (
        estimate(plan, settings.resources.gpus, settings.resources.cores)
        if settings.dry_run or settings.points_per_job == "auto"
        else None
    )
    tasks = work.tasks_of(plan, points, settings.points_per_pack, _fitting(expected, settings), lost)
    tasks.sort(key=lambda packs: _seconds(packs, expected), reverse=True)
    works = work.works(tasks)
    if expected and settings.dry_run:
        elsewhere = frozenset(identity for found in before for identity in found.in_queue)
        gone = elsewhere.union(*(found.unknown for found in before))
        describe(plan, [each.without(gone) for each in works], len(elsewhere), expected, settings)
        return
    plan.note()
    sent = _sent(session, works, settings)
    _say(plan, works, sent, settings)
    refusals = [f"{queue.title} has not taken all tasks: {each.refusal}" for each in sent if each.refusal]
    if settings.wait:
        _conclude(plan, works, _waited(works, settings.executor), refusals)
    elif refusals:
        raise Unfinished(refusals[0])


def _check_folder(folder: Path, queue: Executor) -> None:
    """Whether tasks may run what lies in a study's folder.

    Raises:
        BadSetting: somebody else could put something there, or the queue could not name its logs.
    """
    try:
        queue.check_folder(folder.absolute())
    except ValueError as error:
        raise BadSetting(str(error)) from error
    check_own(folder, (submissions.FOLDER,))
    if other := who_else(folder):
        _log.info(
            "This study could be moved away by %s. Tasks run nothing that is not yours; an output_root in a folder of your own "
            "is safer still.",
            other,
        )


def _fitting(expected: "Estimate | None", settings: LauncherSettings) -> Callable[[str], int]:
    """How many points like one fit into a task."""
    seconds = 60 * min(settings.target_minutes, _SAFE * settings.timeout_min)

    def fitting(identity: str) -> int:
        if settings.points_per_job != "auto":
            return settings.points_per_job
        assert expected is not None  # it was asked for
        return max(1, int(seconds / max(expected.seconds[identity], 1e-9)))

    return fitting


def _seconds(packs: Sequence[Pack], expected: "Estimate | None") -> float:
    """What a task takes; without an estimate, how many points it has."""
    identities = [work.identity(point) for pack in packs for point in pack]
    return expected.of(identities) if expected else float(len(identities))


def _sent(session: Session, works: Sequence[StudyWork], settings: LauncherSettings) -> list[Sent]:
    """Sends study after study; that one is refused is an error only before another has been sent."""
    sent: list[Sent] = []
    for each in works:
        try:
            sent.append(send(session, each, settings))
        except BadSetting as error:
            if not any(other.jobs for other in sent):
                raise
            sent.append(Sent(0, 0, refusal=str(error)))
    return sent


def _say(plan: "Plan", works: Sequence[StudyWork], sent: Sequence[Sent], settings: LauncherSettings) -> None:
    tasks, elsewhere = (sum(getattr(each, name) for each in sent) for name in ("tasks", "elsewhere"))
    words = [str(plan) + (f" in {number_of(tasks, 'task')} on {settings.where}" if tasks else "")]
    words += [f"{elsewhere} of them in the queue already"] if elsewhere else []
    _log.info("%s", ", ".join(words))
    for each, result in zip(works, sent, strict=True):
        if result.jobs:
            _log.info("Submitted %s; see them with  python -m pcsweep.status %s", _jobs(result.jobs), words_for(each.folder))


def _jobs(jobs: Sequence[str]) -> str:
    return f"job{'s' if len(jobs) > 1 else ''} {', '.join(jobs)}"


def _waited(works: Sequence[StudyWork], executor: str) -> list[Standing]:
    try:
        return [wait_for(each.folder, each.labels, executor) for each in works]
    except KeyboardInterrupt:
        commands = [f"  python -m pcsweep.{name} {words_for(each.folder)}" for each in works for name in ("status", "cancel")]
        again = f"To wait for them again, and to compute what is missing then:\n  {command()}"
        raise Detached("\n".join(["Detached; the tasks go on.", *commands, again])) from None


def _conclude(plan: "Plan", works: Sequence[StudyWork], standings: Sequence[Standing], refusals: Sequence[str] = ()) -> None:
    """Says what to do next, or names what is not done.

    Raises:
        Unfinished: there is something.
    """
    failed = [why for each, found in zip(works, standings, strict=True) for why in found.failures(each.labels)]
    missing = len(failed) + sum(len(found.waiting) + len(found.unknown) for found in standings)
    if failed:
        terminal(stderr=True, highlight=True).print(failure_table(failed))
    if missing:
        why = "".join(f"\n{refusal}" for refusal in refusals)
        total = number_of(sum(len(each.labels) for each in works), "point")
        raise Unfinished(
            f"{missing} of {total} {'is' if missing == 1 else 'are'} not done.{why}\n"
            f"All others are kept; this computes what is missing:\n  {command()}"
        )
    for folder in dict.fromkeys(planned.folder for planned in plan.points if planned.identity is not None):
        _log.info("All points are done; for tables, figures and a page:  python -m pcsweep.report %s", words_for(folder))
