"""What the queues of a study say: each for itself, and nothing of what somebody else names is run."""

import os

import pytest
from folder_queue import Folder

from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import ask, noted, reached, title, with_hidden
from pcsweep.sweep.executor.protocol import NoAnswer, Queued
from pcsweep.sweep.executor.slurm import Slurm

ME = os.geteuid()
FOLDER, SLURM, GONE, THEIRS = ("folder_queue.Folder", ME), ("slurm", ME), ("gone.Queue", ME), ("folder_queue.Folder", ME + 1)


@pytest.fixture
def slurm(monkeypatch):
    """What Slurm is asked, and says: rows, or an error."""
    state = {"asked": [], "rows": [Queued("7", 0, "array", "RUNNING", "None")], "error": ""}

    def poll(self, users=()):
        state["asked"].append(sorted(users))
        if state["error"]:
            raise NoAnswer(state["error"])
        return state["rows"]

    monkeypatch.setattr(Slurm, "poll", poll)
    return state


def task(origin):
    return SubmittedTask("array", 0, ("a",), "7", None, 1.0, False, origin[1], origin[0])


def test_each_queue_is_asked_once_and_one_that_is_silent_hides_its_own_tasks_alone(slurm, monkeypatch):
    monkeypatch.delenv("FOLDER_QUEUE", raising=False)
    found = ask([SLURM, FOLDER, GONE, THEIRS, ("slurm", ME + 1), SLURM])
    assert slurm["asked"] == [[ME, ME + 1]]
    assert list(found.rows) == slurm["rows"]
    assert set(found.silent) == {FOLDER, GONE, THEIRS}
    assert found.silent[FOLDER] == "FOLDER_QUEUE is not set"
    assert "gone" in found.silent[GONE]
    assert found.silent[THEIRS] == "folder_queue.Folder is somebody else's own, and is not imported"
    assert [found.know(task(origin)) for origin in (SLURM, FOLDER, GONE)] == [True, False, False]


def test_a_colleagues_queue_of_the_same_name_hides_nothing_of_ones_own(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER_QUEUE", str(tmp_path))
    slurm["error"] = "down"
    found = ask([FOLDER, THEIRS, SLURM])
    assert set(found.silent) == {THEIRS, SLURM}
    assert found.know(task(FOLDER))


def test_what_a_queue_shows_to_its_owner_alone_is_hidden_and_no_more(slurm, tmp_path, monkeypatch):
    monkeypatch.setenv("FOLDER_QUEUE", str(tmp_path))
    monkeypatch.setattr(Slurm, "shows_others", lambda self: False)
    origins = [FOLDER, SLURM, ("slurm", ME + 1)]
    found = with_hidden(ask(origins), origins)
    assert found.hidden == {("slurm", ME + 1)}
    assert [found.know(task(origin)) for origin in origins] == [True, True, False]

    def silent(self):
        raise NoAnswer("no controller")

    monkeypatch.setattr(Slurm, "shows_others", silent)
    found = with_hidden(ask(origins), origins)
    assert (found.hidden, found.silent) == (frozenset(), {("slurm", ME + 1): "no controller"})


def test_an_executor_that_cannot_be_hashed_is_one_like_any_other(monkeypatch):
    monkeypatch.setattr(Folder, "__hash__", None)
    ((queue, origins),), missing = reached([FOLDER, FOLDER])
    assert (type(queue), origins, missing) == (Folder, [FOLDER], {})


def test_executors_have_names_for_people():
    assert [title(origin) for origin in (SLURM, FOLDER, GONE, THEIRS)] == ["Slurm", "Folder", "gone.Queue", "folder_queue.Folder"]
    with pytest.raises(NoAnswer, match="somebody else's own"):
        noted(*THEIRS)
