"""Waiting for what a queue computes: a bar fed by finished shards, and the numbers of running and pending tasks."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcsweep.config.errors import Unfinished
from pcsweep.console.progress import progress
from pcsweep.console.text import duration, number_of
from pcsweep.machine.provenance import command
from pcsweep.study import failures, submissions
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import title
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Queued
from pcsweep.sweep.look import answers_of, look
from pcsweep.sweep.standing import Standing

_log = logging.getLogger(__name__)
_SHORTEST, _LONGEST = 0.5, 15.0  # seconds between two looks at the queue
_REASON = 20  # characters of why tasks are pending
_PATIENCE = 60.0  # seconds for which a study may be out of reach
_SETTLED = 2.0  # seconds that a queue has had nothing more of ours, before what is missing counts as lost


def wait_for(
    folder: Path, identities: Collection[str], ours: str, watch: Callable[[Standing], None] = lambda _: None
) -> Standing:
    """Waits until no task is left that computes one of the points, and says where they stand then.

    Args:
        folder: of the study.
        identities: of the points.
        ours: the executor to which they were sent.
        watch: is shown where they stand, at each look.

    Raises:
        Unfinished: the study could not be read for a while; the tasks go on.
    """
    empty, blind = Since(), Since(_PATIENCE)
    said: set[str] = set()
    with progress("points", len(identities), "points") as advance:
        done = 0
        for pause in pauses():
            try:
                answers = answers_of(submissions.read_all(folder), ours)
                found = look(folder, identities, answers)
                watch(found)
            except OSError as error:
                _log.debug("%s", error)
                if blind.for_long(True):
                    raise Unfinished(_blind(folder, error)) from error
                advance(0, "points: the study cannot be read now")
                time.sleep(pause)
                continue
            blind.for_long(False)
            for why in answers.silent.values():
                _log.debug("%s", why)
            advance(len(found.done) - done, _described(found))
            done = len(found.done)
            for line in found.advice:
                if line not in said:
                    _log.warning("%s", line)
                said.add(line)
            if done == len(identities) or empty.for_long(not found.in_queue and not found.unknown):
                return found
            time.sleep(pause)
    raise AssertionError  # the loop above has no end of its own


def pauses() -> Iterator[float]:
    """Seconds to wait before the next look: short at first, so that a small sweep is over soon, and kind to the queue later."""
    started = time.monotonic()
    while True:
        yield min(_LONGEST, max(_SHORTEST, (time.monotonic() - started) / 20))


@dataclass
class Since:
    """Whether something has been so for a while, and not at one look only: a queue or a network's file system may be late."""

    seconds: float = _SETTLED
    first: float | None = None

    def for_long(self, so: bool) -> bool:
        """Takes one more look into account."""
        now = time.monotonic()
        self.first = (self.first if self.first is not None else now) if so else None
        return self.first is not None and now - self.first >= self.seconds


def _blind(folder: Path, error: OSError) -> str:
    return (
        f"{folder} could not be read for {duration(_PATIENCE)} ({failures.said(error)}). The tasks go on; to wait for them "
        f"again, and to compute what is missing then:\n  {command()}"
    )


def _described(found: Standing) -> str:
    """Such as `points: 2 tasks running, 4 pending (Resources)`."""
    words = [f"{number_of(_count(found.running), 'task')} running"] if found.running else []
    if found.pending:
        words.append(f"{_count(found.pending)} pending" + (f" ({_short(found.reasons[0])})" if found.reasons else ""))
    if found.failed:
        words.append(f"{found.failed} failed")
    words += [f"{title(origin)} does not answer" for origin in dict.fromkeys(task.origin for task in found.unknown.values())]
    return f"points: {', '.join(words)}" if words else "points"


def _count(points: Mapping[str, SubmittedTask]) -> int:
    """How many tasks these points are in."""
    return len({task.key for task in points.values()})


def _short(reason: str) -> str:
    """Of a reason as long as a sentence, the beginning."""
    return reason if len(reason) <= _REASON else f"{reason[: _REASON - 1]}…"


def wait_until(ended: Callable[[Sequence[Queued] | None], int], total: int, queue: Executor) -> None:
    """Waits until all of so many tasks have ended.

    Args:
        ended: how many have, given what is in the queue; None where it does not answer.
        total: of them.
        queue: that has them.
    """
    before = 0
    with progress("tasks", total, "tasks") as advance:
        for pause in pauses():
            try:
                now = ended(_rows(queue))
            except OSError as error:
                _log.debug("%s", error)
                now = before  # it is looked again
            advance(now - before)
            before = now
            if now == total:
                return
            time.sleep(pause)


def _rows(queue: Executor) -> list[Queued] | None:
    try:
        return queue.poll()
    except NoAnswer as error:
        _log.debug("%s", error)
        return None
