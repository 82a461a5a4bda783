"""Waiting for tasks: patiently, also with a Slurm that does not answer, and no longer than there is something to wait for."""

import os
from contextlib import contextmanager
from itertools import islice

import pytest

from pcsweep.config.errors import Unfinished
from pcsweep.study import submissions
from pcsweep.study.submissions import new
from pcsweep.sweep import wait
from pcsweep.sweep.executor.protocol import NoAnswer, Queued
from pcsweep.sweep.executor.slurm import Slurm
from pcsweep.sweep.executor.slurm.reasons import advice
from pcsweep.sweep.wait import pauses, wait_for, wait_until


class Clock:
    """In the place of `time`: nobody waits, and after each pause something may happen."""

    def __init__(self):
        self.now, self.slept, self.then = 100.0, [], {}

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(seconds)
        self.then.pop(len(self.slept), lambda: None)()
        assert len(self.slept) < 500


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(wait, "time", made)
    return made


@pytest.fixture
def sent(tmp_path):
    """A submission of two tasks with two points each, as Slurm has taken it."""
    made = new(tmp_path / "study", [["a", "b"], ["c", "d"]], [2], "", [])
    return submissions.with_jobs(made, ["7"])


@pytest.fixture
def slurm(monkeypatch, sent):
    """What the queue has, to be changed: indices of tasks, or an error."""
    state = {"tasks": [0, 1], "error": False, "asked": 0}

    def queue(self, users=()):
        state["asked"] += 1
        if state["error"]:
            raise NoAnswer("slurmctld is down")
        return [Queued("7", index, sent.arrays[0].name, "RUNNING", "None") for index in state["tasks"]]

    monkeypatch.setattr(Slurm, "poll", queue)
    return state


def finish(folder, *names):
    (folder / "shards").mkdir(exist_ok=True)
    for name in names:
        (folder / "shards" / f"{name}.parquet").touch()


def test_pauses_grow_from_short_to_kind(clock):
    found = []
    for pause in islice(pauses(), 200):
        found.append(pause)
        clock.now += pause
    assert found == sorted(found)
    assert found[0] <= 1
    assert 5 <= found[-1] <= 60
    assert all(later <= 1.1 * before for before, later in zip(found, found[1:], strict=False))


def test_it_ends_at_once_when_all_points_are_there(clock, slurm, sent):
    finish(sent.folder, *"abcd")
    assert wait_for(sent.folder, frozenset("abcd"), "slurm").done == frozenset("abcd")
    assert clock.slept == []


def test_it_waits_for_the_last_point(clock, slurm, sent):
    for number, name in enumerate("abcd", start=3):
        clock.then[number] = lambda name=name: finish(sent.folder, name)
    found = wait_for(sent.folder, frozenset("abcd"), "slurm")
    assert found.done == frozenset("abcd")
    assert len(clock.slept) == 6


def test_it_looks_again_before_a_missing_task_counts_as_lost(clock, slurm, sent):
    finish(sent.folder, *"abc")
    clock.then[4] = lambda: slurm.update(tasks=[])
    found = wait_for(sent.folder, frozenset("abcd"), "slurm")
    assert set(found.lost) == {"d"}
    assert 5 <= len(clock.slept) <= 9
    assert sum(clock.slept[4:]) >= 2


def test_a_task_that_comes_back_is_not_lost(clock, slurm, sent):
    slurm["tasks"] = []
    clock.then[1] = lambda: slurm.update(tasks=[0, 1])
    clock.then[20] = lambda: slurm.update(tasks=[])
    clock.then[21] = lambda: slurm.update(tasks=[1])
    clock.then[40] = lambda: finish(sent.folder, *"abcd")
    assert wait_for(sent.folder, frozenset("abcd"), "slurm").done == frozenset("abcd")
    assert len(clock.slept) == 40


def test_it_keeps_waiting_while_slurm_does_not_answer(clock, slurm, sent):
    slurm["error"] = True
    clock.then[100] = lambda: slurm.update(error=False)
    clock.then[110] = lambda: slurm.update(tasks=[])
    found = wait_for(sent.folder, frozenset("abcd"), "slurm")
    assert set(found.lost) == set("abcd")
    assert len(clock.slept) > 110
    assert slurm["asked"] == len(clock.slept) + 1


def test_points_of_nobody_are_not_waited_for(clock, slurm, sent):
    slurm["tasks"] = []
    found = wait_for(sent.folder, frozenset("z"), "slurm")
    assert found.waiting == ("z",)
    assert 1 <= len(clock.slept) <= 10


def test_other_applications_tasks_are_waited_for_until_all_have_ended(clock, slurm):
    ended = iter([0, 0, 1, 1, 2, 3])
    seen = []

    def count(rows):
        seen.append(rows)
        return next(ended)

    clock.then[2] = lambda: slurm.update(error=True)
    wait_until(count, 3, Slurm())
    assert [rows is None for rows in seen] == [False, False, True, True, True, True]
    assert len(clock.slept) == 5


def test_the_bar_says_which_queue_does_not_answer(clock, slurm, sent, monkeypatch):
    other = new(sent.folder, [["e"], ["f"]], [2], "", [sent], submissions.Destination("gone.Queue"))
    submissions.with_jobs(other, ["8"])
    said = []

    @contextmanager
    def bar(*_):
        yield lambda count, words="": said.append(words)

    monkeypatch.setattr(wait, "progress", bar)
    clock.then[2] = lambda: slurm.update(tasks=[0])
    clock.then[3] = lambda: slurm.update(error=True)
    clock.then[4] = lambda: finish(sent.folder, *"abcdef")
    wait_for(sent.folder, "abcdef", "slurm")
    assert said == [
        "points: 2 tasks running, gone.Queue does not answer",
        "points: 2 tasks running, gone.Queue does not answer",
        "points: 1 task running, 2 failed, gone.Queue does not answer",
        "points: Slurm does not answer, gone.Queue does not answer",
        "points",
    ]


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error"), OSError(116, "Stale")]
)
def test_an_error_of_the_file_system_is_looked_past(sent, slurm, clock, monkeypatch, error):
    scandir, left = os.scandir, [error] * 3

    def failing(path):
        if left:
            raise left.pop()
        return scandir(path)

    monkeypatch.setattr("pcsweep.sweep.standing.os.scandir", failing)
    clock.then[6] = lambda: finish(sent.folder, *"abcd")
    assert wait_for(sent.folder, "abcd", "slurm").done == set("abcd")


def test_a_study_that_stays_out_of_reach_ends_the_wait_in_one_message(sent, slurm, clock, monkeypatch):
    def failing(path):
        raise OSError(116, "Stale file handle", str(path))

    monkeypatch.setattr("pcsweep.sweep.standing.os.scandir", failing)
    with pytest.raises(Unfinished, match=r"could not be read for 60 seconds .*Stale file handle: .*shards.*The tasks go on"):
        wait_for(sent.folder, "abcd", "slurm")
    assert sum(clock.slept) >= 60


def test_what_holds_tasks_up_is_said_once(sent, slurm, clock, monkeypatch, caplog):
    row = Queued("7", 0, sent.arrays[0].name, "PENDING", "JobHeldUser", advice("JobHeldUser", "7"))
    monkeypatch.setattr(Slurm, "poll", lambda self, users=(): [row])
    clock.then[5] = lambda: finish(sent.folder, *"abcd")
    wait_for(sent.folder, "abcd", "slurm")
    assert [record.getMessage() for record in caplog.records] == [
        "Job 7 is pending (JobHeldUser): it is held; scontrol release 7  lets it go."
    ]
