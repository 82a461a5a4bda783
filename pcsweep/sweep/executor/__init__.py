"""Executors: what computes the tasks of a sweep. `slurm` is a queue; `local` is the command itself.

`hydra.launcher.executor` names one of these, or a class of the user's own, such as `my_queue.Queue`, that is as
`protocol.Executor` says. Nothing outside of this package asks which one it is.
"""

import re
from functools import cache

from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import imported
from pcsweep.sweep.executor.local import Local
from pcsweep.sweep.executor.protocol import Executor
from pcsweep.sweep.executor.slurm import Slurm

AUTO, LOCAL, SLURM = "auto", "local", "slurm"
_OWN: dict[str, Executor] = {SLURM: Slurm(), LOCAL: Local()}  # the first that is available is `auto`
_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_METHODS = tuple(name for name, each in vars(Executor).items() if callable(each) and not name.startswith("_"))
_ATTRIBUTES = ("title", "detached")
_KEY = "hydra.launcher.executor"


def chosen(name: str) -> str:
    """The name of the executor that is meant: `auto` is the first that is available here, a queue before this machine.

    Raises:
        BadSetting: there is none of that name, or this machine does not belong to it.
    """
    if name == AUTO:
        return next(each for each, own in _OWN.items() if not own.unavailable())
    if why := executor_named(name).unavailable():
        raise BadSetting(f"Expected an executor that can be used here for `{_KEY}={name}`, but {why}; try local.")
    return name


def executor_named(name: str) -> Executor:
    """The executor of that name.

    Raises:
        BadSetting: there is none.
    """
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
    lacking = [each for each in (*_ATTRIBUTES, *_METHODS) if getattr(found, each, None) is None]
    if not isinstance(found, type) or lacking:
        raise BadSetting(
            f"Expected `{_KEY}` to be a class with {', '.join(lacking) or 'these methods'}, but {name} is not; "
            "see pcsweep.sweep.executor.protocol."
        )
    made: Executor = found()
    return made


def own(name: str) -> bool:
    """Whether an executor of that name comes with pcsweep, and is no code of somebody's."""
    return name in _OWN
