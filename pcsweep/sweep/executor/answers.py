"""What the queues of a study say. Each is asked for itself, so that one that does not answer hides its own tasks alone."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pcsweep.config.errors import BadSetting
from pcsweep.study.submissions import Origin
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor import executor_named, own
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Queued


@dataclass(frozen=True)
class Answers:
    """What is known of the tasks in the queues of a study.

    Args:
        rows: the tasks that wait or run.
        silent: the queues that do not answer now, by the origin of the tasks that were sent there, and why.
        hidden: origins of tasks that a queue does not show to this user.
    """

    rows: Sequence[Queued] = ()
    silent: Mapping[Origin, str] = field(default_factory=dict)
    hidden: frozenset[Origin] = frozenset()

    def know(self, task: SubmittedTask) -> bool:
        """Whether the task would be among the rows if it waited or ran."""
        return task.origin not in self.silent and task.origin not in self.hidden


def ask(origins: Iterable[Origin]) -> Answers:
    """Asks each queue to which tasks were sent for the tasks of those who sent them."""
    queues, silent = reached(origins)
    rows: list[Queued] = []
    for queue, sent in queues:
        try:
            rows += queue.poll(owner for _, owner in sent)
        except NoAnswer as error:
            silent |= dict.fromkeys(sent, str(error))
    return Answers(rows, silent)


def reached(origins: Iterable[Origin]) -> tuple[list[tuple[Executor, list[Origin]]], dict[Origin, str]]:
    """Each executor with the origins of what was sent to it; and why others are not to be had here."""
    queues: dict[str, tuple[Executor, list[Origin]]] = {}
    missing: dict[Origin, str] = {}
    for origin in dict.fromkeys(origins):
        try:
            queues.setdefault(origin[0], (noted(*origin), []))[1].append(origin)
        except NoAnswer as error:
            missing[origin] = str(error)
    return list(queues.values()), missing


def with_hidden(answers: Answers, origins: Iterable[Origin]) -> Answers:
    """The same, with those of the origins whose tasks their queue shows to their owner alone."""
    others = [origin for origin in dict.fromkeys(origins) if origin[1] != os.getuid() and origin not in answers.silent]
    hidden = set()
    for name, owner in others:
        try:
            if not noted(name, owner).shows_others():
                hidden.add((name, owner))
        except NoAnswer as error:
            answers = replace(answers, silent={**answers.silent, (name, owner): str(error)})
    return replace(answers, hidden=frozenset(hidden))


def noted(name: str, owner: int) -> Executor:
    """The executor that a submission's note names; code that somebody else names is not run.

    Raises:
        NoAnswer: it is somebody else's own, or is not found here.
    """
    if not own(name) and owner != os.geteuid():
        raise NoAnswer(f"{name} is somebody else's own, and is not imported")
    try:
        return executor_named(name)
    except BadSetting as error:
        raise NoAnswer(str(error)) from error


def title(origin: Origin) -> str:
    """For people, the name of the executor to which something was sent."""
    try:
        return noted(*origin).title
    except NoAnswer:
        return origin[0]
