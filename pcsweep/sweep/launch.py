"""Sweeps of a study: what is missing is computed by the command itself or by a queue's tasks, and what is not done is named."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pcsweep.sweep.at_once import at_once
from pcsweep.sweep.detached import detached
from pcsweep.sweep.job import Session, SweepPoint
from pcsweep.sweep.outcome import conclude
from pcsweep.sweep.settings import LauncherSettings

if TYPE_CHECKING:
    from pcsweep.grid.plan import Plan


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
    compute = detached if settings.chosen.detached else at_once
    if outcome := compute(session, ready, plan, settings):
        conclude(plan, outcome)
