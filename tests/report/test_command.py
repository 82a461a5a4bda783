"""`python -m pcsweep.report`: what it writes, what it says, and what it refuses."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from toy_study import SALT, plan, put, settings

from pcsweep.report.__main__ import main
from pcsweep.report.page import html


def words(folder: Path, *more: str) -> list[str]:
    return [f"study={folder.name}", f"output_root={folder.parent}", "resamples=20", "permutations=20", "gallery=1", *more]


def test_the_page_lies_beside_the_tables_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for lambda_ in (0.1, 0.2):
        put(tmp_path / "s", settings(0.5, lambda_))
    assert main(words(tmp_path / "s")) == 0
    told = capsys.readouterr().out
    assert "Cells: 2 found" in told
    assert f"Report: {tmp_path / 's' / 'report.html'}" in told
    left = {path.name for path in (tmp_path / "s").iterdir()}
    assert left == {"aggregate.parquet", "aggregate.csv", "figures", "report.html", "shards"}
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    for name in ("aggregate.parquet", "aggregate.csv", "figures/", "shards/"):
        assert f'href="{name}"' in page
        assert (tmp_path / "s" / name).exists()


def test_a_study_without_an_iou_has_the_tables_and_pictures_of_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [settings(0.5, lambda_, metrics=["pointing"]) for lambda_ in (0.1, 0.2, 0.3)]
    plan(tmp_path / "s", points)
    for point in points[:2]:
        put(tmp_path / "s", point, iou=None, mass=None, rank=None)
    assert main(words(tmp_path / "s")) == 0
    said = capsys.readouterr().out
    assert "1 missing" in said
    assert "by pointing game(t) / pointing game(0)" in said
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "was measured, or none is defined." not in page
    assert '"metric":"pointing"' in page
    assert list((tmp_path / "s" / "figures").glob("*_pointing.png"))


def test_a_study_without_any_metric_says_so(tmp_path: Path) -> None:
    put(tmp_path / "s", settings(0.5, 0.1, metrics=[]), iou=None, mass=None, rank=None, pointing=None)
    assert main(words(tmp_path / "s")) == 0
    assert "No IoU was measured, or none is defined." in (tmp_path / "s" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["study=nope"], "there: here), but got 'nope'"),
        ([], "there: here), but got ''"),
        (["study=here"], "but there are none"),
        (["study=here", "gallery=x"], "Expected `gallery` to be a whole number of at least 0, but got 'x'"),
        (["study=here", "gallery=-1"], "Expected `gallery` to be a whole number of at least 0, but got '-1'"),
        (["study=here", "gallery="], "Expected `gallery` to be a whole number of at least 0, but got ''"),
        (["study=here", "galery=1"], "seed=, gallery=, extensions=, watch=, every=, but got 'galery'"),
        (["study=here", "gallery"], "Expected `gallery` to be a whole number of at least 0, but got ''"),
        (["study=here", "resamples=1"], "Expected `resamples` to be a whole number of at least 2, but got '1'"),
        (["study=here", "permutations=0"], "Expected `permutations` to be a whole number of at least 1, but got '0'"),
        (["study=here", "seed=x"], "Expected `seed` to be a whole number of at least 0, but got 'x'"),
    ],
)
def test_a_bad_command_is_one_line_and_exit_code_2(
    tmp_path: Path, given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here" / "shards").mkdir(parents=True)
    assert main([*given, f"output_root={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("pcsweep.report: ")
    assert told.count("\n") == 1
    assert not (tmp_path / "here" / "report.html").exists()


@pytest.mark.parametrize(
    ("metric", "message"), [("nope", "one of .*iou, .*but got 'nope'"), ("pxap", "a mean over images, but got 'pxap'")]
)
def test_a_metric_that_is_none_is_refused(tmp_path: Path, metric: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "s", settings(0.5, 0.1))
    assert main(words(tmp_path / "s", f"metric={metric}")) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(f"pcsweep.report: Expected `metric` to be {message}.*\n", told)


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_teaches_the_words(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    told = capsys.readouterr().out
    for word in ("study=NAME", "gallery=3", "metric=iou", "output_root=outputs", "resamples=2000", "permutations=4999", "seed=0"):
        assert word in told
    assert "report.html" in told


@pytest.mark.parametrize(
    "points",
    [
        [settings(0.5, 0.1)],
        [settings(0.5, 0.1, None, noise__name=SALT)],
        [settings(0.5, 0.1, pcoder__beta=[0.8, 0.4]), settings(0.5, 0.1, pcoder__alpha=[0.1, 0.2])],
        [settings(0.5, 0.1), settings(0.2, 0.3), settings(0.9, 0.3)],
    ],
    ids=["one cell", "no sigma", "per pcoder", "no plan"],
)
def test_every_kind_of_study_has_a_page(tmp_path: Path, points: list[dict[str, Any]], gather: Callable[..., Any]) -> None:
    for point in points:
        put(tmp_path, point, pictured=1)
    page = html(gather(tmp_path))
    assert page.count("</script>") == 3
    assert page.count("<h1>") == 1


def test_names_cannot_end_the_script(broken_study: Path, gather: Callable[..., Any]) -> None:
    page = html(gather(broken_study))
    assert page.count("</script>") == page.count("<script") == 3
    assert "<script>alert" not in page
    assert "\u2028" not in page.partition('id="numbers"')[2]
    assert "\\u003cscript>alert(1)\\u003c/script>" in page
