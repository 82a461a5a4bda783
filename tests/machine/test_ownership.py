"""What a queue's tasks load lies where its owner alone can write; every other place is refused by name."""

import os
import re

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import close_umask
from pcsweep.machine.folders import make_folder
from pcsweep.machine.ownership import check_own, who_else
from pcsweep.study.folder import study_folder

BELOW = ("submissions",)


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "project" / "outputs" / "mine"
    make_folder(folder / "submissions")
    return folder


@pytest.fixture
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_what_is_made_is_closed_whatever_the_umask(tmp_path, open_umask):
    study_folder(str(tmp_path / "a" / "b"), "mine")
    for path in ("a", "a/b", "a/b/mine"):
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o755
    check_own(tmp_path / "a" / "b" / "mine", BELOW)
    close_umask()
    (tmp_path / "c").mkdir()
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o755


def test_a_stricter_umask_is_kept(tmp_path):
    before = os.umask(0o077)
    try:
        close_umask()
        make_folder(tmp_path / "a")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777, 0o2775, 0o757])
@pytest.mark.parametrize("place", ["", "submissions"])
def test_a_study_that_others_may_write_is_refused_with_what_mends_it(study, place, mode):
    (study / place).chmod(mode)
    with pytest.raises(BadSetting, match=rf"others may write it \(mode {mode:04o}\)\. To mend it: chmod go-w ") as refused:
        check_own(study, BELOW)
    assert os.system(re.search("chmod .*", str(refused.value))[0]) == 0  # noqa: S605
    check_own(study, BELOW)


def test_somebody_elses_study_is_refused(study, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(BadSetting, match=f"of {study} it belongs to"):
        check_own(study, BELOW)


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o757, True), (0o1777, False), (0o2775, False), (0o755, False)])
def test_a_folder_above_may_be_open_to_a_group_and_not_to_everybody(study, mode, refused):
    (study.parent.parent).chmod(mode)
    if refused:
        with pytest.raises(BadSetting, match=rf"everybody may write {study.parent.parent} .*chmod o-w"):
            check_own(study, BELOW)
    else:
        check_own(study, BELOW)


def test_who_else_may_move_a_study_away_is_named(study, monkeypatch):
    project = study.parent.parent
    monkeypatch.setattr("pcsweep.machine.ownership._group", lambda number: "lab")
    assert who_else(study) == ""
    project.chmod(0o2775)
    assert who_else(study) == f"the group lab, which may write {project}"
    project.chmod(0o3775)
    assert who_else(study) == ""


def test_links_are_followed_to_where_they_lead(study, tmp_path):
    real = tmp_path / "scratch" / "mine"
    make_folder(real)
    (study.parent / "linked").symlink_to(os.path.relpath(real, study.parent))
    check_own(study.parent / "linked", BELOW)
    real.chmod(0o775)
    with pytest.raises(BadSetting, match=f"of {real} others may write it"):
        check_own(study.parent / "linked", BELOW)
    real.chmod(0o755)
    real.parent.chmod(0o777)
    with pytest.raises(BadSetting, match=f"everybody may write {real.parent} "):
        check_own(study.parent / "linked", BELOW)
    (real / "submissions").symlink_to(study / "submissions")
    real.parent.chmod(0o755)
    (study / "submissions").chmod(0o777)
    with pytest.raises(BadSetting, match=f"of {study / 'submissions'} others may write it"):
        check_own(study.parent / "linked", BELOW)


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(BadSetting, match="circle"):
        check_own(tmp_path / "a" / "mine")
