"""A study's points through an executor whose tasks are over when it gives them: nothing is sent, and nothing is waited for."""

import logging
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobStatus

from pcsweep.console.progress import progress
from pcsweep.study import failures, stopping
from pcsweep.study.stopping import most_of, told
from pcsweep.sweep import work
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.executor.protocol import Executor, Order
from pcsweep.sweep.job import Session, SweepPoint, SweepTask
from pcsweep.sweep.outcome import Outcome
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.standing import Standing, finished, standing
from pcsweep.sweep.work import StudyWork

if TYPE_CHECKING:
    from pcsweep.grid.plan import Plan

_log = logging.getLogger(__name__)
_DIED = "the worker that computed it died; if it was for want of memory, try fewer workers or smaller packs"


def at_once(session: Session, points: Sequence[SweepPoint], plan: "Plan", settings: LauncherSettings) -> Outcome | None:
    """Has the waiting points of a plan computed while the command lives, pack by pack; None after a dry run."""
    packs = [[points[number] for number in numbers] for numbers in plan.packs(settings.points_per_pack)]
    _log.info("%s", plan)
    if settings.dry_run:
        return None
    plan.decode()
    plan.note()
    waiting = [point for pack in packs for point in pack]
    for point in waiting:
        failures.forget(work.folder(point), work.identity(point))
    works = work.works([[pack] for pack in packs])
    for each in works:
        stopping.forget(each.folder)
    state = Singleton.get_state()
    tally = _Tally(most_of(settings.max_failures, len(waiting)))
    tasks = [SweepTask(session, [pack], state) for pack in packs]
    order = Order(tasks, settings.resources.asked, loaded=plan.loaded, enough=tally.reached)
    given = _computed(order, len(waiting), settings.chosen, tally)
    begun = given if tally.reached() else {str(point.number) for point in waiting}
    note_dead([point for point in waiting if str(point.number) in begun - given | tally.dead])
    standings = [standing(each.folder, each.labels, [], Answers()) for each in works]
    return Outcome(works, standings, stopped=_stopped(works, standings) if tally.reached() else [])


@dataclass
class _Tally:
    """What has been given back, until so many points have failed."""

    most: int | None = None
    failed: int = 0
    dead: set[str] = field(default_factory=set)

    def take(self, jobs: Sequence[Any]) -> None:
        """Counts a pack. What died with its worker counts as one, however many points that had."""
        results = {job.job_id: job.result()[0] for job in jobs}
        lost = {number for number, result in results.items() if result is None}
        self.dead |= lost
        self.failed += bool(lost) + sum(
            result is not None and result.status != JobStatus.COMPLETED for result in results.values()
        )

    def reached(self) -> bool:
        """Whether nothing more is to be begun."""
        return self.most is not None and self.failed >= self.most


def _computed(order: Order, total: int, executor: Executor, tally: _Tally | None = None) -> set[str]:
    """The numbers of the points that the executor has given back, with a bar while it computes."""
    given: set[str] = set()
    tally = tally or _Tally()
    # Closed, it gives back at once what it has claimed, however this ends.
    with progress("points", total, "points") as advance, closing(executor.submit(order)) as computed:
        for jobs in computed:
            tally.take(jobs)
            given |= {job.job_id for job in jobs}
            advance(len(jobs))
    return given


def _stopped(works: Sequence[StudyWork], standings: Sequence[Standing]) -> list[str]:
    """Why, study by study, which is noted there."""
    said = []
    for each, found in zip(works, standings, strict=True):
        if found.waiting and found.failed:
            said.append(told(found.failures(each.labels), len(each.labels)))
            with suppress(OSError):  # a full disk: it is said all the same
                stopping.stop(each.folder, [], said[-1])
    return said


def note_dead(points: Sequence[SweepPoint]) -> None:
    """Notes a failure for each point that has neither shard nor note: what computed it died before it could do so itself."""
    for each in work.works([[points]]):
        if missing := set(each.labels) - finished(each.folder, each.labels):
            with suppress(OSError):  # a full disk: they are missing all the same
                for identity in missing - set(failures.read_all(each.folder)):
                    failures.note(each.folder, identity, each.labels[identity], RuntimeError(_DIED), None)
