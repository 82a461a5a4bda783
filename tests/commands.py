"""Commands of pcsweep as a person gives them, without the seconds that a new interpreter takes to import torch and the rest.

    done = run("-m", "pcoder.beta=0.2,0.4", folder=tmp_path)              # as subprocess.run does
    process = start("study=s", module="pcsweep.status", folder=tmp_path)  # as subprocess.Popen does

A command is a process of its own: with its number, folder, environment, words, streams, signals, session and exit code. It is
forked by a process that has imported everything and computed nothing (`kept_warm`), one for each worker of pytest, if that was
started with the same environment; only variables that are read where they are used (`READ_LATER`) may differ. Any other command,
and one that is `cold`, has an interpreter of its own: for tests of what is imported when, of warnings on the way, and of what is
read at the start.
"""

import atexit
import json
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

from kept_warm import READ_LATER

ONE_THREAD = {"OMP_NUM_THREADS": "1"}
ROOM = 1 << 15  # bytes of a forked process's words
SRUN = """#!/bin/sh
# Slurm's own, but that the first interpreter among its words is given a program that has it forked.
for word do
    shift
    set -- "$@" "$word"
    [ "$word" = {python} ] && [ -z "$found" ] && found=1 && set -- "$@" -IS '{starter}' '{socket}'
done
exec {real} "$@"
"""
PIPE, DEVNULL, STDOUT = subprocess.PIPE, subprocess.DEVNULL, subprocess.STDOUT


class Forked:
    """A command that was forked, with what tests use of subprocess.Popen.

    Attributes:
        pid: of its process.
        stdout, stderr: where they were asked for as pipes.
        returncode: None while it runs; of one that a signal ended, its number below zero.
    """

    def __init__(self, pid: int, status: int, stdout: IO[Any] | None, stderr: IO[Any] | None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._status = status

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.stdout, self.stderr):
            if pipe:
                pipe.close()
        self.wait()

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self._ended_within(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; TimeoutExpired where it goes on."""
        code = self._ended_within(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float | None = None) -> tuple[Any, Any]:
        """What its pipes give until they and it have ended; TimeoutExpired where that takes longer."""
        until = None if timeout is None else time.monotonic() + timeout
        said: dict[str, Any] = {"stdout": None, "stderr": None}
        readers = [threading.Thread(target=self._read, args=(name, said), daemon=True) for name in said if getattr(self, name)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if until is None else max(0.0, until - time.monotonic()))
            if reader.is_alive():
                assert timeout is not None
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        self.wait(None if until is None else max(0.0, until - time.monotonic()))
        return said["stdout"], said["stderr"]

    def _read(self, name: str, said: dict[str, Any]) -> None:
        with getattr(self, name) as pipe:
            said[name] = pipe.read()

    def _ended_within(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            told = os.read(self._status, 8)
            assert told, "the process that forks commands has ended"
            self.returncode = int.from_bytes(told, "little", signed=True)
            os.close(self._status)
        return self.returncode


Process = subprocess.Popen[Any] | Forked


def start(
    *words: str,
    folder: Path,
    module: str = "pcsweep",
    environment: Mapping[str, str] | None = None,
    cold: bool = False,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    text: bool = True,
    start_new_session: bool = False,
) -> Process:
    """Starts a command.

    Args:
        words: after the module's name.
        folder: where it is given.
        module: what is run, as by `python -m`.
        environment: instead of this process's, with one thread.
        cold: whether it has an interpreter of its own anyway.
        stdin, stdout, stderr, text, start_new_session: as subprocess.Popen takes them.
    """
    variables = {**os.environ, **ONE_THREAD} if environment is None else dict(environment)
    streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
    if cold or any(variables.get(name) != usual().get(name) for name in {*variables, *usual()} - READ_LATER):
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=folder,
            env=variables,
            text=text,
            start_new_session=start_new_session,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509
            **streams,
        )
    order = {
        "module": module,
        "words": [str(word) for word in words],
        "folder": str(folder),
        "environment": variables,
        "umask": _umask(),
        "session": start_new_session,
    }
    return _forked(order, streams, text)


def run(*words: str, folder: Path, timeout: float = 300, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command that has ended, with what it has said; see `start`. TimeoutExpired, and it is killed, where it takes longer."""
    with start(*words, folder=folder, **{"stdout": PIPE, "stderr": PIPE} | options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
        assert process.returncode is not None
        return subprocess.CompletedProcess(words, process.returncode, out, err)


@cache
def usual() -> dict[str, str]:
    """The environment of the process that forks: this one's when it is first asked for, which is before the first test."""
    return {**os.environ, **ONE_THREAD}


@cache
def _forks() -> tuple[socket.socket, Path]:
    """Where commands are ordered, and the socket for tasks; the process that forks them ends when the first is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    folder = Path(tempfile.mkdtemp(prefix="pcs"))  # a short path, and the user's own
    tasks = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    tasks.bind(str(folder / "tasks"))
    tasks.listen(64)
    here = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})"
    program = f"{here}; from kept_warm import serve; serve({theirs.fileno()}, {tasks.fileno()})()"
    environment = {name: value for name, value in usual().items() if name not in ("PYTHONPATH", "PYTHONWARNINGS")}
    handed = [theirs.fileno(), tasks.fileno()]
    padding = " " * ROOM
    process = subprocess.Popen([sys.executable, "-c", program, padding], env=environment, pass_fds=handed, stdin=DEVNULL)
    theirs.close()
    tasks.close()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours, folder / "tasks"


def warm_srun(folder: Path) -> Path:
    """A folder for the front of the PATH: with its `srun`, Slurm's tasks are forked as well (see `starter`)."""
    folder.mkdir()
    real, starter = shutil.which("srun"), Path(__file__).with_name("starter.py")
    assert real
    path = folder / "srun"
    path.write_text(SRUN.format(real=real, python=shlex.quote(sys.executable), starter=starter, socket=_forks()[1]))
    path.chmod(0o755)
    return folder


def _forked(order: dict[str, Any], streams: dict[str, Any], text: bool) -> Forked:
    """Hands over the descriptors, of which this process keeps its ends of pipes."""
    kept: dict[str, IO[Any] | None] = {}
    handed: list[int] = []
    ours: list[int] = []  # to be closed here
    for number, (name, asked) in enumerate(streams.items()):
        if asked == PIPE:
            assert name != "stdin"
            reading, writing = os.pipe()
            kept[name] = os.fdopen(reading, "r" if text else "rb")
            handed.append(writing)
            ours.append(writing)
        elif asked == DEVNULL:
            handed.append(os.open(os.devnull, os.O_RDWR))
            ours.append(handed[-1])
        elif asked == STDOUT:
            handed.append(handed[1])
        else:
            handed.append(number if asked is None else asked if isinstance(asked, int) else asked.fileno())
    status, told = os.pipe()
    try:
        socket.send_fds(_forks()[0], [json.dumps(order).encode()], [*handed, told])
    finally:
        for each in (*ours, told):
            os.close(each)
    pid = int.from_bytes(os.read(status, 8), "little", signed=True)
    assert pid, "the process that forks commands has ended"
    return Forked(pid, status, kept.get("stdout"), kept.get("stderr"))


def _heed_ctrl_c() -> None:
    """As in the foreground of a shell, also where pytest itself runs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _umask() -> int:
    mask = os.umask(0o77)
    os.umask(mask)
    return mask
