"""The page of a study that is being computed: it says how far that is, is renewed, and renews itself in a browser."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, chromium
from commands import PIPE, Process
from commands import start as start_command
from toy_study import plan, put, settings

from pcsweep.aggregate.result import NoShards
from pcsweep.aggregate.words import AggregateOptions
from pcsweep.config.errors import Detached
from pcsweep.console.terminal import terminal
from pcsweep.report import made, watching
from pcsweep.report.__main__ import main
from pcsweep.report.made import Wanted, make
from pcsweep.report.progress import Progress
from pcsweep.study import failures, shards
from pcsweep.study.claims import Claims
from pcsweep.sweep import watching as sweep_watching

POINTS = [settings(beta, lambda_) for beta in (0.2, 0.6) for lambda_ in (0.0, 0.2)]
NAMES = [shards.identity(point) for point in POINTS]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Four points are planned, two of them done."""
    folder = tmp_path / "s"
    plan(folder, POINTS)
    for point in POINTS[:2]:
        put(folder, point)
    return folder


def words(folder: Path, *more: str) -> list[str]:
    return [f"study={folder.name}", f"output_root={folder.parent}", "resamples=20", "permutations=20", *more]


def page(study: Path) -> str:
    return (study / "report.html").read_text(encoding="utf-8")


def shown(text: str) -> str:
    """The banner."""
    found = re.search(r'<p id="progress">(.*?)</p>', text)
    return re.sub(r"<.*?>", "", found[1]) if found else ""


def test_the_page_of_a_running_study_says_how_far_it_is(study: Path) -> None:
    with Claims(study, NAMES[2:]) as claims:
        claims.take(NAMES[2])
        assert main(words(study, "gallery=0")) == 0
    assert shown(page(study)).startswith("This study is not complete: 2 of 4 points done, 1 running, 1 pending, as of 20")
    assert "A report made later has more." in shown(page(study))
    assert "2 of these points are being computed, or will be" in page(study)
    assert "data-every" not in page(study).partition("<body>")[0]
    failures.note(study, NAMES[2], "x", ValueError("no"), None)
    assert main(words(study, "gallery=0")) == 0
    assert "2 of 4 points done, 1 failed, 1 to do, in no queue, as of" in shown(page(study))
    assert "of these points" not in page(study)
    for point in POINTS[2:]:
        put(study, point)
    assert main(words(study, "gallery=0")) == 0
    assert shown(page(study)) == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["watch=1"], "Expected `watch` to be true or false, but got '1'"),
        (["watch=true", "every=0"], "Expected `every` to be a whole number of at least 1, but got '0'"),
        (["every=60"], "Expected `every` beside watch=true, since the page is made once without it."),
    ],
)
def test_a_wrong_word_is_refused(study: Path, given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(study, *given)) == 2
    assert message in capsys.readouterr().err


class Making:
    """`make`, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, Progress | None]] = []

    def __call__(self, wanted: Wanted, progress: Progress | None, console: Any = None) -> Any:
        self.asked.append((wanted.pictured, progress))
        return make(wanted, progress, console)


@pytest.fixture
def making(monkeypatch: pytest.MonkeyPatch) -> Making:
    found = Making()
    monkeypatch.setattr(watching, "make", found)
    return found


@pytest.fixture
def happens(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Instead of waiting between two looks, one after the other."""

    def set_in(*happenings: Callable[[], object]) -> None:
        left = list(happenings)
        monkeypatch.setattr(sweep_watching.time, "sleep", lambda seconds: left.pop(0)())

    return set_in


def wanted(study: Path, pictured: int = 1) -> Wanted:
    return Wanted(study, study, AggregateOptions("s", str(study.parent), resamples=20, permutations=20), pictured)


