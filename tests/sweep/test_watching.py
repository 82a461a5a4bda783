"""A study is watched in a terminal of its own: what its screen shows, how it ends, and what goes on meanwhile."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import PIPE
from commands import start as start_command
from screen import InTerminal, Screen
from toy_slurm import answering
from toy_study import settings

from pcsweep.config.errors import Detached, Unfinished
from pcsweep.console.terminal import terminal
from pcsweep.study import failures, shards, submissions
from pcsweep.study.claims import Claims
from pcsweep.study.schema import SCHEMA_VERSION
from pcsweep.sweep import watching
from pcsweep.sweep.seen import Lookout, Seen

BETAS, LAMBDAS, SIGMAS = (0.2, 0.4, 1.0), (0.0, 0.5), (0.2, 0.6)
STATUS = ["study=mine", "watch=true", "every=1"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two σ, and at each three β and two λ, of which one pair is skipped."""
    folder = tmp_path / "outputs" / "mine"
    (folder / "shards").mkdir(parents=True)
    (folder / "planned").mkdir()
    entries = []
    for sigma in SIGMAS:
        for beta in BETAS:
            for lambda_ in LAMBDAS:
                skipped = beta + lambda_ > 1
                name = None if skipped else named(beta, lambda_, sigma)
                point = settings(beta, lambda_, sigma)
                entries.append({"identity": name, "settings": point, "skipped": skipped, "label": f"β={beta} λ={lambda_}"})
    text = json.dumps({"command": "python -m pcsweep -m", "schema_version": SCHEMA_VERSION, "points": entries})
    (folder / "planned" / "1.json").write_text(text)
    return folder


def named(beta: float, lambda_: float, sigma: float) -> str:
    return shards.identity(settings(beta, lambda_, sigma))


EVERY = [(beta, lambda_, sigma) for sigma in SIGMAS for beta in BETAS for lambda_ in LAMBDAS if beta + lambda_ <= 1]


def finish(study: Path, *points: tuple[float, float, float]) -> None:
    for point in points:
        (study / "shards" / f"{named(*point)}.parquet").touch()


@pytest.fixture
def started(study: Path) -> Any:
    """Starts a program in a terminal; it is ended with the test."""
    programs: list[InTerminal] = []

    def start(**options: Any) -> InTerminal:
        programs.append(InTerminal(*STATUS, module="pcsweep.status", folder=study.parents[1], **options))
        return programs[-1]

    yield start
    for each in programs:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


def rows(screen: Screen) -> list[str]:
    """Those of the mosaics, at σ = 0.2 and at 0.6."""
    return [line.strip() for line in screen.text.splitlines() if line.strip().startswith(("0.2 ", "0.4 ", "1 "))]


def test_the_screen_shows_every_cell_and_how_it_changes(study: Path, started: Callable[..., InTerminal]) -> None:
    finish(study, (0.2, 0.0, 0.2))
    failures.note(study, named(0.4, 0.5, 0.2), "β=0.4 λ=0.5", ValueError("\x1b[2Jno [bold]luck[/]"), None)
    with Claims(study, [named(*point) for point in EVERY]) as claims:
        claims.take(named(0.2, 0.5, 0.2))
        watched = started()
        text = watched.until(lambda screen: screen.alternate and "skipped" in screen.text)
        assert "■ 1 done   ▸ 1 running   ○ 8 pending   – 2 skipped" in text
        assert "σ = 0.2         σ = 0.6" in text
        finish(study, (1.0, 0.0, 0.6))
        watched.until(lambda screen: "■ 2 done" in screen.text)
        assert [line.split() for line in rows(watched.screen)] == [
            ["1", "○", "–", "1", "■", "–"], ["0.4", "○", "○", "0.4", "○", "○"], ["0.2", "■", "▸", "0.2", "○", "○"],
        ]  # fmt: skip
    watched.until(lambda screen: "✗ 1 failed" in screen.text)
    assert r"failed: β=0.4 λ=0.5: ValueError: \x1b[2Jno [bold]luck[/]" in watched.screen.text
    finish(study, *[point for point in EVERY if point != (0.4, 0.5, 0.2)])
    assert watched.end() == 0
    assert not watched.screen.alternate  # the terminal is as it was, with the last word on it
    assert "✗ 1 failed" in watched.screen.text
    assert "To compute what is missing:" in watched.screen.text


def test_a_finished_study_is_over_at_once(study: Path, started: Callable[..., InTerminal]) -> None:
    finish(study, *EVERY)
    watched = started()
    assert watched.end() == 0
    assert "■ 10 done   – 2 skipped" in watched.screen.text
    assert "\x1b[?1049h" in watched.said
    assert watched.said.count("\x1b[?1049l") == 1


def test_ctrl_c_ends_it_and_stops_nothing(study: Path, started: Callable[..., InTerminal]) -> None:
    names = [named(*point) for point in EVERY]
    with Claims(study, names) as claims:
        claims.take(names[0])
        watched = started()
        watched.until(lambda screen: "▸ 1 running" in screen.text)
        watched.press_ctrl_c()
        assert watched.end() == 130
        assert "Watching has ended; what runs goes on." in watched.screen.text
        assert "Traceback" not in watched.said
        assert not watched.screen.alternate
        assert sorted(path.name for path in (study / "claims").iterdir() if path.name in names) == names[:1]


