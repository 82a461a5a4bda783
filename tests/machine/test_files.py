"""Files that are complete or absent, and what killed writers leave."""

import errno
import os
import subprocess
import sys
import time

import pytest

from pcsweep.machine import files
from pcsweep.machine.files import as_the_umask_says, clear, replacing
from pcsweep.machine.processes import Process, ended, this_process


def temporary(folder, tag, ago=0.0, name="x.parquet"):
    path = folder / f".{name}.{tag}.0a1b2c3d.tmp"
    path.touch()
    os.utime(path, (time.time() - ago,) * 2)
    return path


@pytest.fixture
def killed():
    """The name of a process that is no more."""
    code = "from pcsweep.machine.processes import this_process as p; print(p().tag)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_what_killed_writers_have_left_is_removed_and_nothing_else(tmp_path, killed):
    own, elsewhere = this_process().tag, "0123abcd-77-5"
    gone = [
        temporary(tmp_path, killed),
        temporary(tmp_path, elsewhere, 10**5, "y"),
        temporary(tmp_path, "4242", 10**6, "y"),
        temporary(tmp_path, f"{own.rpartition('-')[0]}-1"),  # an earlier process of this number
    ]
    kept = [temporary(tmp_path, own), temporary(tmp_path, elsewhere, 60), temporary(tmp_path, "4242", 60), tmp_path / "a.tmp"]
    kept[-1].touch()
    clear(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    assert not any(path.exists() for path in gone)
    clear(tmp_path / "none")


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_written_for_its_owner_alone_gets_the_mode_of_any_other(tmp_path, umask):
    before = os.umask(umask)
    try:
        (tmp_path / "other").touch()
        with as_the_umask_says(tmp_path / "written"):
            (tmp_path / "written").unlink()
            os.close(os.open(tmp_path / "written", os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_of_other_machines_nothing_is_known(killed):
    assert ended(killed) is True
    assert ended(this_process().tag) is False
    assert ended("0123abcd-77-5") is ended("77") is None
    assert Process("here", this_process().place, 77, "").ended is None


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_a_folder_that_cannot_be_synced_is_no_error_and_a_file_is(tmp_path, monkeypatch, code):
    def refused(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}") or code == errno.EACCES:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", refused)
    if code == errno.EACCES:
        with pytest.raises(PermissionError), replacing(tmp_path / "x") as path:
            path.write_text("whole")
        assert list(tmp_path.iterdir()) == []
    else:
        with replacing(tmp_path / "x") as path:
            path.write_text("whole")
        assert (tmp_path / "x").read_text() == "whole"
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(errno.EIO, "no")))
    with pytest.raises(OSError, match="no"):
        files.sync_folder(tmp_path)