def test_it_is_made_again_where_something_is_new_and_whole_in_the_end(
    study: Path, making: Making, happens: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    with Claims(study, NAMES) as claims:
        claims.take(NAMES[2])
        happens(lambda: None, lambda: put(study, POINTS[2]), lambda: None, lambda: put(study, POINTS[3]))
        watching.watch(wanted(study), terminal(), 60, with_gallery=False)
    assert [(pictured, each.text[28:43] if each else "") for pictured, each in making.asked] == [
        (0, "2 of 4 points d"), (0, "3 of 4 points d"), (1, ""),
    ]  # fmt: skip
    assert all(each.every == 60 for _, each in making.asked if each)
    said = capsys.readouterr().out
    assert said.count("This study is not complete: ") == 2
    assert "Cells: 4 found" in said
    assert shown(page(study)) == ""


def test_galleries_are_drawn_each_time_if_they_are_asked_for(study: Path, making: Making, happens: Callable[..., None]) -> None:
    with Claims(study, NAMES):
        happens(lambda: [put(study, point) for point in POINTS[2:]])
        watching.watch(wanted(study), terminal(), 60, with_gallery=True)
    assert [pictured for pictured, _ in making.asked] == [1, 1]


def test_a_study_without_a_shard_is_waited_for(
    tmp_path: Path, making: Making, happens: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "s"
    plan(study, POINTS)
    with Claims(study, NAMES):
        happens(lambda: [put(study, point) for point in POINTS])
        watching.watch(wanted(study), terminal(), 60, with_gallery=False)
    assert "Expected shards in" in capsys.readouterr().out
    assert shown(page(study)) == ""


def test_a_study_of_failures_alone_has_a_page_that_renews_itself(tmp_path: Path, happens: Callable[..., None]) -> None:
    study = tmp_path / "s"
    plan(study, POINTS)
    failures.note(study, NAMES[0], "x", ValueError("no"), None)
    seen: list[str] = []
    with Claims(study, NAMES[1:]):
        happens(lambda: seen.append(page(study)) or [put(study, point) for point in POINTS])
        watching.watch(wanted(study), terminal(), 60, with_gallery=False)
    assert '<meta http-equiv="refresh" content="60">' in seen[0]
    assert "0 of 4 points done, 3 pending, 1 failed" in seen[0]


def test_after_ctrl_c_the_last_page_is_whole_and_rests(study: Path, happens: Callable[..., None]) -> None:
    def interrupt() -> None:
        assert 'data-every="60"' in page(study)
        raise KeyboardInterrupt

    with Claims(study, NAMES):
        happens(interrupt)
        with pytest.raises(Detached, match=rf"what runs goes on. The page: {study}/report.html"):
            watching.watch(wanted(study), terminal(), 60, with_gallery=False)
    assert "2 of 4 points done, 2 pending" in shown(page(study))
    assert "renews itself" not in shown(page(study))
    assert "data-every" not in page(study).partition("<body>")[0]
    assert page(study).rstrip().endswith("</html>")


def test_ctrl_c_before_the_first_page_leaves_none(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "aggregate", interrupt)
    with Claims(study, NAMES), pytest.raises(Detached, match=r"^Renewing has ended; what runs goes on\.$"):
        watching.watch(wanted(study), terminal(), 60, with_gallery=False)
    assert not (study / "report.html").exists()


def test_a_study_that_failed_as_a_whole_is_told_in_the_end(
    tmp_path: Path, happens: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tmp_path / "s"
    plan(study, POINTS)
    for name in NAMES:
        failures.note(study, name, "x", ValueError("no"), None)
    clock = count(0, 10)
    monkeypatch.setattr(sweep_watching.time, "monotonic", lambda: float(next(clock)))
    happens(lambda: None, lambda: None)
    with pytest.raises(NoShards, match="4 points that failed: ValueError: no"):
        watching.watch(wanted(study), terminal(), 1, with_gallery=False)


@pytest.fixture
def command(study: Path) -> Iterator[Callable[[], Process]]:
    """Starts the command; it is ended with the test."""
    started: list[Process] = []

    def start() -> Process:
        given = words(study, "watch=true", "every=1")
        started.append(start_command(*given, module="pcsweep.report", folder=Path.cwd(), stdout=PIPE, stderr=PIPE))
        return started[-1]

    yield start
    for each in started:
        if each.poll() is None:
            each.kill()
        each.wait()
        for pipe in (each.stdout, each.stderr):
            assert pipe is not None
            pipe.close()


def test_a_browser_shows_what_is_new_where_its_reader_was(study: Path, command: Callable[[], Process]) -> None:
    with Claims(study, NAMES), chromium() as browser:
        renewing = command()
        deadline = time.monotonic() + 60
        while not (study / "report.html").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        visit = Visit(browser, study / "report.html")
        assert "2 of 4 points done" in visit.page.locator("#progress").inner_text()
        visit.page.select_option("#control-metric", "mass")
        visit.page.locator("#origins summary").first.click()
        visit.page.evaluate("scrollTo(0, 700)")
        put(study, POINTS[2])
        visit.page.locator("#progress", has_text="3 of 4 points done").wait_for(timeout=60_000)
        visit.page.wait_for_selector("html[data-ready=yes]")
        now = "[scrollY, document.getElementById('control-metric').value, document.querySelector('#origins details').open]"
        assert visit.page.evaluate(now) == [700, "mass", True]
        put(study, POINTS[3])
        visit.page.locator("#progress").wait_for(state="detached", timeout=60_000)
        visit.page.wait_for_selector("html[data-ready=yes]")
        assert visit.page.evaluate(now) == [700, "mass", True]
        assert renewing.wait(60) == 0
        visit.page.evaluate("window.stays = true")
        visit.page.wait_for_timeout(2500)
        assert visit.page.evaluate("window.stays") is True  # it does not renew itself any more
        assert visit.complaints == []


def test_ctrl_c_ends_the_command(study: Path, command: Callable[[], Process]) -> None:
    with Claims(study, NAMES):
        renewing = command()
        assert renewing.stdout is not None
        assert "2 of 4 points done" in renewing.stdout.readline()
        renewing.send_signal(signal.SIGINT)
        _, err = renewing.communicate(timeout=60)
    assert renewing.returncode == 130
    assert err.strip() == f"Renewing has ended; what runs goes on. The page: {study / 'report.html'}"
    assert "renews itself" not in shown(page(study))
