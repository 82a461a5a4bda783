"""Where each grid point of a study stands: done, running, pending or failed; from its files and the queue."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pcsweep.machine.ownership import user_name
from pcsweep.study import failures
from pcsweep.study.failures import Failure
from pcsweep.study.submissions import SubmittedTask
from pcsweep.sweep import executor
from pcsweep.sweep.executor import Answers
from pcsweep.sweep.executor.protocol import Queued

_TAIL = 8192  # bytes of a log in which its last line is looked for
_SRUN = re.compile(r"srun: error: \S+: tasks? \S+: Exited with exit code \d+")  # which comes after the reason


@dataclass(frozen=True)
class Standing:
    """The identities of a study's grid points, each in one of these.

    Args:
        done: have a shard.
        running, pending: are in a task that runs, or will.
        raised: have a note in `failures/`.
        lost: were in a task that ended without them.
        waiting: nobody computes them, as far as the queues know.
        unknown: are in tasks of a queue that does not answer, or does not show them.
        reasons: why tasks are pending, in the queue's words.
        advice: what to do about those that would wait for ever, a line for each reason.
        here, next_here: are computed by a command itself now, or will be; by whom.
        silent: the queues that do not answer, for people.
    """

    done: frozenset[str]
    running: dict[str, SubmittedTask] = field(default_factory=dict)
    pending: dict[str, SubmittedTask] = field(default_factory=dict)
    raised: dict[str, Failure] = field(default_factory=dict)
    lost: dict[str, SubmittedTask] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    here: dict[str, str] = field(default_factory=dict)
    next_here: dict[str, str] = field(default_factory=dict)
    silent: str = ""

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
        why: dict[SubmittedTask, Failure] = {}
        for task in self.lost.values():
            if task not in why:
                why[task] = _lost(task)
        return [*self.raised.values(), *(replace(why[task], label=labels[name]) for name, task in self.lost.items())]


def standing(
    folder: Path,
    identities: Iterable[str],
    tasks: Sequence[SubmittedTask],
    answers: Answers,
    unseen: frozenset[int] = frozenset(),
) -> Standing:
    """Where points stand.

    Args:
        folder: of the study.
        identities: of the points.
        tasks: that were submitted, oldest first.
        answers: of the queues.
        unseen: users whose tasks they do not show.

    Raises:
        OSError: the study cannot be read now.
    """
    asked = dict.fromkeys(identities)
    done = finished(folder, asked)
    noted = failures.read_all(folder)
    raised = {identity: noted[identity] for identity in asked if identity in noted and identity not in done}
    left = [identity for identity in asked if identity not in done and identity not in raised]
    newest = {identity: task for task in tasks for identity in task.identities}
    places = {(each.name, each.index): each for each in answers.rows}
    placed = {identity: (task, places[task.key]) for task in tasks if task.key in places for identity in task.identities}
    rest = [identity for identity in left if identity not in placed]
    gone = [identity for identity in rest if identity in newest and not newest[identity].cancelled]
    hidden = dict.fromkeys(identity for identity in gone if _is_hidden(newest[identity], answers, unseen))
    waits = [place for _, place in placed.values() if place.pending]
    return Standing(
        done=done,
        running={each: placed[each][0] for each in left if each in placed and not placed[each][1].pending},
        pending={each: placed[each][0] for each in left if each in placed and placed[each][1].pending},
        raised=raised,
        lost={identity: newest[identity] for identity in gone if identity not in hidden},
        waiting=tuple(identity for identity in rest if identity not in newest or newest[identity].cancelled),
        unknown=tuple(hidden),
        reasons=tuple(dict.fromkeys(place.reason for place in waits if place.reason != "None")),
        advice=_advice(waits),
        silent=executor.titles(answers.silent) if answers.silent else "",
    )


def _is_hidden(task: SubmittedTask, answers: Answers, unseen: frozenset[int]) -> bool:
    """Whether nobody says if the task waits or runs."""
    return task.executor in answers.silent or task.owner in unseen


def _advice(waits: Sequence[Queued]) -> tuple[str, ...]:
    """For each reason for which something is to be done, one line about the first task that waits for it."""
    first: dict[str, Queued] = {}
    for place in waits:
        first.setdefault(place.reason, place)
    return tuple(f"Job {place.job} is pending ({place.reason}): {place.advice}." for place in first.values() if place.advice)


def finished(folder: Path, identities: Iterable[str]) -> frozenset[str]:
    """Which of them have a shard; its content is verified where it is used."""
    try:
        with os.scandir(folder / "shards") as entries:
            there = {entry.name.removesuffix(".parquet") for entry in entries if entry.name.endswith(".parquet")}
    except FileNotFoundError:
        there = set()
    return frozenset(there.intersection(identities))


def _lost(task: SubmittedTask) -> Failure:
    if task.log is None:
        title = executor.titles([task.executor])
        return Failure("", f"its submission was interrupted before {title} had taken it ({task.name})")
    log = task.log if last_line(task.log) else task.log.with_suffix(".out")
    last = last_line(log)
    try:
        if not task.log.exists() and not log.exists():
            last = "no log: it was cancelled before it began, or the nodes do not see this folder"
    except OSError as error:  # somebody else's, say
        last = f"its log cannot be read here ({error.strerror}); it belongs to {user_name(task.owner)}"
    return Failure("", f"task {task.job} ended without a result{f': {last}' if last else ''}", str(log), task.job or "")


def last_line(path: Path) -> str:
    """The last line of a log that says why it ended; nothing where there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in reversed(lines) if line.strip()]
    return next((line for line in said if not _SRUN.fullmatch(line)), said[0] if said else "")
