"""What stands for an interpreter that Slurm starts is, for all that tests look at, that interpreter."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import DEVNULL, PIPE, warm_srun
from kept_warm import SET_BY_LIBRARIES
from slurm_cluster import until

import pcsweep

TELLING = """
import json, os, signal, sys, threading
import beside

told = {
    "words": sys.argv[1:], "name": __name__, "folder": os.getcwd(), "environment": dict(os.environ), "umask": os.umask(0),
    "path": sys.path[:2], "executable": sys.executable, "interpreter": sys.orig_argv, "beside": beside.HERE,
    "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler, "threads": threading.active_count(),
    "open": sorted(set(map(int, os.listdir("/proc/self/fd"))) - {0, 1, 2})[:-1], "unbuffered": sys.stdout.write_through,
    "shown": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"), "warm": "torch" in sys.modules, "pid": os.getpid(),
}
print(json.dumps(told))
end = sys.argv[1]
if end == "wait":
    signal.signal(signal.SIGUSR2, lambda *_: sys.exit(7))
    print("waits")
    while True:
        signal.pause()
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if end == "raise":
    raise ValueError("at the end")
sys.exit(int(end))
"""
KINDS = ("-m", "-c")


@pytest.fixture
def begin(tmp_path: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Starts the program as Slurm does, with an `srun` that only runs what it is given; cold: without anything in between."""
    (tmp_path / "beside.py").write_text("HERE = __file__\n")
    (tmp_path / "telling.py").write_text(TELLING)
    real = tmp_path / "real"
    real.mkdir()
    (real / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (real / "srun").chmod(0o755)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{real}:{before}"
    try:
        warm = warm_srun(tmp_path / "warm")
    finally:
        os.environ["PATH"] = before

    def start(kind: str, *words: str, cold: bool = False, **more: str) -> "subprocess.Popen[str]":
        own = {name: value for name, value in os.environ.items() if name not in SET_BY_LIBRARIES}  # by other tests
        variables = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(tmp_path / "nowhere"), "SLURM_JOB_ID": "7", **more}
        given = [sys.executable, "-u", kind, "telling" if kind == "-m" else TELLING, *words]
        return subprocess.Popen(
            [str((real if cold else warm) / "srun"), *given],
            cwd=tmp_path,
            env=own | variables,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            text=True,
        )

    return start


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["0", "3", "raise", "kill"])
def test_a_task_is_given_the_same_and_ends_the_same(begin, kind, end):
    found = []
    for cold in (False, True):
        with begin(kind, end, "β=0.1", "a b", cold=cold) as process:
            out, err = process.communicate(timeout=60)
        told = json.loads(out)
        assert told.pop("warm") is not cold
        assert (told.pop("pid") == process.pid) is cold
        found.append((told, process.returncode, err.splitlines()[-1:]))
    forked, alone = found
    assert forked == alone
    assert forked[1] == {"0": 0, "3": 3, "raise": 1, "kill": -signal.SIGKILL}[end]


@pytest.mark.parametrize("kind", KINDS)
def test_signals_are_handed_on(begin, kind):
    with begin(kind, "wait") as process:
        process.stdout.readline()
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGUSR2)
        assert process.wait(20) == 7


def test_a_task_ends_with_what_stands_for_it(begin):
    with begin("-m", "wait") as process:
        told = json.loads(process.stdout.readline())
        assert Path(f"/proc/{told['pid']}").exists()
        process.kill()
        until(lambda: not Path(f"/proc/{told['pid']}").exists(), 20, "the end of the task")


def test_variables_that_are_read_at_the_start_ask_for_an_interpreter(begin):
    with begin("-m", "0", OMP_NUM_THREADS="2") as process:
        told = json.loads(process.communicate(timeout=60)[0])
    assert not told["warm"]
    assert told["pid"] == process.pid


def test_code_that_is_as_it_was_is_executed_where_it_lies(begin, tmp_path):
    """And is not compiled again; edited code is."""
    copy = tmp_path / "copy"
    package = Path(pcsweep.__file__).parent
    for name in ("__init__", "config/__init__", "config/version", "console/__init__", "console/interruption"):
        path = copy / "pcsweep" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((package / f"{name}.py").read_bytes())
    with (copy / "pcsweep/config/version.py").open("a") as version:
        version.write("HERE = __file__\n")
    begin("-m", "0").communicate(timeout=60)
    text = "import sys; sys.path.insert(0, sys.argv[1]); import pcsweep.config.version as edited; print(edited.HERE)"
    text += "; import pcsweep; print(pcsweep.__file__); print(pcsweep.__getattr__.__code__.co_filename)"
    words = [str(tmp_path / "warm" / "srun"), sys.executable, "-u", "-c", text, str(copy)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    told = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [str(copy / "pcsweep" / name) for name in ("config/version.py", *["__init__.py"] * 2)]
