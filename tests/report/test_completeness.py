"""What is not there, and why: nothing is called unsuspicious that is not whole."""

from collections.abc import Callable
from pathlib import Path

import pytest
from toy_study import damage, plan, put, settings

from pcsweep.report.__main__ import main
from pcsweep.report.completeness import reasons
from pcsweep.report.contents import Contents
from pcsweep.study import failures, plans, shards
from pcsweep.study.damaged import set_aside

Gather = Callable[..., Contents]
POINTS = [settings(0.5, 0.1), settings(0.5, 0.2), settings(0.5, 0.3)]


def fail(folder: Path, point: dict[str, object], label: str = "", error: Exception | None = None) -> None:
    failures.note(folder, shards.identity(point), label, error or ValueError("no <b>memory</b>"), None)


def test_reasons_are_those_of_the_points_that_raised_and_are_not_done(tmp_path: Path) -> None:
    plan(tmp_path, POINTS)
    unplanned = settings(0.9, 0.1)
    for point, error in zip(POINTS, (ValueError("two\nlines"), KeyError("x")), strict=False):
        fail(tmp_path, point, "", error)
    fail(tmp_path, unplanned, "alone", OSError("disk full"))
    planned = plans.planned(tmp_path / "planned")
    told = [
        ("β=0.5 λ=0.1 <point>", "ValueError: lines"),
        ("β=0.5 λ=0.2 <point>", "KeyError: 'x'"),
        ("alone", "OSError: disk full"),
    ]
    assert reasons(tmp_path, planned) == told
    assert reasons(tmp_path, planned, {shards.identity(POINTS[0])}) == told[1:]
    assert {why for _, why in reasons(tmp_path, [])} == {why for _, why in told}


def test_a_whole_study_is_unsuspicious(tmp_path: Path, gather: Gather) -> None:
    put(tmp_path, POINTS[0], undefined=0)
    assert gather(tmp_path, 0).completeness.suspicions == []


def missing(folder: Path) -> str:
    plan(folder, POINTS[:2])
    return "1 cell missing"


def failed(folder: Path) -> str:
    fail(folder, POINTS[1], "β=0.5 λ=0.2")
    return "1 point failed"


def lost(folder: Path) -> str:
    damage(put(folder, POINTS[1]))
    return "1 damaged file moved aside and not computed anew"


def renewed(folder: Path) -> str:
    path = put(folder, POINTS[0], undefined=0)
    damage(path)
    set_aside(path)
    return "1 damaged file moved aside and computed anew: is the disk sound?"


def without_a_seed(folder: Path) -> str:
    plan(folder, [POINTS[0], settings(0.5, 0.1, noise__seed=1)])
    return "1 noise seed of done cells missing"


@pytest.mark.parametrize("wrong", [missing, failed, lost, renewed, without_a_seed])
def test_what_is_not_there_calls_for_a_look(tmp_path: Path, gather: Gather, wrong: Callable[[Path], str]) -> None:
    told = wrong(tmp_path)
    put(tmp_path, POINTS[0], undefined=0)
    assert gather(tmp_path, 0).completeness.suspicions == [told]


@pytest.mark.parametrize("planned", [True, False], ids=["planned", "no plan"])
def test_a_study_whose_points_all_failed_has_a_page_that_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], planned: bool
) -> None:
    study = tmp_path / "s"
    if planned:
        plan(study, POINTS)
    for number, point in enumerate(POINTS):
        fail(study, point, f"point {number}")
    assert main(["study=s", f"output_root={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert "there are none but 3 points that failed: ValueError: no <b>memory</b> (3 points)" in told
    assert told.rstrip().endswith(f"Report: {study / 'report.html'}")
    page = (study / "report.html").read_text(encoding="utf-8")
    assert ("3 points planned, 3 failed, none computed." in page) == planned
    assert "ValueError: no &lt;b&gt;memory&lt;/b&gt; <small>(3 points)</small>" in page
    assert page.count('<td class="words">ValueError: no &lt;b&gt;memory&lt;/b&gt;</td>') == 3
    assert ("python -m pcsweep -m study=s" in page) == planned
    assert "<script" not in page


def test_a_study_without_a_shard_and_without_a_failure_has_no_page(tmp_path: Path) -> None:
    plan(tmp_path / "s", POINTS)
    assert main(["study=s", f"output_root={tmp_path}"]) == 2
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["planned"]
