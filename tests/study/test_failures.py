"""Notes of points that raised, and how they are shown."""

from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pcsweep.study import failures
from pcsweep.study.failures import Failure, failure_table

LINES = st.text("ab [](){}\\/λ'\"", max_size=12)


def shown(*failed):
    console = Console(file=StringIO(), width=500)
    console.print(failure_table(failed))
    return console.file.getvalue()


def test_a_note_stays_until_it_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "71")
    failures.note(tmp_path, "a1", "β=0.5", RuntimeError("out of luck"), "/logs/a.log")
    failures.note(tmp_path, "b2", "β=0.6", ValueError("no"), None)
    noted = failures.read_all(tmp_path)
    assert set(noted) == {"a1", "b2"}
    assert (noted["a1"].label, noted["a1"].error, noted["a1"].log, noted["a1"].job) == (
        "β=0.5", "RuntimeError: out of luck", "/logs/a.log", "71",
    )  # fmt: skip
    failures.forget(tmp_path, "a1")
    failures.forget(tmp_path, "a1")
    assert failures.read_all(tmp_path) == {"b2": noted["b2"]}


def test_a_study_without_notes(tmp_path):
    failures.forget(tmp_path, "a1")
    assert failures.read_all(tmp_path) == {}


def test_a_point_that_fails_again_has_one_note(tmp_path):
    for word in ("first", "second"):
        failures.note(tmp_path, "a1", "point", RuntimeError(word), None)
    assert [each.error for each in failures.read_all(tmp_path).values()] == ["RuntimeError: second"]


@settings(deadline=None, derandomize=True)
@given(st.lists(LINES, max_size=4))
def test_an_error_is_told_in_one_line_by_its_last_words(tmp_path_factory, lines):
    folder = tmp_path_factory.mktemp("study")
    failures.note(folder, "a1", "point", RuntimeError("\n".join(lines)), None)
    words = [line.strip() for line in lines if line.strip()]
    assert failures.read_all(folder)["a1"].error == (f"RuntimeError: {words[-1]}" if words else "RuntimeError")


def test_an_interrupted_note_leaves_the_one_before(tmp_path, monkeypatch):
    failures.note(tmp_path, "a1", "point", RuntimeError("first"), None)

    def interrupted(given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(failures.json, "dumps", interrupted)
    with pytest.raises(KeyboardInterrupt):
        failures.note(tmp_path, "a1", "point", RuntimeError("second"), None)
    assert [each.error for each in failures.read_all(tmp_path).values()] == ["RuntimeError: first"]
    assert len(list((tmp_path / "failures").iterdir())) == 1


@settings(deadline=None, derandomize=True)
@given(LINES.map(str.strip), LINES.map(str.strip), LINES.map(str.strip))
def test_failures_are_shown_to_the_letter(label, error, log):
    assert f"│ {label} " in shown(Failure(label, error, log))
    for text in (error, log):
        assert f" {text} " in shown(Failure(label, error, log))


@pytest.mark.parametrize("text", ["[red]no", "in [0, 1]", "bad pattern \\[/a]", "C:\\[bold]", "[/]", "ends with \\"])
def test_what_looks_like_markup_is_shown(text):
    assert f"│ {text} " in shown(Failure(text, text, None))


def test_failures_are_counted():
    assert "1 point failed" in shown(Failure("a", "b"))
    assert "2 points failed" in shown(Failure("a", "b"), Failure("c", "d"))
