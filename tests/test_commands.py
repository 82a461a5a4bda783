"""Forked commands behave as those with an interpreter of their own, for all that tests look at."""

import json
import os
import pty
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from commands import DEVNULL, PIPE, STDOUT, Forked, run, start
from kept_warm import SET_BY_LIBRARIES

# A program that tells what it has been given, and ends as its first word says.
TELLING = """
import json, os, random, signal, sys, threading, warnings
import numpy
import beside

def told():
    return {
        "words": sys.argv[1:], "program": sys.argv[0], "name": __name__, "spec": __spec__.name, "folder": os.getcwd(),
        "environment": dict(os.environ), "umask": os.umask(0), "leader": os.getsid(0) == os.getpid(), "parent": os.getppid(),
        "terminals": [os.isatty(n) for n in range(3)], "path": sys.path[:3], "executable": sys.executable,
        "interpreter": sys.orig_argv[1:3], "interrupts": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "pipes": signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN, "encodings": [sys.stdout.encoding, sys.stderr.errors],
        "buffered": sys.stdout.line_buffering, "open": sorted(set(map(int, os.listdir("/proc/self/fd"))) - {0, 1, 2})[:-1],
        "threads": threading.active_count(), "warnings": sys.warnoptions, "beside": beside.HERE,
        "tensors": "torch" in sys.modules, "drawn": [random.random(), float(numpy.random.random())], "pid": os.getpid(),
    }

end = sys.argv[1]
print(json.dumps(told()))
print("to stderr", file=sys.stderr)
warnings.warn("deprecated", DeprecationWarning)
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=lambda: print("late")).start()
if end == "raise":
    raise ValueError("at the end")
if end == "text":
    sys.exit("a text")
if end == "wait":
    sys.stdout.flush()
    signal.pause()
if end != "return":
    sys.exit(int(end))
"""
# What may differ between two processes, or only where nothing is imported beforehand.
OWN = ("pid", "parent", "drawn", "tensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the program lies, and is started, with a module beside it."""
    for place in ("here", "theirs"):
        (tmp_path / place).mkdir()
    (tmp_path / "here" / "telling.py").write_text(TELLING)
    (tmp_path / "theirs" / "beside.py").write_text("HERE = __file__\n")
    return tmp_path / "here"


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in SET_BY_LIBRARIES}  # by other tests
    return own | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder.parent / "theirs")} | more


