"""What people who wait are shown."""

import logging

import pytest

from pcsweep import progress


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
