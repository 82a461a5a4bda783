"""`python -m pcsweep.cancel`: the tasks of one study leave the queue, and no other."""

import os
import re

import pytest
from toy_slurm import answering, without_slurm

from pcsweep import cancel
from pcsweep.cancel import HELP, main
from pcsweep.study import submissions
from pcsweep.study.submissions import new, read_all
from pcsweep.study.submitted import tasks


@pytest.fixture
def study(tmp_path):
    """A study of which Slurm has two arrays."""
    (tmp_path / "outputs" / "mine" / "shards").mkdir(parents=True)
    made = new(tmp_path / "outputs" / "mine", [["a"], ["b"], ["c"]], [2, 1], "", [])
    return submissions.with_jobs(made, ["7", "9"])


@pytest.fixture
def other(study):
    """Another study, of the same points."""
    (study.folder.parent / "other" / "shards").mkdir(parents=True)
    made = new(study.folder.parent / "other", [["a"], ["b"], ["c"]], [2, 1], "", [])
    return submissions.with_jobs(made, ["8", "10"])


@pytest.fixture
def slurm(study, other, tmp_path, monkeypatch):
    """A queue of both studies and a stranger; gives the folder with the queue and what was cancelled."""
    mine, theirs = ([array.name for array in each.arrays] for each in (study, other))
    rows = [f"7|0|RUNNING|None|{mine[0]}", f"7|1|PENDING|Priority|{mine[0]}", f"9|N/A|PENDING|None|{mine[1]}"]
    rows += [
        f"8|0|RUNNING|None|{theirs[0]}",
        f"10|N/A|PENDING|None|{theirs[1]}",
        "11|N/A|RUNNING|None|mine",
        "12|0|RUNNING|None|x",
    ]
    folder = answering(monkeypatch, tmp_path / "commands", squeue='cat "$here/queue"', scancel='echo "$@" >> "$here/cancelled"')
    (folder / "queue").write_text("\n".join(rows) + "\n")
    (folder / "cancelled").touch()
    return folder


def run(study, capsys, *words):
    code = main([*words, f"output_root={study.folder.parent}"])
    return code, *capsys.readouterr()


def test_only_the_studys_jobs_are_cancelled(study, other, slurm, capsys):
    assert run(study, capsys, "study=mine") == (0, "Cancelled 3 tasks of mine, of jobs 7, 9.\n", "")
    assert sorted((slurm / "cancelled").read_text().split()) == ["7", "9"]
    assert all(task.cancelled for task in tasks(read_all(study.folder)))
    assert read_all(other.folder) == [other]


def test_a_study_without_tasks_in_the_queue(study, slurm, capsys):
    (slurm / "queue").write_text("12|0|RUNNING|None|x\n")
    assert run(study, capsys, "study=mine") == (0, "mine has no task in the queue.\n", "")
    assert (slurm / "cancelled").read_text() == ""
    assert read_all(study.folder) == [study]


def test_a_study_that_was_never_sent_needs_no_slurm(study, tmp_path, monkeypatch, capsys):
    without_slurm(monkeypatch, tmp_path / "empty")
    (study.folder.parent / "local" / "shards").mkdir(parents=True)
    assert run(study, capsys, "study=local") == (0, "local has no task in the queue.\n", "")


def test_what_a_command_is_just_submitting_is_cancelled_too(study, slurm, capsys, monkeypatch):
    sending = submissions.with_jobs(new(study.folder, [["d"], ["e"]], [1, 1], "", [study]), ["20"])
    rows = (slurm / "queue").read_text()

    def meanwhile(seconds):
        submissions.with_jobs(sending, ["20", "21"])
        (slurm / "queue").write_text(f"{rows}21|N/A|PENDING|None|{sending.arrays[1].name}\n")

    monkeypatch.setattr(cancel.time, "sleep", meanwhile)
    (slurm / "queue").write_text(f"{rows}20|N/A|PENDING|None|{sending.arrays[0].name}\n")
    code, out, _ = run(study, capsys, "study=mine")
    assert (code, out) == (0, "Cancelled 5 tasks of mine, of jobs 7, 9, 20, 21.\n")
    assert {"7", "9", "20", "21"} == set((slurm / "cancelled").read_text().split())
    assert all(task.cancelled for task in tasks(read_all(study.folder)))


@pytest.mark.parametrize("command", ["squeue", "scancel"])
def test_what_slurm_does_not_do_is_told(study, slurm, capsys, command):
    (slurm / command).write_text("#!/bin/sh\necho 'slurm_error: Unable to contact' >&2\nexit 1\n")
    assert run(study, capsys, "study=mine") == (1, "", "pcsweep.cancel: Slurm does not do it: slurm_error: Unable to contact\n")
    assert read_all(study.folder) == [study]


def test_of_two_queues_one_that_is_silent_keeps_no_task_of_the_other(study, slurm, capsys):
    gone = new(study.folder, [["d"]], [1], "", [study], submissions.Destination("gone.Queue"))
    submissions.with_jobs(gone, ["1"])
    code, out, err = run(study, capsys, "study=mine")
    assert (code, out) == (1, "Cancelled 3 tasks of mine, of jobs 7, 9.\n")
    assert re.fullmatch(r"pcsweep.cancel: gone.Queue does not do it: .*gone.*\n", err)
    assert sorted((slurm / "cancelled").read_text().split()) == ["7", "9"]
    assert [task.cancelled for task in tasks(read_all(study.folder))] == [True, True, True, False]


def test_without_slurm(study, tmp_path, monkeypatch, capsys):
    without_slurm(monkeypatch, tmp_path / "empty")
    code, out, err = run(study, capsys, "study=mine")
    assert (code, out) == (1, "")
    assert "there is no command `squeue` here" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study=nope"], r"\(there: mine\), but got 'nope'"),
        (["study=.."], "but got '..'"),
        ([], "but got ''"),
        (["job=7"], "Expected one of study=, output_root=, but got 'job'"),
    ],
)
def test_what_cannot_be_followed_is_told_in_one_line(study, capsys, words, said):
    code, out, err = run(study, capsys, *words)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"pcsweep.cancel: .*{said}.*\n", err)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help(capsys, word):
    assert main([word, "nonsense"]) == 0
    assert capsys.readouterr().out == HELP


def test_a_colleagues_study_is_refused(study, slurm, capsys, monkeypatch):
    monkeypatch.setattr(cancel.os, "geteuid", lambda: 12345)
    code, out, err = run(study, capsys, "study=mine")
    assert (code, out) == (2, "")
    assert re.fullmatch(
        r"pcsweep.cancel: Expected `study` to name a study of your own, but mine is that of \S+, who can cancel it\.\n", err
    )
    assert (slurm / "cancelled").read_text() == ""


def test_root_cancels_anybodys(study, slurm, capsys):
    os.chown(study.path, 12345, -1)
    assert run(study, capsys, "study=mine")[0] == 0
    assert study.path.stat().st_uid == 12345
