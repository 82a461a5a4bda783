"""What has become of a sweep's points in the end, and what is said of it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcsweep.config.errors import Unfinished
from pcsweep.console.terminal import terminal
from pcsweep.console.text import number_of, words_for
from pcsweep.machine.provenance import command
from pcsweep.study.failures import failure_table
from pcsweep.study.stopping import NEVER, SETTING
from pcsweep.sweep.standing import Standing
from pcsweep.sweep.work import StudyWork

if TYPE_CHECKING:
    from pcsweep.grid.plan import Plan

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Where the points stand when nothing is left to wait for.

    Args:
        works: what was to be computed, study by study.
        standings: of each study's points.
        refusals: why a queue has not taken all tasks, if it has not.
        stopped: why the sweep was stopped, if it was.
    """

    works: Sequence[StudyWork]
    standings: Sequence[Standing]
    refusals: Sequence[str] = ()
    stopped: Sequence[str] = ()


def to_be_sent(plan: "Plan", tasks: int, elsewhere: int, where: str) -> str:
    """What a sweep sends, or would send: how many tasks where, and how many points are in a queue already."""
    words = [str(plan) + (f" in {number_of(tasks, 'task')} on {where}" if tasks else "")]
    words += [f"{elsewhere} of them in the queue already"] if elsewhere else []
    return ", ".join(words)


def conclude(plan: "Plan", outcome: Outcome) -> None:
    """Says what to do next, or names what is not done.

    Raises:
        Unfinished: there is something.
    """
    pairs = zip(outcome.works, outcome.standings, strict=True)
    failed = [why for each, found in pairs for why in found.failures(each.labels)]
    missing = len(failed) + sum(len(found.waiting) + len(found.unknown) for found in outcome.standings)
    if failed:
        terminal(stderr=True, highlight=True).print(failure_table(failed))
    if missing:
        why = "".join(f"\n{line}" for line in (*outcome.refusals, *_stopped(outcome)))
        total = number_of(sum(len(each.labels) for each in outcome.works), "point")
        raise Unfinished(
            f"{missing} of {total} {'is' if missing == 1 else 'are'} not done.{why}\n"
            f"All others are kept; this computes what is missing:\n  {command()}"
        )
    for folder in dict.fromkeys(planned.folder for planned in plan.points if planned.identity is not None):
        _log.info("All points are done; for tables, figures and a page:  python -m pcsweep.report %s", words_for(folder))


def _stopped(outcome: Outcome) -> list[str]:
    """Why it was stopped, and what that has cost."""
    if not outcome.stopped:
        return []
    left = number_of(sum(len(found.waiting) for found in outcome.standings), "point")
    return [
        *(f"{why}." for why in outcome.stopped),
        f"Stopped there: {left} not begun. Mend the cause; or {SETTING}=N stops after N of them, and {NEVER} does not stop.",
    ]
