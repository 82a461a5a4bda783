"""What is no note is passed over and named once; what cannot be read now is an error."""

import json
import os
import threading

import pytest

from pcsweep.study import failures, notes, plans, submissions
from pcsweep.study.failures import Failure
from pcsweep.study.shards import SCHEMA_VERSION
from pcsweep.study.submissions import new

DAMAGED = {
    "empty": b"",
    "cut off": b'{"label": "a", "err',
    "a list": b"[]",
    "null": b"null",
    "foreign": b'{"hello": "world"}',
    "wrong types": b'{"label": 1, "error": ["x"], "arrays": 3, "command": null, "when": "now"}',
    "deep": b"[" * 200000,
    "deep inside": b'{"label": ' + b'{"a":' * 100000,
    "null bytes": b"\0" * 100,
    "not text": b"\xff\xfe\xfa",
    "huge number": b'{"label": "a", "error": "b", "when": 1' + b"0" * 5000 + b"}",
}


@pytest.fixture
def forget():
    notes.name_once.cache_clear()


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_note_is_named_once(tmp_path, caplog, forget, content):
    failures.note(tmp_path, "a", "β=1", ValueError("no"), None)
    sent = new(tmp_path, [["a"]], [1], "", [])
    for folder in ("failures", "submissions"):
        (tmp_path / folder / "b.json").write_bytes(content)
        os.utime(tmp_path / folder / "b.json", (0, 0))
    for _ in range(3):
        assert list(failures.read_all(tmp_path)) == ["a"]
        assert [each for each in submissions.read_all(tmp_path) if each.arrays] == [sent]
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == [
        str(tmp_path / folder / "b.json") for folder in ("failures", "submissions")
    ]


def test_a_folder_a_pipe_and_a_link_to_nothing_are_no_notes(tmp_path, caplog, forget):
    (tmp_path / "failures" / "folder.json").mkdir(parents=True)
    os.mkfifo(tmp_path / "failures" / "pipe.json")
    (tmp_path / "failures" / "link.json").symlink_to("nothing")
    (tmp_path / "failures" / "circle.json").symlink_to("circle.json")
    reading = threading.Thread(target=lambda: failures.read_all(tmp_path), daemon=True)
    reading.start()
    reading.join(5)
    assert not reading.is_alive()
    assert len(caplog.records) == 3


def test_what_may_not_be_read_is_passed_over_and_what_fails_is_an_error(tmp_path, monkeypatch, caplog, forget):
    failures.note(tmp_path, "a", "β=1", ValueError("no"), None)

    def fails(error):
        def opener(path, flags):
            raise error

        monkeypatch.setattr(notes, "_at_once", opener)

    fails(PermissionError(13, "Permission denied"))
    assert failures.read_all(tmp_path) == {}
    assert "Permission denied" in caplog.text
    fails(OSError(116, "Stale file handle"))
    with pytest.raises(OSError, match="Stale"):
        failures.read_all(tmp_path)


def test_a_note_of_an_earlier_version_is_read(tmp_path):
    (tmp_path / "failures").mkdir()
    (tmp_path / "failures" / "a.json").write_text('{"label": "x", "error": "y"}')
    assert failures.read_all(tmp_path) == {"a": Failure("x", "y")}
    (tmp_path / "submissions").mkdir()
    array = {"name": "s-1-0", "tasks": [["a", "b"]], "job": "7", "cancelled": False}
    content = {"arrays": [array], "command": "c", "when": 12, "by": "host 1 2"}
    (tmp_path / "submissions" / "abc.0.json").write_text(json.dumps(content))
    (found,) = submissions.read_all(tmp_path)
    assert (found.arrays[0].tasks, found.arrays[0].job, found.owner) == ((("a", "b"),), "7", os.geteuid())


def test_a_message_of_a_file_has_reason_and_path():
    assert failures.said(OSError(28, "No space left on device", "/x/y")) == "OSError: No space left on device: /x/y"
    assert failures.said(ValueError("a\nb")) == "ValueError: b"


def test_the_name_of_a_damaged_submission_is_not_used_again(tmp_path, forget):
    first = new(tmp_path, [["a"]], [1], "", [])
    first.path.write_bytes(b"")
    os.utime(first.path, (0, 0))
    second = new(tmp_path, [["a"]], [1], "", submissions.read_all(tmp_path))
    assert second is not None
    assert second.name != first.name


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_plan_is_left_out(tmp_path, caplog, content):
    point = {"identity": "a", "label": "x", "settings": {"b": [1, 2.5, None]}, "skipped": False, "figure": None}
    (tmp_path / "1.json").write_text(json.dumps({"command": "c", "schema_version": SCHEMA_VERSION, "points": [point]}))
    (tmp_path / "2.json").write_bytes(content)
    (tmp_path / "3.json").mkdir()
    os.mkfifo(tmp_path / "4.json")
    assert [(each.identity, each.settings) for each in plans.planned(tmp_path)] == [("a", {"b": [1, 2.5, None]})]
    assert len(caplog.records) == 3
