"""Looking at a study without changing anything: its plan, its tasks, what its queues say, and where its points stand."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcsweep.study import claims, plans, submissions, submitted
from pcsweep.study.plans import PlannedPoint
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import Answers, ask, with_hidden
from pcsweep.sweep.standing import Standing, finished, standing
from pcsweep.sweep.wait import pauses


@dataclass(frozen=True)
class Seen:
    """What one look has found.

    Args:
        folder: of the study.
        points: that are planned.
        tasks: that were sent, oldest first.
        answers: of the queues.
        found: where the points stand.
    """

    folder: Path
    points: Sequence[PlannedPoint]
    tasks: Sequence[SubmittedTask]
    answers: Answers
    found: Standing

    @property
    def labels(self) -> dict[str, str]:
        """Of the points that are not skipped, by identity."""
        return {point.identity: point.label for point in self.points if point.identity is not None}

    @property
    def skipped(self) -> list[PlannedPoint]:
        """Those that have no update."""
        return [point for point in self.points if point.identity is None]

    @property
    def at_work(self) -> bool:
        """Whether anybody computes a point or will, or may."""
        found = self.found
        return bool(found.in_queue or found.here or found.next_here or found.unknown)

    @property
    def settled(self) -> bool:
        """Whether every point is done or has failed, and nobody is at work."""
        return not self.at_work and not self.found.waiting


class Lookout:
    """Looks again and again: reads the plan where it has changed, and asks the queue less often the longer it takes.

    Args:
        folder: of the study.
        clock: in seconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._plan: object = None
        self._points: Sequence[PlannedPoint] = ()
        self._pauses = pauses()
        self._sent: object = None
        self._ask_at = 0.0
        self._answers = Answers()

    def look(self) -> Seen:
        """One look.

        Raises:
            OSError: the study cannot be read now.
        """
        if (plan := files(self._folder / "planned")) != self._plan:
            self._points, self._plan = plans.planned(self._folder / "planned"), plan
        tasks = submitted.tasks(submissions.read_all(self._folder))
        names = [point.identity for point in self._points if point.identity is not None]
        if len(finished(self._folder, names)) < len(names):
            self._ask(tasks)
        found = standing(self._folder, names, tasks, self._answers).with_commands(*claims.computing(self._folder))
        return Seen(self._folder, self._points, tasks, self._answers, found)

    def _ask(self, tasks: Sequence[SubmittedTask]) -> None:
        """Asks the queues where it is time, or something was sent since, which is in no older answer."""
        sent = [task.key for task in tasks]
        if sent != self._sent or self._clock() >= self._ask_at:
            origins = [task.origin for task in tasks]
            self._answers, self._sent = with_hidden(ask(origins), origins), sent
            self._ask_at = self._clock() + next(self._pauses)


def files(folder: Path) -> list[tuple[str, int, int]]:
    """What tells whether a folder's files have changed; none where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, *_stamp(entry)) for entry in entries)
    except FileNotFoundError:
        return []


def _stamp(entry: os.DirEntry[str]) -> tuple[int, int]:
    try:
        status = entry.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
