"""Where a number came from: code, libraries, machine."""

import os
import platform
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from pcsweep.config.version import __version__

_LIBRARIES = ("torch", "torchvision", "llvmlite", "numpy", "pyarrow", "hydra-core", "omegaconf")


SNAPSHOTS = "code"  # the folder, of a study, of frozen code; each lies in a folder that is named by a hash of it
_ROOT = Path(__file__).resolve().parents[2]  # of the package
_HASH = re.compile(r"[0-9a-f]{64}")

_given: ContextVar[Sequence[str] | None] = ContextVar("given", default=None)
_submitted: ContextVar[str | None] = ContextVar("submitted", default=None)


def command() -> str:
    """The command line of this process, ready to be typed again."""
    entry = Path(sys.argv[0])
    program = ["python", "-m", _module(entry)] if entry.suffix == ".py" else [entry.name]
    words = _given.get()
    return shlex.join([*program, *(sys.argv[1:] if words is None else words)])


@contextmanager
def command_is(words: Sequence[str]) -> Iterator[None]:
    """While it lasts, these are the words that were given, whatever is made of them for Hydra."""
    token = _given.set(tuple(words))
    try:
        yield
    finally:
        _given.reset(token)


def _module(entry: Path) -> str:
    """Of a file of this package, as `python -m` names it."""
    names = entry.with_suffix("").parts
    first = max((place for place, name in enumerate(names) if name == "pcsweep"), default=len(names))
    return ".".join(["pcsweep", *(name for name in names[first + 1 :] if name != "__main__")])


@contextmanager
def submitted_from(git: str | None) -> Iterator[None]:
    """While it lasts, the code that runs is that of a repository in this state; None where it is not known."""
    token = _submitted.set(git)
    try:
        yield
    finally:
        _submitted.reset(token)


def provenance() -> dict[str, str]:
    """Code version (with the git commit, and whether files differ from it), library versions, host and job.

    `code` is the hash of the frozen code that runs, where it does.
    """
    git = _submitted.get()
    return {**_of_process(), **({} if git is None else {"git": git})}


@lru_cache(maxsize=1)
def _of_process() -> dict[str, str]:
    return {
        "code_version": __version__,
        "git": git_state(),
        "code": _frozen(_ROOT),
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
    }


def task() -> str:
    """The number of the Slurm task that this process is, such as `12` or `12_3` of an array; empty outside of one."""
    array, index = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID", "")


def _frozen(root: Path) -> str:
    """The hash by which a folder of frozen code is named; empty of any other folder."""
    return root.name if root.parent.name == SNAPSHOTS and _HASH.fullmatch(root.name) else ""


def git_state() -> str:
    """Of the package's repository, such as `1a2b3c… dirty`; empty where it does not run from one."""
    return _git_state(_ROOT)


def _git_state(folder: Path) -> str:
    if not (folder / ".git").exists():
        return ""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit} dirty" if changed else commit


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout.strip()
