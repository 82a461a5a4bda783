"""Where each grid point of a study stands: done, running, pending or failed; from its files and what its queues say."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pcsweep.study import failures
from pcsweep.study.failures import Failure
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.executor.protocol import Queued
from pcsweep.sweep.lost import why_lost


@dataclass(frozen=True)
class Standing:
    """The identities of a study's grid points, each in one of these.

    Args:
        done: have a shard.
        running, pending: are in a task that runs, or will.
        raised: have a note in `failures/`.
        lost: were in a task that ended without them.
        waiting: are in no queue; nobody has sent them, or their task was cancelled.
        unknown: are in a task of a queue that does not answer, or does not show it.
        here, next_here: are computed by a command itself now, or will be; by whom.
        reasons: why tasks are pending, in the queue's words.
        advice: what to do about tasks that would wait for ever, a line for each reason.
    """

    done: frozenset[str]
    running: Mapping[str, SubmittedTask] = field(default_factory=dict)
    pending: Mapping[str, SubmittedTask] = field(default_factory=dict)
    raised: Mapping[str, Failure] = field(default_factory=dict)
    lost: Mapping[str, SubmittedTask] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    unknown: Mapping[str, SubmittedTask] = field(default_factory=dict)
    here: Mapping[str, str] = field(default_factory=dict)
    next_here: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @property
    def in_queue(self) -> frozenset[str]:
        """Points of tasks that run or will."""
        return frozenset(self.running) | frozenset(self.pending)

    @property
    def failed(self) -> int:
        """How many points raised or were lost."""
        return len(self.raised) + len(self.lost)

    def failures(self, labels: Mapping[str, str]) -> list[Failure]:
        """Why points failed; the log of each lost task is read once."""
        why = {task: why_lost(task) for task in dict.fromkeys(self.lost.values())}
        return [*self.raised.values(), *(replace(why[task], label=labels[name]) for name, task in self.lost.items())]

    def with_commands(self, now: Mapping[str, str], later: Mapping[str, str]) -> "Standing":
        """With the points that commands compute themselves, now or later, and by whom."""
        free = {*self.raised, *self.lost, *self.waiting}
        taken = free & {*now, *later}
        return replace(
            self,
            raised={each: why for each, why in self.raised.items() if each not in taken},
            lost={each: task for each, task in self.lost.items() if each not in taken},
            waiting=tuple(each for each in self.waiting if each not in taken),
            here={each: who for each, who in now.items() if each in taken},
            next_here={each: who for each, who in later.items() if each in taken and each not in now},
        )


def standing(folder: Path, identities: Iterable[str], tasks: Sequence[SubmittedTask], answers: Answers) -> Standing:
    """Where points stand.

    Args:
        folder: of the study.
        identities: of the points.
        tasks: that were submitted, oldest first.
        answers: of the queues, asked before, so that a task that ends meanwhile has left its shards.

    Raises:
        OSError: the study cannot be read now.
    """
    asked = dict.fromkeys(identities)
    done = finished(folder, asked)
    noted = failures.read_all(folder)
    raised = {identity: noted[identity] for identity in asked if identity in noted and identity not in done}
    left = [identity for identity in asked if identity not in done and identity not in raised]
    return _with_tasks(Standing(done, raised=raised), left, tasks, answers)


def finished(folder: Path, identities: Iterable[str]) -> frozenset[str]:
    """Which of them have a shard; its content is verified where it is used."""
    try:
        with os.scandir(folder / "shards") as entries:
            there = {entry.name.removesuffix(".parquet") for entry in entries if entry.name.endswith(".parquet")}
    except FileNotFoundError:
        there = set()
    return frozenset(there.intersection(identities))


def _with_tasks(settled: Standing, left: Iterable[str], tasks: Sequence[SubmittedTask], answers: Answers) -> Standing:
    """With the points that have no files: what has become of the task that is in the queue, or else of the newest one."""
    rows = {(row.name, row.index): row for row in answers.rows}
    newest = {identity: task for task in tasks for identity in task.identities}
    queued = {identity: task for task in tasks if task.key in rows for identity in task.identities}
    running: dict[str, SubmittedTask] = {}
    pending: dict[str, SubmittedTask] = {}
    lost: dict[str, SubmittedTask] = {}
    unknown: dict[str, SubmittedTask] = {}
    waiting: list[str] = []
    for identity in left:
        if identity in queued:
            task = queued[identity]
            (pending if rows[task.key].pending else running)[identity] = task
        elif identity not in newest or newest[identity].cancelled:
            waiting.append(identity)
        else:
            task = newest[identity]
            (lost if answers.know(task) else unknown)[identity] = task
    waits = [rows[key] for key in dict.fromkeys(task.key for task in pending.values())]
    return replace(
        settled,
        running=running,
        pending=pending,
        lost=lost,
        waiting=tuple(waiting),
        unknown=unknown,
        reasons=tuple(dict.fromkeys(row.reason for row in waits if row.reason != "None")),
        advice=_advice(waits),
    )


def _advice(waits: Sequence[Queued]) -> tuple[str, ...]:
    """For each reason for which something is to be done, one line about the first task that waits for it."""
    first: dict[str, Queued] = {}
    for row in waits:
        first.setdefault(row.reason, row)
    return tuple(f"Job {row.job} is pending ({row.reason}): {row.advice}." for row in first.values() if row.advice)
