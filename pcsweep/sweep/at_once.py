"""A study's points through an executor whose tasks are over when it gives them: nothing is sent, and nothing is waited for."""

import logging
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from hydra.core.singleton import Singleton

from pcsweep.console.progress import progress
from pcsweep.study import failures
from pcsweep.sweep import work
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.executor.protocol import Executor, Order
from pcsweep.sweep.job import Session, SweepPoint, SweepTask
from pcsweep.sweep.outcome import Outcome
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.standing import finished, standing

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
    state = Singleton.get_state()
    order = Order([SweepTask(session, [pack], state) for pack in packs], settings.resources.asked, loaded=plan.loaded)
    given = _computed(order, len(waiting), settings.chosen)
    _note_dead([point for point in waiting if str(point.number) not in given])
    works = work.works([[pack] for pack in packs])
    return Outcome(works, [standing(each.folder, each.labels, [], Answers()) for each in works])


def _computed(order: Order, total: int, executor: Executor) -> set[str]:
    """The numbers of the points that the executor has given back, with a bar while it computes."""
    given: set[str] = set()
    # Closed, it gives back at once what it has claimed, however this ends.
    with progress("points", total, "points") as advance, closing(executor.submit(order)) as computed:
        for jobs in computed:
            given |= {job.job_id for job in jobs}
            advance(len(jobs))
    return given


def _note_dead(points: Sequence[SweepPoint]) -> None:
    """Notes a failure for each point that has no shard: what computed it died before it could do so itself."""
    for each in work.works([[points]]):
        for identity in set(each.labels) - finished(each.folder, each.labels):
            with suppress(OSError):  # a full disk: they are missing all the same
                failures.note(each.folder, identity, each.labels[identity], RuntimeError(_DIED), None)
