"""Where a number came from: code, libraries, machine."""

import os
import platform
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

_LIBRARIES = ("torch", "torchvision", "captum", "numpy", "pyarrow", "hydra-core", "omegaconf")


_given: ContextVar[Sequence[str] | None] = ContextVar("given", default=None)


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


@lru_cache(maxsize=1)
def provenance() -> dict[str, str]:
    """Code version (with the git commit, and whether files differ from it), library versions, host and job."""
    return {
        "code_version": __version__,
        "git": _git_state(Path(__file__).resolve().parents[2]),
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "job": os.environ.get("SLURM_JOB_ID", ""),
    }


def task() -> str:
    """The number of the Slurm task that this process is, such as `12` or `12_3` of an array; empty outside of one."""
    array, index = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    return f"{array}_{index}" if array else os.environ.get("SLURM_JOB_ID", "")


def _git_state(folder: Path) -> str:
    """Such as `1a2b3c… dirty`; empty where the package does not run from its own repository."""
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
