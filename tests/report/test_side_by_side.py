"""The section of update rules: there where there are several, with the numbers of the tables; gone where there is one."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import Visit, chromium
from toy_rules import numbers, point, put

from pcsweep.aggregate.rules.table import curves
from pcsweep.aggregate.run import aggregate
from pcsweep.report.contents import Contents
from pcsweep.report.page import html
from pcsweep.report.side_by_side import rule_panels

Publish = Callable[[Path], Path]
RULES = ("predictive_coding", "adaptation", "surround divisive", "surround subtractive")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of four rules at two noise levels."""
    folder = tmp_path_factory.mktemp("outputs") / "several"
    for sigma in (0.2, 0.6):
        for seed, rule in enumerate(RULES):
            put(folder, point(rule, 0.2, sigma), numbers(seed, 3, gain=0.02 * seed))
    return folder


def test_the_section_says_and_lists_what_the_contrast_has(several: Path, gather: Callable[..., Contents]) -> None:
    rules = gather(several, pictured=0).rules
    assert rules
    assert [row[1] for row in rules.best.rows[:4]] == [
        "predictive_coding",
        "adaptation",
        "surround (divisive)",
        "surround (subtractive)",
    ]
    assert len(rules.best.rows) == 8
    assert len(rules.pairs.rows) == 12
    assert rules.sentences[0].startswith("σ = 0.2: ")


def test_the_plot_has_the_curves_of_the_table(several: Path) -> None:
    contrast = aggregate(several, 20, 99).contrast
    assert contrast
    rows = curves(contrast)
    found = rule_panels(contrast)
    assert [panel["label"] for panel in found] == ["σ = 0.2", "σ = 0.6"]
    for panel, sigma in zip(found, (0.2, 0.6), strict=True):
        for line in panel["lines"]:
            own = [row for row in rows if (row["sigma"], row["rule"]) == (sigma, line["rule"])]
            assert line["mean"] == pytest.approx([row["confirming_mean"] for row in own], abs=1e-6)
            assert line["gain_high"] == pytest.approx([row["confirming_difference_high"] for row in own], abs=1e-6)
            assert [row["best"] for row in own].index(True) == line["chosen"]


def test_a_study_of_one_rule_has_no_such_section(tmp_path: Path, gather: Callable[..., Contents]) -> None:
    for strength in (0.2, 0.4):
        put(tmp_path, point("predictive_coding", strength), numbers(1))
    contents = gather(tmp_path, pictured=0)
    assert contents.rules is None
    assert contents.drawn["rules"] == []
    assert 'id="rules"' not in html(contents)


def test_the_browser_draws_a_line_for_each_rule_in_every_panel(several: Path, publish: Publish) -> None:
    path = publish(several)
    with chromium() as browser:
        visit = Visit(browser, path)
        drawn = visit.page.evaluate(
            "document.getElementById('rules-plot').data.filter((each) => each.error_y)"
            ".map(({ name, x, yaxis }) => [name, x.length, yaxis])"
        )
        named = ["predictive_coding", "adaptation", "surround (divisive)", "surround (subtractive)"]
        assert [name for name, _, _ in drawn] == named * 4
        assert {count for _, count, _ in drawn} == {4}
        assert len({axis for _, _, axis in drawn}) == 4
        assert visit.page.locator("#rules-pairs tbody tr").count() == 12
        with visit.page.expect_download() as told:
            visit.page.get_by_role("button", name="Save the numbers of the update rules as CSV").click()
        rows = list(csv.DictReader(told.value.path().read_text(encoding="utf-8").splitlines()))
        lines = [row for row in rows if row["series"] in named]
        assert [row["series"] for row in lines] == [name for name in named * 4 for _ in range(4)]
        assert {row["timestep t"] for row in lines} == {"0", "1", "2", "3"}  # not moved aside, as the points are
        assert sum(row["mark"] == "chosen" for row in lines) == 16
        assert len({row["panel"] for row in rows}) == 4
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 1280
        assert visit.complaints == []


def test_rule_and_form_are_one_choice_with_a_heatmap_each(several: Path, gather: Callable[..., Contents]) -> None:
    contents = gather(several, pictured=0)
    grid = contents.drawn["grid"]
    (rule,) = [each for each in grid["selectors"] if each["name"] == "pcoder.rule"]
    assert rule["values"] == ["adaptation", "predictive_coding", "surround (divisive)", "surround (subtractive)"]
    assert [each["y"]["key"] for each in grid["axes"]] == ["b", "beta", "kappa", "kappa"]
    assert "pcoder.form" not in [each["name"] for each in grid["selectors"]]
    assert {cell["at"][grid["ruled"]] for cell in grid["cells"]} == {0, 1, 2, 3}
    assert contents.headlines.columns[:2] == ["rule", "σ"]
    assert sorted(row[0] for row in contents.headlines.rows[::2]) == rule["values"]
