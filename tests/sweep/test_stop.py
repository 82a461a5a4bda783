"""A command that waits stops its own submission, and no other, and takes out of the queue what has not begun."""

import pytest

from pcsweep.study import submissions
from pcsweep.study.failures import Failure
from pcsweep.study.stopping import why_stopped
from pcsweep.study.submitted import tasks
from pcsweep.sweep.executor.protocol import NoAnswer, Queued
from pcsweep.sweep.executor.slurm import Slurm
from pcsweep.sweep.standing import Standing
from pcsweep.sweep.stop import Stopper


class Queue(Slurm):
    """Two arrays of one submission, the first of which has begun, and an array of another."""

    def __init__(self, names, other):
        self.rows = [Queued("7", 0, names[0], "RUNNING", ""), Queued("7", 1, names[0], "PENDING", "")]
        self.rows += [Queued("8", index, names[1], "PENDING", "") for index in range(2)]
        self.rows += [Queued("9", 0, other, "PENDING", "")]
        self.cancelled, self.silent = set(), False

    def poll(self, users=()):
        if self.silent:
            raise NoAnswer("down")
        return self.rows

    def cancel(self, jobs):
        self.cancelled |= set(jobs)


@pytest.fixture
def sent(tmp_path):
    """A stopper at two failures, and its queue."""
    ours = submissions.with_jobs(submissions.new(tmp_path, [["a"], ["b"], ["c"], ["d"]], [2, 2], "", []), ["7", "8"])
    other = submissions.with_jobs(submissions.new(tmp_path, [["x"]], [1], "", []), ["9"])
    queue = Queue([array.name for array in ours.arrays], other.arrays[0].name)
    return Stopper(tmp_path, {name: f"β={name}" for name in "abcd"}, 2, ours.name, queue), queue


def raised(names):
    return {name: Failure(f"β={name}", f"KeyError: {number}") for number, name in enumerate(names)}


def test_it_stops_once_so_many_have_failed(sent):
    stopper, queue = sent
    stopper.look(Standing(frozenset(), raised=raised("a")))
    assert (stopper.why, queue.cancelled) == ("", set())
    stopper.look(Standing(frozenset(), raised=raised("ab")))
    assert stopper.why == "2 of 4 points failed, all with the same error: KeyError: 0"
    assert queue.cancelled == {"7_1", "8"}
    assert why_stopped(stopper.folder) == stopper.why
    flags = {each.name: {array.cancelled for array in each.arrays} for each in submissions.read_all(stopper.folder)}
    assert sorted(flags.values(), key=str) == [{False}, {True}]
    assert flags[stopper.submission] == {True}


def test_a_lost_task_counts_as_one_however_many_points_it_had(sent):
    stopper, _ = sent
    first, second, *_ = tasks(submissions.read_all(stopper.folder))
    stopper.look(Standing(frozenset(), lost=dict.fromkeys("ab", first)))
    assert stopper.why == ""
    stopper.look(Standing(frozenset(), lost={"a": first, "b": second}))
    assert stopper.why.startswith("2 of 4 points failed")


def test_a_queue_that_is_silent_leaves_it_to_the_tasks(sent):
    stopper, queue = sent
    queue.silent = True
    stopper.look(Standing(frozenset(), raised=raised("ab")))
    assert stopper.why
    assert queue.cancelled == set()


@pytest.mark.parametrize("changed", [{"most": None}, {"submission": ""}])
def test_without_a_bound_or_a_submission_of_its_own_it_does_nothing(sent, changed):
    stopper, queue = sent
    vars(stopper).update(changed)
    stopper.look(Standing(frozenset(), raised=raised("abcd")))
    assert (stopper.why, queue.cancelled) == ("", set())
