"""A study's points through a queue: cut into tasks, sent, and waited for if that is wanted."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pcsweep.config.errors import BadSetting, Detached, Unfinished
from pcsweep.console.text import number_of, words_for
from pcsweep.machine.ownership import check_own, who_else
from pcsweep.machine.provenance import SNAPSHOTS, command
from pcsweep.study import submissions
from pcsweep.study.stopping import most_of
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep import work
from pcsweep.sweep.executor.protocol import Executor
from pcsweep.sweep.job import Pack, Session, SweepPoint
from pcsweep.sweep.look import first_look, readable
from pcsweep.sweep.memory import needed, to_try_again
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
    cut = _Cut(plan, points, expected, settings)
    works = cut.works({each.folder: found.lost for each, found in zip(everything, before, strict=True)})
    if expected and settings.dry_run:
        _describe(plan, works, before, expected, settings)
        return None
    plan.note()
    sent = _sent(session, works, settings)
    _say(plan, works, sent, settings)
    refusals = [f"{settings.chosen.title} has not taken all tasks: {each.refusal}" for each in sent if each.refusal]
    if settings.wait:
        return _outcome(session, cut, works, sent, refusals)
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


@dataclass(frozen=True)
class _Cut:
    """How the waiting points of a plan become tasks."""

    plan: "Plan"
    points: Sequence[SweepPoint]
    expected: "Estimate | None"
    settings: LauncherSettings

    def works(self, lost: Mapping[Path, Mapping[str, SubmittedTask]]) -> list[StudyWork]:
        """The tasks, study by study, the longest first; what was lost with a task before is in smaller ones, with more memory.

        Args:
            lost: points that were, by study and identity.

        Raises:
            BadSetting: the study cannot be read.
        """
        sizes = {identity: len(task.identities) for found in lost.values() for identity, task in found.items()}
        needs: dict[str, int] = {}
        for folder, found in lost.items():
            needs |= readable(partial(needed, folder, found, self.settings))
        fitting = _fitting(self.expected, self.settings)
        tasks = work.tasks_of(self.plan, self.points, self.settings.points_per_pack, fitting, sizes)
        tasks.sort(key=lambda packs: _seconds(packs, self.expected), reverse=True)
        groups: dict[int, list[tuple[Pack, ...]]] = {}
        for packs in tasks:
            need = max(needs.get(work.identity(point), 0) for pack in packs for point in pack)
            groups.setdefault(need, []).append(packs)
        return [replace(each, mem_gb=need or None) for need, own in sorted(groups.items()) for each in work.works(own)]

    def again(self, lost: Mapping[Path, Mapping[str, SubmittedTask]]) -> list[StudyWork]:
        """These lost points alone."""
        found = []
        for each in self.works(lost):
            ours = {identity: label for identity, label in each.labels.items() if identity in lost.get(each.folder, {})}
            if ours:
                found.append(replace(each.without(frozenset(each.labels) - frozenset(ours)), labels=ours))
        return found


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


def _outcome(session: Session, cut: _Cut, works: Sequence[StudyWork], sent: Sequence[Sent], refusals: Sequence[str]) -> Outcome:
    """Waits for what was sent, and sends again what was lost for want of memory, a few times.

    Raises:
        Detached: Ctrl-C; the tasks go on.
    """
    standings, stopped = _waited(works, sent, cut.settings)
    refused = list(refusals)
    while not stopped and not refused and (more := cut.again(_for_memory(works, standings, cut.settings))):
        count = number_of(sum(len(each.labels) for each in more), "point")
        memory = ", ".join(f"{each.mem_gb} GB" for each in more if each.mem_gb) or "smaller tasks"
        _log.warning("For want of memory %s not done: sent again with %s.", count, memory)
        try:
            _, stopped = _waited(more, _sent(session, more, cut.settings), cut.settings)
        except BadSetting as error:
            refused.append(str(error))
        standings = [first_look(each.folder, each.labels, cut.settings.executor) for each in works]
    return Outcome(works, standings, refused, stopped)


def _for_memory(
    works: Sequence[StudyWork], standings: Sequence[Standing], settings: LauncherSettings
) -> dict[Path, dict[str, SubmittedTask]]:
    """The points that are to be tried again, by study."""
    found: dict[Path, dict[str, SubmittedTask]] = {}
    for each, own in zip(works, standings, strict=True):
        found.setdefault(each.folder, {}).update(readable(partial(to_try_again, each.folder, own, settings)))
    return found


def _stopper(each: StudyWork, submission: str, settings: LauncherSettings) -> Stopper:
    most = most_of(settings.max_failures, len(each.labels))
    spared = partial(to_try_again, each.folder, settings=settings)
    return Stopper(each.folder, each.labels, most, submission, settings.chosen, spared)


def _waited(works: Sequence[StudyWork], sent: Sequence[Sent], settings: LauncherSettings) -> tuple[list[Standing], list[str]]:
    """Where the points of each study stand when no task is left, and why it was stopped, if it was.

    Raises:
        Detached: Ctrl-C; the tasks go on.
    """
    try:
        found, stopped = [], []
        for each, result in zip(works, sent, strict=True):
            stopper = _stopper(each, result.submission, settings)
            found.append(wait_for(each.folder, each.labels, settings.executor, stopper.look))
            stopped += [stopper.why] if stopper.why else []
        return found, stopped
    except KeyboardInterrupt:
        commands = [f"  python -m pcsweep.{name} {words_for(each.folder)}" for each in works for name in ("status", "cancel")]
        again = f"To wait for them again, and to compute what is missing then:\n  {command()}"
        raise Detached("\n".join(["Detached; the tasks go on.", *commands, again])) from None
