"""What is said when nothing is left to wait for."""

from types import SimpleNamespace

import pytest

from pcsweep.config.errors import Unfinished
from pcsweep.study.failures import Failure
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.outcome import Outcome, conclude
from pcsweep.sweep.standing import Standing
from pcsweep.sweep.work import StudyWork

TASK = SubmittedTask("array", 0, ("d",), "7", None, 1.0)


def outcome(tmp_path, refusals=(), **found):
    return Outcome([StudyWork(tmp_path / "s", (), dict.fromkeys("abcd", "β=0"))], [Standing(**found)], refusals)


def test_what_is_not_done_is_counted_once_with_why(tmp_path, capsys):
    found = {"done": frozenset("a"), "raised": {"b": Failure("β=0.1", "it raised")}, "waiting": ("c",), "unknown": {"d": TASK}}
    with pytest.raises(Unfinished, match=r"^3 of 4 points are not done\.\nQueue has not taken all\nAll others are kept"):
        conclude(SimpleNamespace(points=[]), outcome(tmp_path, ["Queue has not taken all"], **found))
    assert "it raised" in capsys.readouterr().err
    with pytest.raises(Unfinished, match=r"^1 of 4 points is not done\.\nAll others"):
        conclude(SimpleNamespace(points=[]), outcome(tmp_path, done=frozenset("abc"), waiting=("d",)))


def test_what_comes_next_is_said_when_all_is_done(tmp_path, caplog):
    caplog.set_level("INFO")
    points = [SimpleNamespace(folder=tmp_path / "outputs" / "s", identity=identity) for identity in ("a", "b", None)]
    conclude(SimpleNamespace(points=points), outcome(tmp_path, done=frozenset("abcd")))
    (record,) = caplog.records
    assert "python -m pcsweep.report" in record.getMessage()
