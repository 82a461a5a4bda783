"""What failed since a sweep was sent stops it, and is told by its causes."""

import os

import pytest

from pcsweep.study import failures, stopping, submissions
from pcsweep.study.failures import Failure
from pcsweep.study.stopping import Bound, cause, most_of, told, why_stopped


@pytest.mark.parametrize(
    ("setting", "points", "most"),
    [(None, 10, 5), (None, 50, 5), (None, 70, 7), (None, 1234, 123), (1, 70, 1), (100, 70, 100), ("never", 70, None)],
)
def test_by_default_a_tenth_of_the_points_stops_it_but_not_fewer_than_five(setting, points, most):
    assert most_of(setting, points) == most


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KeyError: 'x1' in /home/me/a.py", "KeyError: 'x1' in /scratch/x_1-2/b.py"),
        ("ValueError: got 0.25, not 3", "ValueError: got 1e-07, not -12"),
        (
            "OSError: No space left on device: outputs/s/../shards/0a96f975aa.parquet",
            "OSError: No space left on device: outputs/s/../x",
        ),
        ("RuntimeError: at 0x7f3a", "RuntimeError: at 0x1b"),
        ("BadSetting: the weights ~/w/1.pt differ", "BadSetting: the weights ./2.pt differ"),
    ],
)
def test_numbers_and_paths_make_no_other_cause(one, other):
    assert cause(Failure("", one)) == cause(Failure("", other))
    assert cause(Failure("", one)).partition(" ")[0] == one.partition(" ")[0]


def test_another_kind_or_name_is_another_cause():
    causes = {
        cause(Failure("", words))
        for words in ("KeyError: 'a'", "KeyError: 'b'", "ValueError: 'a'", "KeyError: a2", "KeyError: b2")
    }
    assert len(causes) == 5


def test_the_most_frequent_cause_is_told_with_an_example():
    same = [Failure("", f"KeyError: {number} in /tmp/{number}") for number in range(6)]
    other = Failure("", "OSError: full")
    assert told([*same, other], 70) == "7 of 70 points failed, 6 of them with the same error: KeyError: 0 in /tmp/0"
    assert told(same, 70) == "6 of 70 points failed, all with the same error: KeyError: 0 in /tmp/0"
    assert told([other], 1) == "1 of 1 point failed: OSError: full"
    assert told([same[0], other], 70) == "2 of 70 points failed; the last: OSError: full"


@pytest.fixture
def sent(tmp_path):
    """A submission of two tasks, and its bound of two failures."""
    made = submissions.new(tmp_path, [["a", "b"], ["c"]], [2], "", [])
    made = submissions.with_jobs(made, ["7"])
    failures.note(tmp_path, "old", "β=0", ValueError("before"), None)
    os.utime(tmp_path / "failures" / "old.json", (100.0, 100.0))
    return Bound(tmp_path, 2, 3, 200.0, made.name)


def test_what_failed_before_does_not_count(sent):
    assert not sent.reached()
    failures.note(sent.folder, "a", "β=1", ValueError("1"), None)
    assert not sent.reached()
    failures.note(sent.folder, "b", "β=2", ValueError("2"), None)
    assert sent.reached()
    failures.forget(sent.folder, "a")  # it has been computed
    assert not sent.reached()


def test_without_a_folder_nothing_has_failed(tmp_path):
    assert not Bound(tmp_path / "none", 1, 1, 0.0).reached()


def test_it_is_noted_why_and_what_has_not_begun_is_to_do(sent):
    other = submissions.new(sent.folder, [["d"]], [1], "", [])
    assert why_stopped(sent.folder) == ""
    for identity in "ab":
        failures.note(sent.folder, identity, "β", ValueError(identity), None)
    sent.stop()
    assert why_stopped(sent.folder) == "2 of 3 points failed; the last: ValueError: b"
    known = {each.name: each.arrays[0].cancelled for each in submissions.read_all(sent.folder)}
    assert known == {sent.submission: True, other.name: False}
    stopping.forget(sent.folder)
    stopping.forget(sent.folder)
    assert why_stopped(sent.folder) == ""


def test_a_damaged_note_says_nothing(tmp_path):
    (tmp_path / "stopped.json").write_text("{")
    assert why_stopped(tmp_path) == ""