@pytest.mark.parametrize("end", ["0", "1", "130", "return", "raise", "text", "kill"])
def test_a_program_is_given_the_same_and_ends_the_same(folder: Path, end: str) -> None:
    found = []
    for cold in (False, True):
        process = start(
            *(end, "β=0.1", "a b"),
            module="telling",
            folder=folder,
            environment=environment(folder, COLUMNS="50", PYTHONWARNINGS="default"),
            cold=cold,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        assert isinstance(process, subprocess.Popen if cold else Forked)
        pid = process.pid
        out, err = process.communicate(timeout=60)
        told = json.loads(out.splitlines()[0]) if out else {"pid": pid}
        assert told["pid"] == pid
        own = {name: told.pop(name, None) for name in OWN}
        found.append(
            (process.returncode, told, out.splitlines()[1:], [line for line in err.splitlines() if "frozen" not in line])
        )
        assert cold or not out or own["tensors"]
    forked, cold_one = found
    if end == "raise":  # what had called the program stands above it
        shown = [lines.index("Traceback (most recent call last):") for *_, lines in found]
        assert [lines[:at] for at, (*_, lines) in zip(shown, found, strict=True)][0] == cold_one[3][: shown[1]]
        assert forked[3][-3:] == cold_one[3][-3:]
        assert forked[:3] == cold_one[:3]
    else:
        assert forked == cold_one


def test_two_commands_draw_other_numbers(folder: Path) -> None:
    drawn = [
        json.loads(run("0", module="telling", folder=folder, environment=environment(folder)).stdout.splitlines()[0])["drawn"]
        for _ in range(2)
    ]
    assert not set(drawn[0]) & set(drawn[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
@pytest.mark.parametrize("cold", [False, True])
def test_signals_reach_it_alone_or_its_session(folder: Path, number: int, cold: bool) -> None:
    options = {"module": "telling", "folder": folder, "environment": environment(folder), "cold": cold, "stderr": DEVNULL}
    alone, session = (start("wait", **options, stdout=PIPE, start_new_session=own) for own in (False, True))
    for process in (alone, session):
        process.stdout.readline()
        assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        alone.wait(0.05)
    alone.send_signal(number)
    os.killpg(session.pid, number)
    assert [process.wait(20) for process in (alone, session)] == [-number, -number]
    alone.send_signal(number)  # it has ended: nothing happens
    for process in (alone, session):
        process.stdout.close()


def test_in_a_terminal_into_a_file_and_into_one_pipe(folder: Path, tmp_path: Path) -> None:
    options = {"module": "telling", "folder": folder, "environment": environment(folder)}
    ours, theirs = pty.openpty()
    process = start("0", **options, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the end of a terminal
        while read := os.read(ours, 65536):
            said += read
    os.close(ours)
    assert json.loads(said.decode().splitlines()[0])["terminals"] == [True, True, True]
    assert process.wait(20) == 0
    with (tmp_path / "said").open("w") as said:
        assert start("3", **options, stdout=said, stderr=STDOUT).wait(20) == 3
    assert "to stderr" in (tmp_path / "said").read_text()
    assert "late" in (tmp_path / "said").read_text()
    joined = run("0", **options, stderr=STDOUT)
    assert joined.stderr is None
    assert "to stderr" in joined.stdout


def test_a_command_that_takes_too_long_is_ended(folder: Path) -> None:
    before = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        run("wait", module="telling", folder=folder, environment=environment(folder), timeout=1)
    assert time.monotonic() - before < 30


def test_a_copy_of_the_package_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "copy" / "pcsweep").mkdir(parents=True)
    (tmp_path / "copy" / "pcsweep" / "__init__.py").write_text("HERE = __file__\n")
    (tmp_path / "copy" / "pcsweep" / "status.py").write_text("import pcsweep\nprint(pcsweep.HERE)\n")
    for cold in (False, True):
        variables = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(tmp_path / "copy")}
        done = run(module="pcsweep.status", folder=tmp_path, environment=variables, cold=cold)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip() == str(tmp_path / "copy" / "pcsweep" / "__init__.py")


def test_what_libraries_have_set_in_this_process_is_none_of_a_command(folder: Path) -> None:
    set_here = dict.fromkeys(SET_BY_LIBRARIES, "7")
    with start("0", module="telling", folder=folder, environment=environment(folder, **set_here), stdout=PIPE) as process:
        assert isinstance(process, Forked)
        out, _ = process.communicate(timeout=60)
    assert not set_here.keys() & json.loads(out.splitlines()[0])["environment"].keys()


def test_what_is_read_at_the_start_has_an_interpreter_of_its_own(folder: Path) -> None:
    for more in ({"HOME": str(folder)}, {"OMP_NUM_THREADS": "2"}, {"PYTHONHASHSEED": "0"}, {"PYTHONIOENCODING": "ascii"}):
        process = start(
            "0", module="telling", folder=folder, environment=environment(folder, **more), stdout=DEVNULL, stderr=DEVNULL
        )
        assert isinstance(process, subprocess.Popen)
        assert process.wait(60) == 0


HANDLED = """
import signal

def handled(image, generator):
    with open("handled", "a") as file:
        file.write(f"{type(signal.getsignal(signal.SIGINT)).__name__}\\n")
    return image
"""


def test_ctrl_c_is_answered_by_pcsweep_itself(tmp_path: Path) -> None:
    (tmp_path / "toy_handled.py").write_text(HANDLED)
    words = ["extensions=[toy_handled]", "noise._target_=toy_handled.handled", "~noise.sigma", "dataset.limit=1", "timesteps=0"]
    for cold in (False, True):
        done = run(*words, f"study=s{cold}", folder=tmp_path, cold=cold)
        assert done.returncode == 0, done.stderr
        assert set((tmp_path / "handled").read_text().split()) == {"CtrlC"}
        (tmp_path / "handled").unlink()


def test_pcsweep_says_the_same(tmp_path: Path) -> None:
    for words, module in (
        (["--help"], "pcsweep"),
        (["--help"], "pcsweep.status"),
        (["study=none"], "pcsweep.status"),
        (["status", "study=none"], "pcsweep"),
        (["-m", "pcoder.beta=1.3"], "pcsweep"),
        (["foo"], "pcsweep"),
    ):
        forked, cold = (run(*words, module=module, folder=tmp_path, cold=each) for each in (False, True))
        assert (forked.returncode, forked.stdout, forked.stderr) == (cold.returncode, cold.stdout, cold.stderr)
