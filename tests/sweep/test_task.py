"""A task loads its own pickle and no planted one."""

import os

import pytest
from submitit.core.utils import DelayedSubmission

from pcsweep.sweep import task


def leave(path):
    path.write_text("ran")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """As a job on a node finds it."""
    made = tmp_path / "submissions" / "abc.0"
    made.mkdir(mode=0o700, parents=True)
    DelayedSubmission(leave, tmp_path / "trace").dump(made / "7_submitted.pkl")
    for name, value in {"JOB_ID": "7", "PROCID": "0", "LOCALID": "0", "NTASKS": "1", "JOB_NUM_NODES": "1", "NODEID": "0"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n1")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    monkeypatch.setenv("SUBMITIT_FOLDER", "")
    monkeypatch.setattr(task, "_PATIENCE", 0.1)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return made


def test_ones_own_pickle_runs(folder, tmp_path):
    assert task.main(str(folder)) == 0
    assert (tmp_path / "trace").read_text() == "ran"
    assert (folder / "7_0_result.pkl").exists()


def test_a_planted_one_does_not(folder, tmp_path, monkeypatch, capsys):
    def refused(words):
        assert task.main(str(folder)) == 2
        said = capsys.readouterr().err
        assert said.startswith("pcsweep: This task does not load what it was to run: ")
        assert words in said
        assert not (tmp_path / "trace").exists()

    folder.chmod(0o777)
    refused(f"of {folder} others may write it")
    folder.chmod(0o700)
    (folder / "7_submitted.pkl").chmod(0o664)
    refused("of 7_submitted.pkl others may write it")
    (folder / "7_submitted.pkl").rename(tmp_path / "elsewhere.pkl")
    (tmp_path / "elsewhere.pkl").chmod(0o600)
    (folder / "7_submitted.pkl").symlink_to(tmp_path / "elsewhere.pkl")
    refused("it is no file")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    refused(f"of {folder} it belongs to")


def test_what_is_put_in_its_place_later_is_not_seen(folder, tmp_path):
    safe = task.opened(folder)
    folder.rename(tmp_path / "away")
    folder.mkdir()
    assert [path.name for path in safe.iterdir()] == ["7_submitted.pkl"]


def test_without_a_folder_the_task_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(task, "_PATIENCE", 0.1)
    assert task.main(str(tmp_path / "none")) == 2
    assert "No such file or directory" in capsys.readouterr().err
