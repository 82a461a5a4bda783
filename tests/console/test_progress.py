"""What people who wait are shown."""

import logging
import sys
from io import StringIO

import pytest
from rich.console import Console

from pcsweep.console import progress, starting


def test_a_description_is_shown_to_the_letter_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "160")
    with progress.progress("points of [bold]", 2, "points") as advance:
        advance(1, "points: 1 pending (gpu[a01])")
    shown = capsys.readouterr().err
    assert "gpu[a01]" in shown


@pytest.mark.parametrize("seconds", [14.0, 16.0])
def test_elsewhere_there_is_a_line_now_and_then(monkeypatch, caplog, seconds):
    now = iter([0.0, seconds, seconds + 1.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    with caplog.at_level(logging.INFO), progress.progress("points", 4, "points") as advance:
        advance(1)
        advance(1, "points: 1 task running")
    first = (
        ["points: 1 of 4, 0.0625 points/s, 48 s left"]
        if seconds > 15
        else ["points: 1 task running: 2 of 4, 0.133 points/s, 15 s left"]
    )
    assert caplog.messages == first


def test_what_goes_on_within_something_else_is_a_line_of_one_display(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with progress.progress("points", 2, "points"), progress.stage("timing"):
        with progress.progress("β=0.8 λ=0.1 gaussian σ=0.1 and 44 more of a long name", 300, "images", parts=11) as advance:
            advance(11 * 27 + 5)
            (display,) = progress._displays
            assert [task.description[:6] for task in display.tasks] == ["points", "timing", "β=0.8 "]
            narrow = Console(width=80, file=StringIO())
            narrow.print(display.make_tasks_table(display.tasks))
        assert [task.description for task in display.tasks] == ["points", "timing"]
    lines = narrow.file.getvalue().splitlines()
    assert len(lines) == 3  # none is broken at 80 columns
    assert "0/2" in lines[0]
    assert "27/300" in lines[2]
    assert progress._displays == []


def test_the_log_goes_above_the_bar_and_then_where_it_went_before(monkeypatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    handler = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(handler)
    try:
        before = handler.stream
        with progress.progress("points", 2, "points"):
            assert handler.stream is sys.stderr is not before
        assert handler.stream is sys.stderr is before
    finally:
        logging.getLogger().removeHandler(handler)


def test_a_command_says_once_and_on_a_terminal_alone_that_it_has_begun(monkeypatch, capsys):
    monkeypatch.setattr(starting, "_said", [])
    monkeypatch.setattr(sys, "argv", ["pcsweep"])
    starting.sign("pcsweep")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for words in (["--help"], ["-m", "study=s"], []):
        monkeypatch.setattr(sys, "argv", ["pcsweep", *words])
        starting.sign("pcsweep")
    assert capsys.readouterr().err == "pcsweep: starting …\n"
