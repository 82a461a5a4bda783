"""A study's points through a queue: cut into tasks, sent, and waited for if that is wanted."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pcsweep.config.errors import BadSetting, Detached, Unfinished
from pcsweep.console.text import words_for
from pcsweep.machine.ownership import check_own, who_else
from pcsweep.machine.provenance import SNAPSHOTS, command
from pcsweep.study import submissions
from pcsweep.study.stopping import most_of
from pcsweep.sweep import work
from pcsweep.sweep.executor.protocol import Executor
from pcsweep.sweep.job import Pack, Session, SweepPoint
from pcsweep.sweep.look import first_look
from pcsweep.sweep.outcome import Outcome, to_be_sent
from pcsweep.sweep.send import Sent, send
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.standing import Standing
from pcsweep.sweep.stop import Stopper
from pcsweep.sweep.wait import wait_for
from pcsweep.sweep.work import StudyWork

if TYPE_CHECKING:
    from pcsweep.compute.estimate import Estimate
    from pcsweep.grid.plan import Plan

_log = logging.getLogger(__name__)
_SAFE = 0.5  # of a task's time is what its points are planned to take at most


def detached(session: Session, points: Sequence[SweepPoint], plan: "Plan", settings: LauncherSettings) -> Outcome | None:
    """Sends the waiting points of a plan to a queue; None where nobody waits for them.

    Raises:
        BadSetting: the queue refuses all of them.
        Detached: Ctrl-C, while the tasks go on.
        Unfinished: nobody waits, and the queue has not taken all of them.
    """
    waiting = [points[number] for number in plan.waiting]
    everything = work.works([[[point]] for point in waiting])
    for each in everything:
        _check_folder(each.folder, settings.chosen)
    before = [first_look(each.folder, each.labels, settings.executor) for each in everything]
    expected = _expected(plan, settings)
    works = _works(plan, points, expected, before, settings)
    if expected and settings.dry_run:
        _describe(plan, works, before, expected, settings)
        return None
    plan.note()
    sent = _sent(session, works, settings)
    _say(plan, works, sent, settings)
    refusals = [f"{settings.chosen.title} has not taken all tasks: {each.refusal}" for each in sent if each.refusal]
    if settings.wait:
        stoppers = [_stopper(each, result.submission, settings) for each, result in zip(works, sent, strict=True)]
        return Outcome(works, _waited(works, stoppers, settings), refusals, [each.why for each in stoppers if each.why])
    if refusals:
        raise Unfinished(refusals[0])
    return None


def _check_folder(folder: Path, queue: Executor) -> None:
    """Whether tasks may run what lies in a study's folder.

    Raises:
        BadSetting: somebody else could put something there, or the queue could not name its logs.
    """
    try:
        queue.check_folder(folder.absolute())
    except ValueError as error:
        raise BadSetting(str(error)) from error
    check_own(folder, (submissions.FOLDER, SNAPSHOTS))
    if other := who_else(folder):
        _log.info(
            "This study could be moved away by %s. Tasks run nothing that is not yours; an output_root in a folder of your own "
            "is safer still.",
            other,
        )


def _expected(plan: "Plan", settings: LauncherSettings) -> "Estimate | None":
    """How long points take, where a dry run or the size of tasks needs it; reading the times of finished points takes a while."""
    from pcsweep.compute.estimate import estimate

    if not settings.dry_run and settings.points_per_job != "auto":
        return None
    return estimate(plan, settings.resources.gpus, settings.resources.cores)


def _works(
    plan: "Plan",
    points: Sequence[SweepPoint],
    expected: "Estimate | None",
    before: Sequence[Standing],
    settings: LauncherSettings,
) -> list[StudyWork]:
    """The waiting points in tasks, study by study, the longest first; what was lost with a task before is in smaller ones."""
    lost = {identity: len(task.identities) for found in before for identity, task in found.lost.items()}
    tasks = work.tasks_of(plan, points, settings.points_per_pack, _fitting(expected, settings), lost)
    tasks.sort(key=lambda packs: _seconds(packs, expected), reverse=True)
    return work.works(tasks)


def _fitting(expected: "Estimate | None", settings: LauncherSettings) -> Callable[[str], int]:
    """Gives for a point's identity how many points like it fit into a task."""
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


def _describe(
    plan: "Plan", works: Sequence[StudyWork], before: Sequence[Standing], expected: "Estimate", settings: LauncherSettings
) -> None:
    """Says what would be sent: neither what is in a queue already, nor what may be in one that does not answer."""
    from pcsweep.sweep.dry_run import describe

    elsewhere = frozenset(identity for found in before for identity in found.in_queue)
    gone = elsewhere.union(*(found.unknown for found in before))
    describe(plan, [each.without(gone) for each in works], len(elsewhere), expected, settings)


def _sent(session: Session, works: Sequence[StudyWork], settings: LauncherSettings) -> list[Sent]:
    """What became of each study's tasks; that one study is refused is an error only before another has been sent."""
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
    _log.info("%s", to_be_sent(plan, tasks, elsewhere, settings.where))
    for each, result in zip(works, sent, strict=True):
        if result.jobs:
            jobs = f"job{'s' if len(result.jobs) > 1 else ''} {', '.join(result.jobs)}"
            _log.info("Submitted %s; see them with  python -m pcsweep.status %s", jobs, words_for(each.folder))


def _stopper(each: StudyWork, submission: str, settings: LauncherSettings) -> Stopper:
    most = most_of(settings.max_failures, len(each.labels))
    return Stopper(each.folder, each.labels, most, submission, settings.chosen)


def _waited(works: Sequence[StudyWork], stoppers: Sequence[Stopper], settings: LauncherSettings) -> list[Standing]:
    """Where the points of each study stand when no task is left.

    Raises:
        Detached: Ctrl-C; the tasks go on.
    """
    try:
        pairs = zip(works, stoppers, strict=True)
        return [wait_for(each.folder, each.labels, settings.executor, stopper.look) for each, stopper in pairs]
    except KeyboardInterrupt:
        commands = [f"  python -m pcsweep.{name} {words_for(each.folder)}" for each in works for name in ("status", "cancel")]
        again = f"To wait for them again, and to compute what is missing then:\n  {command()}"
        raise Detached("\n".join(["Detached; the tasks go on.", *commands, again])) from None
