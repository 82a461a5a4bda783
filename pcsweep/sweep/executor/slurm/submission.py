"""Sending tasks to Slurm, through submitit: arrays of at most MaxArraySize tasks, of which so many run at a time."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf, SlurmQueueConf

from pcsweep.study.submissions import make_private
from pcsweep.sweep.executor.protocol import Order, Refused
from pcsweep.sweep.executor.slurm.commands import environment
from pcsweep.sweep.executor.text import check_text
from pcsweep.sweep.snapshot import FrozenTask, Snapshot

_COMMON = {field.name for field in fields(BaseQueueConf)} - {"submitit_folder"}
_ASKED = {field.name for field in fields(SlurmQueueConf)} - {"_target_", "submitit_folder", "max_num_timeout", "name"}
# Parameters by which tasks are recognised, limited, warned and logged.
_OURS = frozenset(
    ("array", "chdir", "dependency", "error", "job-name", "nodes", "ntasks", "open-mode", "output", "signal", "time")
)
# Variables that would win over what is written in a script: those whose setting is given are not passed on.
_VARIABLES = {
    "account": "ACCOUNT",
    "constraint": "CONSTRAINT",
    "exclude": "EXCLUDE",
    "gres": "GRES",
    "partition": "PARTITION",
    "qos": "QOS",
    "gpus_per_node": "GPUS_PER_NODE",
    "mem_gb": "MEM_PER_NODE",
}
_NEVER = ("ARRAY_INX", "ERROR", "JOB_NAME", "NO_REQUEUE", "OPEN_MODE", "OUTPUT", "REQUEUE", "SIGNAL", "TIMELIMIT", "WAIT")
_SOONEST = 20  # seconds before its end that a task is warned, for each minute that it has
# What starts submitit's own program, whose words it gets; and it starts that once it has made sure that its folder is ours.
_PROGRAM = f"{shlex.quote(sys.executable)} -u -m pcsweep.sweep.task"
_CPUS = 'export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"'  # srun does not take it over from sbatch


def resources(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked of Slurm, in the launcher's names, from the launcher's settings.

    Raises:
        ValueError: an additional parameter that the launcher sets itself.
    """
    asked = {key: value for key, value in settings.items() if key in _ASKED and value is not None}
    if "signal_delay_s" in asked and "timeout_min" in asked:  # a warning right at the start would find nobody who heeds it
        asked["signal_delay_s"] = min(asked["signal_delay_s"], _SOONEST * asked["timeout_min"])
    if not asked.get("gpus_per_node"):
        asked.pop("gpus_per_node", None)
    asked["setup"] = [*([_CPUS] if asked.get("cpus_per_task") else []), *asked.get("setup", ())]
    asked["additional_parameters"] = _extra(asked.get("additional_parameters", {}))
    return asked


def _extra(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Further parameters of sbatch, with requeueing unless that is not wanted."""
    named = {str(key).replace("_", "-"): value for key, value in parameters.items()}
    if taken := sorted(set(named) & _OURS):
        raise ValueError(
            f"Expected `hydra.launcher.additional_parameters` without {', '.join(taken)}, which the launcher sets itself."
        )
    wanted = named.pop("requeue", True) is not False and "no-requeue" not in named
    return {"requeue" if wanted else "no-requeue": True, **named}


def check_folder(folder: Path) -> None:
    """Refuses a folder that Slurm could not name, as that of logs.

    Raises:
        ValueError: names what it has in it.
    """
    check_text("output_root", folder)
    for letter, why in {"%": "which Slurm replaces", "\\": "after which Slurm replaces nothing"}.items():
        if letter in str(folder):
            raise ValueError(f"Expected a folder without {letter!r}, {why} in the names of logs, but got {str(folder)!r}.")
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise ValueError(f"Expected a folder whose name is text, but got {str(folder)!r}.") from None


def submit(order: Order) -> Generator[Sequence[Any], None, None]:
    """Submits tasks as job arrays, and gives submitit's jobs of one array after the other; what is asked is from `resources`.

    Raises:
        Refused: with Slurm's words; the arrays given so far have been submitted.
        ValueError: a folder that Slurm cannot name.
    """
    import submitit

    check_folder(order.folder)
    check_text("hydra.launcher.name", list(order.names))
    make_private(order.folder)
    # submitit calls them itself, so that they hear of signals; the process in which it does is started with their code.
    tasks = [each.task if isinstance(each, FrozenTask) else each for each in order.tasks]
    arrays, code = order.arrays, _code_of(order)
    asked = {**order.asked, **({"setup": [code.setup, *order.asked.get("setup", ())]} if code else {})}
    first: list[str] = []
    start = 0
    for number, (name, size) in enumerate(zip(order.names, arrays.sizes, strict=True)):
        with _environment(order.asked), _refusals(), _uninterrupted():
            settings = {"slurm_max_num_timeout": order.timeouts, "slurm_python": code.program if code else _PROGRAM}
            executor = submitit.AutoExecutor(folder=order.folder, cluster="slurm", **settings)
            waits = {"slurm_dependency": f"afterany:{first[number - arrays.active]}"} if number >= arrays.active else {}
            own = {"name": name, "slurm_array_parallelism": arrays.at_once[number]}
            executor.update_parameters(**{**_named_for_submitit(asked), **waits, **own})
            with executor.batch():
                jobs = [executor.submit(task) for task in tasks[start : start + size]]
        first.append(jobs[0].job_id.partition("_")[0])
        start += size
        yield jobs


def _code_of(order: Order) -> Snapshot | None:
    """The code that all tasks run; None where it is what is there when they start."""
    return next((each.snapshot for each in order.tasks if isinstance(each, FrozenTask)), None)


def _named_for_submitit(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {key if key in _COMMON else f"slurm_{key}": value for key, value in asked.items()}


@contextmanager
def _environment(asked: Mapping[str, Any]) -> Iterator[None]:
    """Without what the job in which this may run has inherited, which sbatch hands on, and what would win over the settings."""
    before = dict(os.environ)
    ours = [*_NEVER, *(name for setting, name in _VARIABLES.items() if setting in asked)]
    for name in set(before) - set(environment()) | {f"SBATCH_{name}" for name in ours}:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.update(before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until an array is complete: its tasks need what submitit hands over after sbatch."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        with redirect_stderr(StringIO()):  # where submitit says it too
            yield
    except (RuntimeError, NameError, AssertionError, ValueError) as error:  # what submitit raises, and Slurm through it
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = [line for line in lines if line.startswith(("sbatch:", "slurm"))] or lines
        raise Refused(" ".join(said)) from error
