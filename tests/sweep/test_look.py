"""A look at a study: it leaves nothing behind, and a file system that fails for a moment is looked at again."""

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.machine import patience
from pcsweep.study import submissions
from pcsweep.study.submissions import new
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.look import look, readable


@pytest.fixture
def sent(tmp_path):
    """A submission of two tasks with two points each, as Slurm has taken it."""
    return submissions.with_jobs(new(tmp_path / "study", [["a", "b"], ["c", "d"]], [2], "", []), ["7"])


def test_a_look_leaves_nothing_in_the_study(sent):
    (sent.folder / "shards").mkdir()
    (sent.folder / "shards" / "a.parquet").touch()
    before = sorted(sent.folder.rglob("*"))
    found = look(sent.folder, "abcd", Answers())
    assert sorted(sent.folder.rglob("*")) == before
    assert (found.done, set(found.lost)) == (frozenset("a"), set("bcd"))
    for path in ("shards", "submissions"):
        (sent.folder / path).chmod(0o500)
    assert look(sent.folder, "abcd", Answers()) == found  # a study of somebody else's


def test_a_look_at_no_study_makes_none(tmp_path):
    assert look(tmp_path / "none", "a", Answers()).waiting == ("a",)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_is_looked_at_again_and_then_refused(monkeypatch):
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    left = [OSError(116, "Stale file handle", "/study")] * 2

    def read():
        if left:
            raise left.pop()
        return "read"

    assert readable(read) == "read"
    left = [OSError(116, "Stale file handle", "/study")] * 9
    with pytest.raises(BadSetting, match="Expected a study that can be read, but got .*Stale file handle"):
        readable(read)
