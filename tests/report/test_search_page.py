"""The section of the page about a search, in a browser."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, chromium
from toy_search import LEVELS, put_search, search
from toy_study import put, settings

from pcsweep.report.search import search_drawn, search_section

NAMED = "document.getElementById('cell-name').textContent"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


def numbers(page: Any, name: str, folder: Path) -> list[dict[str, str]]:
    """What the figure's CSV has."""
    with page.expect_download() as told:
        page.get_by_role("button", name=f"Save the numbers of the {name} as CSV", exact=True).click()
    told.value.save_as(folder / "numbers.csv")
    with (folder / "numbers.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_trials_are_drawn_and_lead_to_their_cells(browser: Any, tmp_path: Path, publish: Callable[[Path], Path]) -> None:
    record = put_search(tmp_path / "s")
    visit = Visit(browser, publish(tmp_path / "s"), accept_downloads=True)
    page = visit.page
    assert (
        page.locator("#search li").first.inner_text().startswith("Search: 8 trials, chosen by tpe (seed 0): 8 measured on all 24")
    )
    assert page.locator("#search-best tbody tr").count() == 8
    assert page.locator("#search-best tbody tr td").first.inner_text() == str(record.best[0])
    for plot in ("search-history", "search-parallel", "search-importance"):
        assert page.evaluate(f"document.getElementById('{plot}').data.length") > 0
    assert page.locator("#search .save").count() == 3
    rows = numbers(page, "search's history", tmp_path)
    assert [int(row["trial"]) for row in rows] == list(range(8))
    assert {row["series"] for row in rows} == {"on all 24 images"}
    assert float(rows[3]["pcoder.beta"]) == record.trials[3].coefficients["pcoder.beta"]
    assert [row["series"] for row in numbers(page, "trials", tmp_path)].count("best") == 1
    assert sum(float(row["value"]) for row in numbers(page, "importance", tmp_path)) == pytest.approx(1, abs=1e-3)
    assert page.locator("#search-front").is_hidden()

    trial = record.trials[min(number for number in range(8) if number not in record.best)]
    place = page.evaluate(f"document.getElementById('search-history').data.at(-1).customdata.indexOf({trial.number})")
    point = page.locator("#search-history .scatterlayer .point").nth(place)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    beta, lambda_ = (f"{trial.coefficients[key]:g}" for key in ("pcoder.beta", "pcoder.lambda"))
    page.wait_for_function(f"{NAMED}.startsWith('β = {beta}, λ = {lambda_}')")
    assert visit.complaints == []


def test_another_study_has_no_such_section(tmp_path: Path, publish: Callable[[Path], Path]) -> None:
    put(tmp_path / "s", settings(0.6, 0.2))
    assert 'id="search"' not in publish(tmp_path / "s").read_text()
    assert search_section(None) is None
    assert search_drawn(None, []) is None


def test_what_is_drawn_of_eight_pcoders_and_two_objectives() -> None:
    found = search(objectives=2, keys=LEVELS)
    identity = found.record.trials[3].identities[0]
    drawn = search_drawn(found, [{"shards": "aa"}, {"shards": f"bb {identity}"}])
    assert drawn is not None
    assert [each["symbol"] for each in drawn["coefficients"]][-1] == "λ₈"
    assert [trial["cell"] for trial in drawn["trials"]] == [None] * 3 + [1] + [None] * 26
    assert {len(trial["at"]) for trial in drawn["trials"]} == {16}
    assert [sum(shares) for shares in drawn["importance"]] == pytest.approx([1, 1], abs=1e-3)
    section = search_section(found)
    assert section is not None
    assert section.title == "Pareto front of the search for 1: iou gain at t=T; 2: mass at t=T"
    assert len(section.best.rows) == len(found.record.best)
    assert {len(row) for row in section.best.rows} == {len(section.best.columns)}
