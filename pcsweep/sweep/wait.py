"""Waiting for what a queue computes: a bar fed by finished shards, and the numbers of running and pending tasks."""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pcsweep.config.errors import BadSetting, Unfinished
from pcsweep.console.progress import progress
from pcsweep.console.text import duration, number_of
from pcsweep.machine.patience import patiently
from pcsweep.machine.provenance import command
from pcsweep.study import failures, submissions
from pcsweep.study.submissions import Submission
from pcsweep.sweep import executor
from pcsweep.sweep.executor import Answers
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Queued
from pcsweep.sweep.standing import Standing, standing

_log = logging.getLogger(__name__)
_SHORTEST, _LONGEST = 0.5, 15.0  # seconds between two looks at the queue
_REASON = 20  # characters of why tasks are pending
_PATIENCE = 60.0  # seconds for which a study may be out of reach
_SETTLED = 2.0  # seconds that a queue has had nothing more of ours, before what is missing counts as lost


def pauses() -> Iterator[float]:
    """Seconds to wait before the next look: short at first, so that a small sweep is over soon, and kind to the queue later."""
    started = time.monotonic()
    while True:
        yield min(_LONGEST, max(_SHORTEST, (time.monotonic() - started) / 20))


def rows_of(known: Iterable[Submission], ours: str) -> list[Queued]:
    """What is in our queue, and in those to which the study was sent before.

    Raises:
        NoAnswer: one does not answer.
    """
    found = answers(known, ours)
    if found.silent:
        raise NoAnswer("; ".join(found.silent.values()))
    return list(found.rows)


def answers(known: Iterable[Submission], ours: str) -> Answers:
    """What our queue says, and those to which the study was sent before."""
    return executor.ask([(ours, os.geteuid()), *((each.executor, each.owner) for each in known)])


def asked(folder: Path, ours: str) -> Answers:
    """What our queue says now, and those to which a study was sent before."""
    try:
        known = submissions.read_all(folder)
    except OSError as error:
        return Answers(silent={ours: failures.said(error)})
    found = answers(known, ours)
    for why in found.silent.values():
        _log.debug("%s", why)
    return found


def wait_for(folder: Path, identities: Collection[str], ours: str) -> Standing:
    """Waits until no task is left that computes one of the points, and says where they stand then.

    Args:
        folder: of the study.
        identities: of the points.
        ours: the executor to which they were sent.

    Raises:
        Unfinished: the study could not be read for a while; the tasks go on.
    """
    empty, blind = Since(), Since(_PATIENCE)
    said: set[str] = set()
    with progress("points", len(identities), "points") as advance:
        done = 0
        for pause in pauses():
            try:
                found = look(folder, identities, asked(folder, ours))
            except OSError as error:
                _log.debug("%s", error)
                if blind.for_long(True):
                    raise Unfinished(_blind(folder, error)) from error
                advance(0, "points: the study cannot be read now")
                time.sleep(pause)
                continue
            blind.for_long(False)
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


def look(folder: Path, identities: Iterable[str], answers: Answers) -> Standing:
    """Where the points stand now, with what the queues said before that."""
    for name in ("shards", "failures", submissions.FOLDER):
        refresh(folder / name)
    return standing(folder, identities, submissions.tasks(submissions.read_all(folder)), answers)


def first_look(folder: Path, identities: Iterable[str], answers: Answers) -> Standing:
    """Where the points stand before anything is submitted.

    Raises:
        BadSetting: the study cannot be read.
    """
    try:
        return patiently(lambda: look(folder, identities, answers))
    except OSError as error:
        raise BadSetting(f"Expected a study that can be read, but got {failures.said(error)}.") from error


def _blind(folder: Path, error: OSError) -> str:
    return (
        f"{folder} could not be read for {duration(_PATIENCE)} ({failures.said(error)}). The tasks go on; to wait for them "
        f"again, and to compute what is missing then:\n  {command()}"
    )


def refresh(folder: Path) -> None:
    """Changes a folder, if there is one, which makes this machine's network file system list it anew."""
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=folder, prefix=".look."):
        pass


def _described(found: Standing) -> str:
    """Such as `points: 2 tasks running, 4 pending (Resources)`."""
    if found.unknown:
        return f"points: {found.silent} does not answer"
    running, pending = (len({(task.name, task.index) for task in each.values()}) for each in (found.running, found.pending))
    words = [f"{number_of(running, 'task')} running"] if running else []
    if pending:
        words.append(f"{pending} pending" + (f" ({_short(found.reasons[0])})" if found.reasons else ""))
    if found.failed:
        words.append(f"{found.failed} failed")
    return f"points: {', '.join(words)}" if words else "points"


def _short(reason: str) -> str:
    """Of a reason as long as a sentence, the beginning."""
    return reason if len(reason) <= _REASON else f"{reason[: _REASON - 1]}…"


def _rows(queue: Executor) -> list[Queued] | None:
    try:
        return queue.poll()
    except NoAnswer as error:
        _log.debug("%s", error)
        return None


def wait_until(ended: Callable[[Sequence[Queued] | None], int], total: int, queue: Executor) -> None:
    """Waits until all of so many tasks have ended.

    Args:
        ended: how many have, given what is in the queue.
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
