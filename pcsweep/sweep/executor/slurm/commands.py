"""Slurm's queue, asked through Slurm's own commands; nothing here needs its accounting."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence

from pcsweep.sweep.executor.protocol import NoAnswer, Queued

_SECONDS = 60  # that a command may take
_ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"}
_IDS_AT_ONCE = 500  # in one command line


def unavailable() -> str:
    """Why this machine does not belong to a cluster; empty where Slurm's commands are here and find their configuration."""
    if shutil.which("sbatch") is None:
        return "there is no command `sbatch` on the PATH"
    try:
        _answer(["sbatch", "--version"])
    except NoAnswer as error:
        return f"`sbatch` does not work ({str(error).splitlines()[-1].strip()})"
    return ""


def environment() -> dict[str, str]:
    """This process's environment without another job's variables, and without the user's own for listing queues."""
    return {
        name: value
        for name, value in os.environ.items()
        if name == "SLURM_CONF" or not name.startswith(("SLURM_", "SLURMD_", "SQUEUE_", "SCANCEL_", "SCONTROL_"))
    }


def queue(users: Iterable[int] = ()) -> list[Queued]:
    """The tasks that wait or run of these users, by number, or of this one; of others, as far as Slurm shows them.

    Raises:
        NoAnswer: the queue cannot be read now.
    """
    whose = ",".join(map(str, sorted(set(users)) or [os.getuid()]))
    words = ["squeue", "--all", f"--user={whose}", "--noheader", "--array", "--format=%F|%K|%T|%r|%j"]
    found = [_queued(line) for line in _answer(words).splitlines() if line.count("|") >= 4]
    return [task for task in found if task.state not in _ENDED]


def _queued(line: str) -> Queued:
    job, index, state, reason, name = line.strip().split("|", 4)
    return Queued(job, int(index) if index.isdigit() else 0, name, state, reason)


def max_array_size() -> int:
    """How many tasks a job array may have; 1 where there are no arrays.

    Raises:
        NoAnswer: the controller cannot be reached.
    """
    value = _configured("MaxArraySize")
    if not value.isdigit():
        raise NoAnswer("`scontrol show config` does not name MaxArraySize")
    return max(1, int(value))


def shows_others() -> bool:
    """Whether this user sees the tasks of others in the queue.

    Raises:
        NoAnswer: the controller cannot be reached.
    """
    return os.getuid() == 0 or "jobs" not in _configured("PrivateData").lower().split(",")


def _configured(name: str) -> str:
    """A value of Slurm's configuration; empty where it has none."""
    for line in _answer(["scontrol", "show", "config"]).splitlines():
        key, _, value = line.partition("=")
        if key.strip() == name:
            return value.strip()
    return ""


def cancel(jobs: Iterable[str]) -> None:
    """Cancels jobs, or whole job arrays, by their ids.

    Raises:
        NoAnswer: Slurm refuses.
    """
    ids = sorted(set(jobs))
    for start in range(0, len(ids), _IDS_AT_ONCE):
        _answer(["scancel", *ids[start : start + _IDS_AT_ONCE]])


def _answer(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, encoding="utf-8", errors="replace", env=environment(), timeout=_SECONDS)
    except FileNotFoundError as error:
        raise NoAnswer(f"there is no command `{words[0]}` here") from error
    except OSError as error:
        raise NoAnswer(f"`{words[0]}` cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"`{words[0]}` did not answer within {_SECONDS} s") from error
    if done.returncode != 0:
        raise NoAnswer(done.stderr.strip() or f"`{words[0]}` failed with code {done.returncode}")
    return done.stdout
