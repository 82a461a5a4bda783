"""Why a task ended, from the last lines of its log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.sweep.lost import last_line

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
