"""Where each grid point of a study stands: done, running, pending or failed; from its files and Slurm's queue."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pcsweep import failures
from pcsweep.failures import Failure
from pcsweep.slurm import Queued
from pcsweep.submissions import Task

_TAIL = 8192  # bytes of a log in which its last line is looked for
_NO_RESULT = "ended without a result"


@dataclass(frozen=True)
class Standing:
    """The identities of a study's grid points, each in one of these.

    `waiting` are those that nobody computes as far as Slurm knows, `unknown` those of tasks while Slurm does not answer.
    """

    done: frozenset[str]
    running: dict[str, Task] = field(default_factory=dict)
    pending: dict[str, Task] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()  # why tasks are pending, in Slurm's words

    @property
    def in_queue(self) -> frozenset[str]:
        """Points of tasks that run or will."""
        return frozenset(self.running) | frozenset(self.pending)


def standing(folder: Path, labels: Mapping[str, str], tasks: Sequence[Task], queued: Sequence[Queued] | None) -> Standing:
    """Where the points stand.

    Args:
        folder: of the study.
        labels: the points' identities with their names for people.
        tasks: that were submitted, oldest first.
        queued: what is in Slurm's queue; None where it does not answer.
    """
    done = finished(folder, labels)
    left = [identity for identity in labels if identity not in done]
    newest = {identity: task for task in tasks for identity in task.identities}
    in_queue = {(each.name, each.index): each for each in queued or ()}
    found = {
        identity: (task, in_queue[task.name, task.index])
        for task in tasks
        if (task.name, task.index) in in_queue
        for identity in task.identities
        if identity in labels and identity not in done
    }
    noted = failures.read_all(folder)
    failed = {identity: noted[identity] for identity in left if identity in noted}
    rest = [identity for identity in left if identity not in failed and identity not in found]
    unknown = tuple(identity for identity in rest if queued is None and identity in newest)
    lost = [identity for identity in rest if identity in newest and identity not in unknown]
    failed |= {identity: _lost(labels[identity], newest[identity]) for identity in lost}
    placed = {identity: place for identity, place in found.items() if identity not in failed}
    return Standing(
        done=done,
        running={identity: task for identity, (task, place) in placed.items() if not place.pending},
        pending={identity: task for identity, (task, place) in placed.items() if place.pending},
        failed=failed,
        waiting=tuple(identity for identity in rest if identity not in newest),
        unknown=unknown,
        reasons=tuple(dict.fromkeys(place.reason for _, place in placed.values() if place.pending and place.reason != "None")),
    )


def finished(folder: Path, identities: Iterable[str]) -> frozenset[str]:
    """Which of them have a shard; its content is verified where it is used."""
    try:
        with os.scandir(folder / "shards") as entries:
            there = {entry.name.removesuffix(".parquet") for entry in entries if entry.name.endswith(".parquet")}
    except FileNotFoundError:
        there = set()
    return frozenset(there.intersection(identities))


def _lost(label: str, task: Task) -> Failure:
    if task.log is None:
        return Failure(label, f"its submission was interrupted before Slurm had taken it ({task.name})")
    log = task.log if last_line(task.log) else task.log.with_suffix(".out")
    last = last_line(log)
    if not task.log.exists() and not log.exists():
        last = "and it has left no log; do the nodes see this folder?"
    return Failure(label, f"task {task.job} {_NO_RESULT}{f': {last}' if last else ''}", str(log), task.job or "")


def last_line(path: Path) -> str:
    """The last line of a log that is not empty; nothing where there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
