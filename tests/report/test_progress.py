"""How far a study is that is not complete, in a sentence."""

from pathlib import Path

import pytest
from toy_study import settings

from pcsweep.report.nothing import nothing
from pcsweep.report.progress import progress
from pcsweep.study import failures
from pcsweep.study.failures import Failure
from pcsweep.study.plans import PlannedPoint
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.seen import Seen
from pcsweep.sweep.standing import Standing

TASK = SubmittedTask("t", 0, ("c",), "7", None, 0.0)


def seen(names: str, standing: Standing) -> Seen:
    points = [PlannedPoint(name, settings(0.5, 0.1), False, "c") for name in names]
    return Seen(Path("s"), [*points, PlannedPoint(None, settings(0.9, 0.5), True, "c")], [], Answers(), standing)


def test_a_complete_study_and_one_without_a_plan_have_none() -> None:
    assert progress(seen("ab", Standing(frozenset("ab")))) is None
    assert progress(seen("", Standing(frozenset()))) is None


def test_every_point_is_counted_once() -> None:
    found = Standing(
        frozenset("a"), {"b": TASK}, {"c": TASK}, {"d": Failure("", "")}, {"e": TASK}, ("f",), {"g": TASK}, {"h": ""}, {"i": ""}
    )
    made = progress(seen("abcdefghi", found), 60)
    assert made
    text, when = made.text.split(", as of ")
    assert text == (
        "This study is not complete: 1 of 9 points done, 2 running, 2 pending, 2 failed, 1 of an unknown state, since a queue "
        "does not say it, 1 to do, in no queue"
    )
    assert when.endswith(" UTC.")
    assert made.under_way == 5


@pytest.mark.parametrize(
    ("standing", "every", "said"),
    [
        (Standing(frozenset("a"), {"b": TASK}), 60, "This page renews itself, every 60 seconds, until the study is complete."),
        (Standing(frozenset("a"), {"b": TASK}), 1, "This page renews itself, every 1 second, until the study is complete."),
        (Standing(frozenset("a"), {"b": TASK}), None, "A report made later has more."),
        (Standing(frozenset("a"), raised={"b": Failure("", "")}), None, ""),
    ],
)
def test_what_a_reader_may_expect(standing: Standing, every: int | None, said: str) -> None:
    made = progress(seen("ab", standing), every)
    assert made
    assert made.renewal == said


def test_of_a_study_of_failures_it_is_said_while_anybody_is_at_work(tmp_path: Path) -> None:
    failures.note(tmp_path, "a", "β=0.5", ValueError("no"), None)
    over = progress(seen("ab", Standing(frozenset(), raised={"a": Failure("", "")}, waiting=("b",))))
    at_work = progress(seen("ab", Standing(frozenset(), {"b": TASK}, raised={"a": Failure("", "")})))
    for given, kept in ((over, None), (at_work, at_work), (None, None)):
        found = nothing(tmp_path, given)
        assert found
        assert found.progress == kept
