"""Why a task ended, from the last lines of its log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.lost import for_memory, last_line, why_lost

LINES = st.text("ab [λ\t", min_size=1, max_size=20)


@pytest.mark.parametrize("before", ["", "earlier\n", "x" * 20_000 + "\n", "\n".join(["many"] * 5000) + "\n"])
@settings(deadline=None, derandomize=True)
@given(line=LINES.filter(str.strip), after=st.sampled_from(["", "\n", "\n\n  \n"]))
def test_the_last_line_of_a_log_is_its_last_words(tmp_path_factory, before, line, after):
    path = tmp_path_factory.getbasetemp() / "log.err"
    path.write_text(before + line + after)
    assert last_line(path) == line.strip()


def test_a_log_without_words(tmp_path):
    assert last_line(tmp_path / "none.err") == ""
    (tmp_path / "log.err").write_bytes(b"\n \n")
    assert last_line(tmp_path / "log.err") == ""
    (tmp_path / "log.err").write_bytes(b"before\n\xff\xfe broken\n")
    assert last_line(tmp_path / "log.err").endswith("broken")


def test_the_last_words_are_the_tasks_not_sruns(tmp_path):
    log = tmp_path / "log.err"
    log.write_text("Traceback\nOSError: No space left\nsrun: error: n1: task 0: Exited with exit code 1\n")
    assert last_line(log) == "OSError: No space left"
    log.write_text("srun: error: n1: task 0: Exited with exit code 1\n")
    assert last_line(log) == "srun: error: n1: task 0: Exited with exit code 1"
    log.write_text("x\nsrun: error: n1: task 0: Out Of Memory\n")
    assert last_line(log) == "srun: error: n1: task 0: Out Of Memory"


@pytest.mark.parametrize(
    ("log", "words", "so"),
    [
        ("err", "slurmstepd: error: Detected 1 oom_kill event in StepId=7.0. Some of the step tasks have been OOM Killed.", True),
        ("err", "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch cgroup.", True),
        ("err", "srun: error: n1: task 0: Out Of Memory", True),
        ("err", "srun: error: n1: task 0: Exited with exit code 137", True),
        ("err", "slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026 DUE to OUT_OF_MEMORY ***", True),
        ("out", "slurmstepd: error: Exceeded job memory limit", True),
        ("err", "terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("err", "srun: error: n1: task 0: Killed", False),
        ("err", "srun: error: n1: task 0: Exited with exit code 1", False),
        ("err", "OSError: No space left on device", False),
    ],
)
def test_want_of_memory_is_seen_in_the_log(tmp_path, log, words, so):
    task = SubmittedTask("s-ab-0", 0, ("a",), "7", tmp_path / "7_0_log.err", 1.0)
    (tmp_path / f"7_0_log.{log}").write_text(f"before\n{words}\n")
    assert for_memory(task) is so
    how = "ended for want of memory" if so else "ended without a result"
    assert why_lost(task).error.startswith(f"task 7 {how}: ")


def test_without_a_log_nothing_is_known_of_memory(tmp_path):
    assert not for_memory(SubmittedTask("s-ab-0", 0, ("a",), "7", tmp_path / "none.err", 1.0))
    assert not for_memory(SubmittedTask("s-ab-0", 0, ("a",), None, None, 1.0))
