"""What a file system refuses is one line with the path and the reason; what a program has done wrong is none."""

import errno
import os

import pytest
from rich.console import Console

from pcsweep.config import faults, refusals
from pcsweep.config.errors import BadSetting
from pcsweep.config.faults import check_folders
from pcsweep.console.exit import follow
from pcsweep.machine.files import replacing


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "a file could not be written: No space left on device."),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "/data/x: Permission denied."),
        (OSError(errno.EROFS, "Read-only file system", "a", None, "b"), "a to b: Read-only file system."),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", b"/data/x/y"), "/data/x/y: Not a directory."),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), None),
        (OSError(errno.EACCES, "Permission denied"), None),
        (OSError("no file system's"), None),
        (ValueError("x"), None),
    ],
)
def test_what_users_can_mend_is_told_and_faults_are_not(error, said, capsys):
    def command(words, console: Console):
        raise error

    assert faults.told(error) == said
    if said:
        assert refusals.message(error) == said
        assert follow("pcsweep.x", "", command, []) == 2
        assert capsys.readouterr().err == f"pcsweep.x: {said}\n"
    elif isinstance(error, OSError):
        with pytest.raises(type(error)):
            follow("pcsweep.x", "", command, [])


def write_without_room(path):
    with replacing(path) as temporary:
        temporary.touch()
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_names_the_file_that_people_know(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="No space left") as full:
        write_without_room(tmp_path / "x.csv")
    assert faults.told(full.value) == f"{tmp_path / 'x.csv'}: No space left on device."
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(IsADirectoryError) as taken, replacing(tmp_path / "x.csv") as temporary:
        temporary.touch()
    assert faults.told(taken.value) == f"{tmp_path / 'x.csv'}: Is a directory."


@pytest.mark.parametrize("name", ["", "shards", "planned", "failures", "claims"])
def test_a_file_where_a_folder_belongs_is_named(tmp_path, name):
    study = tmp_path / "s"
    check_folders(study)
    place = study / name if name else study
    place.parent.mkdir(exist_ok=True)
    place.touch()
    with pytest.raises(BadSetting, match=f"Expected {place} to be a folder, but it is none"):
        check_folders(study)
    place.unlink()
    place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadSetting, match="to be a folder, but it is none"):
        check_folders(study)
    place.unlink()
    place.mkdir()
    check_folders(study)


def test_a_folder_of_somebody_else_is_named(tmp_path, monkeypatch):
    (tmp_path / "shards").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "shards")
    with pytest.raises(BadSetting, match="shards to be a folder that can be written, but it is not"):
        check_folders(tmp_path)
