"""Why a task ended without results, as far as its log says."""

import re
from pathlib import Path

from pcsweep.machine.ownership import user_name
from pcsweep.study.failures import Failure
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import title

_TAIL = 8192  # bytes of a log in which its last line is looked for
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
    return Failure("", f"task {task.job} ended without a result{f': {last}' if last else ''}", str(log), task.job or "")


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
