"""`python -m pcsweep.sweep.task FOLDER`: what a task of Slurm runs; submitit's own program, once its pickle is known to be ours.

The folder is opened once and checked as it is then; all that follows goes through that, whatever is put in its place meanwhile.
"""

import os
import pickle
import stat
import sys
import time
from pathlib import Path

from pcsweep.console.exit import close_umask
from pcsweep.console.terminal import complain
from pcsweep.machine.ownership import why_not_private
from pcsweep.sweep import former
from pcsweep.sweep.start import ALONE

_PATIENCE = 60.0  # seconds that a network's file system may take to show what was written before the task was submitted
_MOMENT = 0.5  # seconds
_REFUSED = 2


class Planted(Exception):
    """A folder or pickle that somebody else may have put there."""


def main(folder: str) -> int:
    """Runs the task whose pickle lies in `folder`, or is handed over; 2 where somebody else may have put it there."""
    from submitit.core.submission import process_job

    close_umask()
    if folder == ALONE:
        pickle.load(sys.stdin.buffer)()  # noqa: S301  (from who has started this process)
        return 0
    try:
        safe = opened(Path(folder))
        _check_pickle(safe)
    except (Planted, OSError) as error:
        complain("pcsweep", f"This task does not load what it was to run: {error}")
        return _REFUSED
    former.install()
    process_job(safe)
    return 0


def opened(folder: Path) -> Path:
    """A path to the folder as it is now, which nobody can lead elsewhere as long as this process lives.

    Raises:
        Planted: it does not belong to this user, or others may write it.
        OSError: there is none.
    """
    descriptor = _patiently(folder)
    status = os.fstat(descriptor)
    if problem := why_not_private(status):
        os.close(descriptor)
        raise Planted(f"of {folder} {problem}")
    return Path(f"/proc/self/fd/{descriptor}")


def _patiently(folder: Path) -> int:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            if time.monotonic() > until:
                raise
            time.sleep(_MOMENT)


def _check_pickle(folder: Path) -> None:
    """Waits for this task's pickle, as submitit does, and checks it.

    Raises:
        Planted: it is a link, or not this user's alone.
    """
    from submitit.core.job_environment import JobEnvironment

    os.environ["SUBMITIT_FOLDER"] = str(folder)
    path = JobEnvironment().paths.submitted_pickle
    until = time.monotonic() + _PATIENCE
    while not os.path.lexists(path) and time.monotonic() < until:
        time.sleep(_MOMENT)
    if not os.path.lexists(path):
        return  # submitit waits once more, and says so
    status = path.lstat()
    problem = why_not_private(status) or ("" if stat.S_ISREG(status.st_mode) else "it is no file")
    if problem:
        raise Planted(f"of {path.name} {problem}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[-1]))
