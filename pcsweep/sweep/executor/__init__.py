"""Executors: what computes the tasks of a sweep. `slurm` is a queue; `local` is none, for the command computes itself.

`hydra.launcher.executor` names one of these, or a class of the user's own, such as `my_queue.Queue`, that is as
`protocol.Executor` says. Nothing outside of this package asks which one it is.
"""

import os
import re
from collections.abc import Iterable
from functools import cache

from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import imported
from pcsweep.study.submissions import Submission
from pcsweep.sweep.executor.protocol import Executor, NoAnswer, Queued
from pcsweep.sweep.executor.slurm import Slurm

AUTO, LOCAL, SLURM = "auto", "local", "slurm"
_OWN = {SLURM: Slurm()}
_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_METHODS = tuple(name for name, each in vars(Executor).items() if callable(each) and not name.startswith("_"))
_KEY = "hydra.launcher.executor"


def chosen(name: str) -> str:
    """The name of the executor that is meant: `auto` is the first queue that this machine belongs to, and otherwise none.

    Raises:
        BadSetting: there is none of that name, or this machine does not belong to it.
    """
    if name == AUTO:
        return next((each for each, queue in _OWN.items() if queue.available()), LOCAL)
    queue = queue_named(name)
    if queue is not None and not queue.available():
        why = "a command `sbatch`" if name in _OWN else "a queue that is available here"
        found = "there is none on the PATH" if name in _OWN else "it is not"
        raise BadSetting(f"Expected {why} for `{_KEY}={name}`, but {found}; try local.")
    return name


def queue_named(name: str) -> Executor | None:
    """The queue of that name; None for `local`.

    Raises:
        BadSetting: there is none.
    """
    if name == LOCAL:
        return None
    return _OWN[name] if name in _OWN else _of_user(name)


@cache
def _of_user(name: str) -> Executor:
    module_name, _, attribute = name.rpartition(".")
    if not _CLASS.fullmatch(name) or module_name.partition(".")[0] == "pcsweep":
        raise BadSetting(
            f"Expected `{_KEY}` to be 'auto', 'slurm' or 'local', but got {name!r}; "
            "one of your own is a class, such as my_queue.Queue."
        )
    found = getattr(imported(module_name, _KEY), attribute, None)
    lacking = [each for each in _METHODS if not callable(getattr(found, each, None))]
    if not isinstance(found, type) or lacking:
        raise BadSetting(
            f"Expected `{_KEY}` to be a class with {', '.join(lacking) or 'these methods'}, but {name} is not; "
            "see pcsweep.sweep.executor.protocol."
        )
    made: Executor = found()
    return made


def title_of(known: Iterable[Submission]) -> str:
    """The names for people of the queues to which these were sent; Slurm where there is none."""
    return (
        " and ".join(dict.fromkeys(_OWN[each.executor].title if each.executor in _OWN else each.executor for each in known))
        or Slurm.title
    )


def noted_in(known: Iterable[Submission]) -> list[Executor]:
    """The queues to which these were sent.

    Raises:
        NoAnswer: one of them is not to be found here.
    """
    found = [noted(each.executor, each.owner) for each in known]
    return list({id(queue): queue for queue in found}.values())


def noted(name: str, owner: int) -> Executor:
    """The queue that a submission's note names; code that somebody else names is not run.

    Raises:
        NoAnswer: it is somebody else's own, or is not found here.
    """
    if name not in _OWN and owner != os.geteuid():
        raise NoAnswer(f"{name} is somebody else's own, and is not imported")
    try:
        found = queue_named(name)
    except BadSetting as error:
        raise NoAnswer(str(error)) from error
    if found is None:
        raise NoAnswer(f"{name} is no queue")
    return found


def poll(queues: Iterable[Executor], users: Iterable[int] = ()) -> list[Queued]:
    """The tasks in all of these queues.

    Raises:
        NoAnswer: one of them does not answer.
    """
    owners = list(users)
    return [row for queue in queues for row in queue.poll(owners)]