def test_the_last_lines_of_what_runs_are_shown(
    study: Path, started: Callable[..., InTerminal], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent = submissions.new(study, [[named(*point)] for point in EVERY[:2]], [2], "", [])
    assert sent
    sent = submissions.with_jobs(sent, ["7"])
    rows = [f"echo '7|{index}|RUNNING|None|{sent.arrays[0].name}'" for index in (0, 1)]
    answering(monkeypatch, tmp_path / "commands", squeue="\n".join(rows))
    (sent.logs / "7_0_0_log.err").write_text("older\n")
    os.utime(sent.logs / "7_0_0_log.err", (0, 0))
    (sent.logs / "7_1_0_log.out").write_text(f"first\nsecond\n\n\x1b[2Jthird {'x' * 200}\nfourth\n")
    watched = started()
    lines = watched.until(lambda screen: "fourth" in screen.text).splitlines()
    place = lines.index("Task 7_1:")
    assert lines[place + 1] == "  second"
    assert lines[place + 2].startswith(r"  \x1b[2Jthird xxx")
    assert lines[place + 3] == "  fourth"
    assert "▸ 2 running   · 8 to do   – 2 skipped" in watched.screen.text


def test_a_small_terminal_says_what_has_no_room(study: Path, started: Callable[..., InTerminal]) -> None:
    finish(study, *EVERY[:5])
    with Claims(study, [named(*point) for point in EVERY]):
        watched = started(columns=28, lines=22)
        text = watched.until(lambda screen: "more" in screen.text)
    assert "… and 1 more that are done" in text
    assert "σ = 0.6" in text
    assert "σ = 0.2" not in text  # it is done, and gives way


def test_a_pipe_gets_a_block_where_something_has_changed(study: Path) -> None:
    finish(study, *EVERY[:9])
    own = {"module": "pcsweep.status", "environment": os.environ | {"PYTHONIOENCODING": "ascii"}}
    with Claims(study, [named(*point) for point in EVERY]):
        piped = start_command(*STATUS, folder=study.parents[1], stdout=PIPE, **own)
        assert piped.stdout is not None
        time.sleep(6)
        finish(study, EVERY[9])
        out, _ = piped.communicate(timeout=60)
    assert piped.returncode == 0
    assert "\x1b" not in out
    assert out.count("# 9 done   o 1 pending   - 2 skipped") == 1
    assert out.count("# 10 done   - 2 skipped") == 1
    assert len([line for line in out.splitlines() if line[:2] == "20" and line[10:11] == " "]) == 1


def test_a_study_that_goes_away_is_said(study: Path, started: Callable[..., InTerminal]) -> None:
    with Claims(study, [named(*point) for point in EVERY]):
        watched = started()
        watched.until(lambda screen: "pending" in screen.text)
        study.rename(study.with_name("another"))
        assert watched.end() == 1
        study.with_name("another").rename(study)
    assert "mine is not there any more." in watched.screen.text


def test_foreign_and_damaged_files_are_passed_over(study: Path, started: Callable[..., InTerminal]) -> None:
    (study / "planned" / "2.json").write_text("{")
    (study / "planned" / "3.json").symlink_to("/dev/zero")
    (study / "failures").mkdir()
    (study / "failures" / "x.json").write_text("[1]")
    (study / "shards" / "notes.txt").write_text("mine")
    finish(study, *EVERY)
    watched = started()
    assert watched.end() == 0
    assert "■ 10 done   – 2 skipped" in watched.screen.text


class Sleeps:
    """What happens while nothing is looked at."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.left = list(happenings)
        self.now = 0.0

    def __call__(self, seconds: float) -> None:
        self.now += seconds
        if self.left:
            self.left.pop(0)()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sleeps]:
    def set_in(*happenings: Callable[[], object]) -> Sleeps:
        sleeps = Sleeps(*happenings)
        monkeypatch.setattr(watching.time, "sleep", sleeps)
        monkeypatch.setattr(watching.time, "monotonic", sleeps.monotonic)
        return sleeps

    return set_in


def told(_: Seen) -> list[str]:
    return ["above"]


def test_points_that_nobody_computes_are_waited_for_a_while(
    study: Path, asleep: Callable[..., Sleeps], capsys: pytest.CaptureFixture[str]
) -> None:
    sleeps = asleep()
    watching.watch(study, terminal(), 5, told)
    assert watching.FORSAKEN <= sleeps.now <= watching.FORSAKEN + 5
    assert capsys.readouterr().out.count("above") == 1


def test_a_study_that_cannot_be_read_is_borne_for_a_while(
    study: Path, asleep: Callable[..., Sleeps], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look, failing = Lookout.look, [True]

    def stale(self: Lookout) -> Seen:
        if failing[0]:
            raise OSError(116, "Stale file handle", str(study))
        return look(self)

    monkeypatch.setattr(Lookout, "look", stale)
    finish(study, *EVERY[:9])
    asleep(lambda: failing.__setitem__(0, False), lambda: None, lambda: finish(study, EVERY[9]))
    watching.watch(study, terminal(), 5, told)
    failing[0] = True
    asleep()
    with pytest.raises(Unfinished, match="could not be read for 60 seconds .OSError: Stale file handle"):
        watching.watch(study, terminal(), 5, told)


def test_ctrl_c_is_told_as_leaving(study: Path, asleep: Callable[..., Sleeps]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    asleep(interrupt)
    with pytest.raises(Detached, match="what runs goes on"):
        watching.watch(study, terminal(), 5, told)
