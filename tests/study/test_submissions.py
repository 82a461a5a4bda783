"""Notes of what was sent to Slurm: taken once, whole or being written, for their owner alone."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.machine.renewal import renewing
from pcsweep.study import submissions
from pcsweep.study.submissions import Destination, new, read_all, with_jobs, withdraw
from pcsweep.study.submitted import tasks

TASKS = [["a", "b"], ["c"], ["d", "e"], ["f"], ["g"]]
SIZES = [2, 2, 1]


def made(folder, known=(), tasks=TASKS, sizes=SIZES, prefix=None):
    return new(folder, tasks, sizes, "python -m pcsweep -m", list(known), Destination(prefix=prefix))


@pytest.fixture
def one(tmp_path):
    return made(tmp_path / "study")


def test_what_is_noted_is_read(one):
    assert read_all(one.folder) == [one]
    assert [array.tasks for array in one.arrays] == [(("a", "b"), ("c",)), (("d", "e"), ("f",)), (("g",),)]
    assert not one.sent
    assert one.command == "python -m pcsweep -m"
    assert abs(one.when - time.time()) < 60


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_every_task_has_one_place_whatever_the_arrays(tmp_path_factory, sizes):
    sent = [[f"{number}", f"{number}x"] for number in range(sum(sizes))]
    one = made(tmp_path_factory.mktemp("study"), tasks=sent, sizes=sizes)
    found = tasks([one])
    assert [list(task.identities) for task in found] == sent
    assert len({task.key for task in found}) == len(found)
    assert [task.index for task in found] == [index for size in sizes for index in range(size)]
    jobs = [str(number) for number in range(10, 10 + len(sizes))]
    for task in tasks([with_jobs(one, jobs)]):
        size = sizes[int(task.name.rpartition("-")[2])]
        assert re.fullmatch(rf"1\d_{task.index}" if size > 1 else r"1\d", task.job)
        assert task.log == one.logs / f"{task.job}_0_log.err"


def test_a_submission_is_taken_by_one_of_many(tmp_path):
    start, taken = threading.Barrier(16), []

    def take():
        start.wait()
        taken.append(made(tmp_path / "study"))

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (each for each in taken if each is not None)
    assert len(taken) == 16
    assert read_all(tmp_path / "study") == [winner]


def test_the_order_of_points_and_their_tasks_does_not_make_another_submission(one):
    assert made(one.folder, tasks=[["g", "f"], ["e", "d", "c", "b", "a"]], sizes=[2]) is None
    assert made(one.folder, tasks=TASKS[1:], sizes=[4]) is not None


def test_no_name_is_used_twice(tmp_path):
    folder, sent = tmp_path / "study", []
    for number in range(4):
        sent.append(made(folder, read_all(folder)))
        if number == 2:
            withdraw(sent[-1])
    left = [sent[0], sent[1], sent[3]]
    assert read_all(folder) == left
    assert len({each.path for each in left}) == 3
    assert len({array.name for each in sent for array in each.arrays}) == 4 * len(SIZES)


def test_arrays_are_named_for_the_study_or_as_asked(one):
    assert all(re.fullmatch(rf"study-[0-9a-f]{{8}}-{number}", array.name) for number, array in enumerate(one.arrays))
    named = made(one.folder, [one], prefix="mine")
    assert all(array.name.startswith("mine-") for array in named.arrays)


def test_a_note_that_is_being_written_may_be_of_any_point(one):
    whole = one.path.read_text()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        one.path.write_text(whole[:length])
        (found,) = read_all(one.folder)
        assert found.arrays == ()
        assert found.concerns(frozenset({"z"}))
        assert found.being_sent
        assert not found.sent
    os.utime(one.path, (0, 0))
    assert not read_all(one.folder)[0].being_sent


def test_a_submission_concerns_its_points_alone(one):
    assert one.concerns(frozenset({"z", "g"}))
    assert not one.concerns(frozenset({"z"}))
    assert not one.concerns(frozenset())


def test_a_note_that_cannot_be_written_is_none(tmp_path, monkeypatch):
    def full(submission):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(submissions, "_text", full)
    with pytest.raises(OSError, match="No space left"):
        made(tmp_path / "study")
    assert read_all(tmp_path / "study") == []
    monkeypatch.undo()
    assert made(tmp_path / "study") is not None


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_first_arrays_get_numbers(one, count):
    noted = with_jobs(one, ["7", "8", "9"][:count])
    assert read_all(one.folder) == [noted]
    assert [array.job for array in noted.arrays] == [*["7", "8", "9"][:count], *[None] * (3 - count)]
    assert noted.sent is (count == 3)
    assert [replace(array, job=None) for array in noted.arrays] == list(one.arrays)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_slurm_did_not_take_is_withdrawn(one, count):
    noted = with_jobs(one, ["7", "8"][:count])
    (one.logs / "script.sh").touch()
    withdraw(noted)
    left = read_all(one.folder)
    assert [array for each in left for array in each.arrays] == list(noted.arrays[:count])
    assert all(each.sent for each in left)
    assert (one.logs / "script.sh").exists() is bool(count)


def test_cancelled_tasks_are_marked(one):
    sent = with_jobs(one, ["7", "8", "9"])
    noted = submissions.cancelled(sent)
    assert read_all(one.folder) == [noted]
    assert all(task.cancelled for task in tasks([noted]))
    assert not any(task.cancelled for task in tasks([sent]))
    assert [array.job for array in noted.arrays] == ["7", "8", "9"]


def test_the_note_of_what_is_being_sent_is_left_to_its_command(one):
    sent = with_jobs(one, ["7"])
    submissions.cancelled(sent)
    assert read_all(one.folder) == [sent]


def test_submissions_are_read_in_the_order_of_time(tmp_path):
    sent = [made(tmp_path, tasks=[[name]], sizes=[1]) for name in "dacb"]
    assert read_all(tmp_path) == sent


def test_a_study_without_submissions(tmp_path):
    assert read_all(tmp_path) == []


def test_what_slurm_runs_is_its_owners_alone(tmp_path):
    before = os.umask(0)
    try:
        one = made(tmp_path / "study")
    finally:
        os.umask(before)
    assert one.logs.stat().st_mode & 0o777 == 0o700
    assert one.logs.parent.stat().st_mode & 0o022 == 0


def test_a_folder_that_was_open_or_is_somebody_elses_is_refused(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir(mode=0o755)
    submissions.make_private(tmp_path / "logs")
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o700
    (tmp_path / "logs").chmod(0o770)
    with pytest.raises(PermissionError, match="others may write it"):
        submissions.make_private(tmp_path / "logs")
    (tmp_path / "logs").chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionError, match="it belongs to"):
        submissions.make_private(tmp_path / "logs")


def test_a_live_command_is_sending_until_slurm_has_all(one):
    assert one.being_sent
    assert with_jobs(one, ["7", "8"]).being_sent
    assert not with_jobs(one, ["7", "8", "9"]).being_sent


def test_a_dead_command_is_not_sending_even_if_another_has_its_number(one):
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    host, number, start = one.by.split(" ")
    assert int(number) == os.getpid()
    assert not replace(one, by=f"{host} {ended.pid} {start}").being_sent
    assert not replace(one, by=f"{host} {number} {int(start) - 1}").being_sent
    assert not replace(one, by=f"{host} ").being_sent


def test_an_sbatch_that_outlives_its_command_is_sending(one):
    dead = replace(one, by=f"{socket.gethostname()} 0 0")
    other = replace(dead, name="other")
    script = one.logs / "submission_file_1.sh"
    assert not dead.being_sent
    script.touch()
    with subprocess.Popen(["tail", "-f", script]) as sbatch:
        try:
            deadline = time.monotonic() + 10
            while not dead.being_sent and time.monotonic() < deadline:
                time.sleep(0.01)
            assert dead.being_sent
            assert not other.being_sent
        finally:
            sbatch.kill()
    assert not dead.being_sent


def test_a_command_on_another_machine_is_believed_for_a_while(one):
    far = replace(one, by="elsewhere 12 34")
    assert far.being_sent
    os.utime(far.path, (time.time() - 60, time.time() - 60))
    assert far.being_sent
    os.utime(far.path, (time.time() - 3600, time.time() - 3600))
    assert not far.being_sent
    far.path.unlink()
    assert not far.being_sent


def test_the_age_of_a_note_is_by_the_clock_of_its_file_system(one, monkeypatch):
    far = replace(one, by="elsewhere 12 34")
    monkeypatch.setattr(time, "time", lambda: 10.0)  # of a login node
    assert far.being_sent
    os.utime(far.path, (10, 10))
    assert not far.being_sent


def test_a_note_stays_new_while_it_is_sent(one, monkeypatch):
    far = replace(one, by="elsewhere 12 34")
    monkeypatch.setattr("pcsweep.machine.renewal.EVERY", 0.01)
    before = threading.active_count()
    os.utime(far.path, (0, 0))
    with renewing(one.path):
        deadline = time.monotonic() + 10
        while not far.being_sent and time.monotonic() < deadline:
            time.sleep(0.01)
        assert far.being_sent
        withdraw(one)
        time.sleep(0.05)
    assert not one.path.exists()
    assert threading.active_count() <= before


@pytest.mark.parametrize("executor", ["slurm", "my_queue.Queue"])
def test_the_executor_is_noted_where_it_is_not_slurm(tmp_path, executor):
    """An older version knows Slurm alone, and notes without this are Slurm's."""
    sent = new(tmp_path, TASKS, SIZES, "python -m pcsweep -m", [], Destination(executor))
    assert ("executor" in json.loads(sent.path.read_text())) == (executor != "slurm")
    assert [each.executor for each in read_all(tmp_path)] == [executor]
    with_jobs(sent, ["7"])
    assert [each.executor for each in read_all(tmp_path)] == [executor]
