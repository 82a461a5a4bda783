"""A command stops its sweep once too many points have failed: what a queue has not begun is taken out of it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pcsweep.study import stopping, submissions
from pcsweep.study.stopping import told
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Queued
from pcsweep.sweep.standing import Standing

_log = logging.getLogger(__name__)


@dataclass
class Stopper:
    """Looks after the points that a command waits for.

    Args:
        folder: of the study.
        labels: of the points, by identity.
        most: so many failures stop it; None: none do. A lost task counts as one, however many points it had.
        submission: the name of what the command has sent; empty where that is nothing.
        queue: to which.
        spared: says which lost points are tried again by the command, and so have not failed.
        why: it has been stopped; empty as long as it has not.
    """

    folder: Path
    labels: Mapping[str, str]
    most: int | None
    submission: str
    queue: Executor
    spared: Callable[[Standing], Collection[str]] = lambda _: ()
    why: str = field(init=False, default="")

    def look(self, found: Standing) -> None:
        """Stops the study where so many points have failed.

        Raises:
            OSError: the study cannot be read or written now.
        """
        if self.why or self.most is None or not self.submission:
            return
        if self._failed(found, ()) < self.most or self._failed(found, self.spared(found)) < self.most:
            return
        why = told(found.failures(self.labels), len(self.labels))
        stopping.stop(self.folder, [self.submission], why)
        self.why = why
        _log.warning("%s. Stopped: nothing more is begun.", why)
        with suppress(NoAnswer):  # then each task ends when it begins
            self.queue.cancel(self._pending(self.queue.poll()))

    def _failed(self, found: Standing, spared: Collection[str]) -> int:
        return len(found.raised) + len({task.key for identity, task in found.lost.items() if identity not in spared})

    def _pending(self, rows: Sequence[Queued]) -> set[str]:
        """What waits of it, whole arrays where they have not begun."""
        sizes = {
            array.name: len(array.tasks)
            for each in submissions.read_all(self.folder)
            if each.name == self.submission
            for array in each.arrays
        }
        ours = [row for row in rows if row.name in sizes]
        begun = {row.job for row in ours if not row.pending}
        return {f"{row.job}_{row.index}" if row.job in begun and sizes[row.name] > 1 else row.job for row in ours if row.pending}
