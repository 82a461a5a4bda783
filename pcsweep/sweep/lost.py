"""Why a task ended without results, as far as its log says."""

import re
from pathlib import Path

from pcsweep.machine.ownership import user_name
from pcsweep.study.failures import Failure
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import title

_LAST = 12  # lines of a log in which it stands for what a task has ended
_TAIL = 8192  # bytes of a log in which its last line is looked for
# How Slurm, its step, the kernel, Python and torch say that a task has ended for want of memory; 137 is 128 and SIGKILL.
_MEMORY = re.compile(
    r"oom[-_ ]?kill|out[ _]of[ _]memory|exit code 137\b|\bMemoryError\b|bad_alloc|DefaultCPUAllocator|Exceeded (job|step) memory",
    re.IGNORECASE,
)
_SRUN = re.compile(r"srun: error: \S+: tasks? \S+: Exited with exit code \d+")  # which comes after the reason


def why_lost(task: SubmittedTask) -> Failure:
    """A failure without a label: the last line of the task's log, or why there is no log."""
    if task.log is None:
        return Failure("", f"its submission was interrupted before {title(task.origin)} had taken it ({task.name})")
    log = task.log if last_line(task.log) else task.log.with_suffix(".out")
    last = last_line(log)
    try:
        if not task.log.exists() and not log.exists():
            last = "no log: it was cancelled before it began, or the nodes do not see this folder"
    except OSError as error:  # somebody else's, say
        last = f"its log cannot be read here ({error.strerror}); it belongs to {user_name(task.owner)}"
    how = "ended for want of memory" if for_memory(task) else "ended without a result"
    return Failure("", f"task {task.job} {how}{f': {last}' if last else ''}", str(log), task.job or "")


def for_memory(task: SubmittedTask) -> bool:
    """Whether the log of a task that is lost says that it was for want of memory."""
    if task.log is None:
        return False
    last = [line for log in (task.log, task.log.with_suffix(".out")) for line in last_lines(log, _LAST)]
    return any(_MEMORY.search(line) for line in last)


def last_line(path: Path) -> str:
    """The last line of a log that says why it ended; nothing where there is no log."""
    said = list(reversed(_lines(path)))
    return next((line for line in said if not _SRUN.fullmatch(line)), said[0] if said else "")


def last_lines(path: Path, count: int) -> list[str]:
    """So many of the last lines of a log; none where there is none that can be read."""
    return _lines(path)[-count:]


def _lines(path: Path) -> list[str]:
    """Those at the end that say something."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            lines = file.read(_TAIL).decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip() for line in lines if line.strip()]
