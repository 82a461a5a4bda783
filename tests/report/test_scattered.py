"""The page of a study of scattered cells, in a browser."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, chromium
from toy_study import plan, put, settings

PAIRS = [(0.13, 0.42), (0.27, 0.05), (0.44, 0.31), (0.58, 0.12), (0.66, 0.29)]
LISTS = [[0.1 * number, 0.7] for number in range(1, 6)]
DATA = "document.getElementById('heatmap').data.map((each) => [each.x, each.y, each.marker.color])"
NAMED = "document.getElementById('cell-name').textContent"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser: Any, tmp_path: Path, publish: Callable[[Path], Path]) -> Callable[..., Visit]:
    def of(*points: dict[str, Any], hash: str = "") -> Visit:
        plan(tmp_path / "s", points)  # without one, all combinations would be
        for point in points:
            put(tmp_path / "s", point)
        return Visit(browser, publish(tmp_path / "s"), hash, accept_downloads=True)

    return of


def test_pairs_are_circles_in_their_plane_and_lead_to_their_curves(opened: Callable[..., Visit]) -> None:
    visit = opened(*(settings(*pair) for pair in PAIRS))
    page = visit.page
    (x, y, colours), gone = page.evaluate(DATA)
    assert sorted(zip(y, x, strict=True)) == PAIRS
    assert len(set(colours)) == len(PAIRS)
    assert gone[0] == []
    assert page.inner_text("#explore-title") == "Cells"
    assert page.evaluate("document.getElementById('heatmap').layout.xaxis.title.text") == "feedback λ"

    page.focus("#heatmap")
    for _ in PAIRS:
        page.keyboard.press("ArrowLeft")  # to the best
    named = [page.evaluate(NAMED)]
    for _ in PAIRS[1:]:
        page.keyboard.press("ArrowRight")
        named.append(page.evaluate(NAMED))
    rows = page.evaluate(
        "[...document.querySelectorAll('#as-table tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    assert [f"{row[0]}, σ = 0.2" for row in rows] == named
    assert sorted((row[1] for row in rows), reverse=True) == [row[1] for row in rows]
    with page.expect_download() as told:
        page.get_by_role("button", name="Save the numbers of the plane as CSV", exact=True).click()
    lines = Path(told.value.path()).read_text().splitlines()
    assert lines[0].startswith("panel,series,feedback λ,feedforward β,low,high,IoU(t) / IoU(0)")
    assert len(lines) == 1 + len(PAIRS)

    box = page.locator("#heatmap .scatterlayer .point").nth(0).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function(f"{NAMED} === 'β = {y[0]}, λ = {x[0]}, σ = 0.2'")
    assert visit.complaints == []


def test_lists_and_coefficients_besides_are_ranked(opened: Callable[..., Visit]) -> None:
    points = [settings(0.3, 0.1, pcoder__beta=each, pcoder__alpha=[0.01 * (number + 1)] * 2) for number, each in enumerate(LISTS)]
    visit = opened(*points)
    page = visit.page
    assert page.locator("#controls select, #controls input").evaluate_all("(all) => all.map((each) => each.id)") == [
        "control-timestep", "control-metric", "control-quantity"
    ]  # fmt: skip
    ((x, y, _),) = page.evaluate(DATA)
    assert y == [0, 1, 2, 3, 4]
    assert x == sorted(x, reverse=True)
    texts = page.evaluate("document.getElementById('heatmap').layout.yaxis.ticktext")
    assert sorted(text.replace("<br>", " ").rpartition(" = ")[2] for text in texts) == ["0.01", "0.02", "0.03", "0.04", "0.05"]
    assert {text.partition(",")[0] for text in texts} == {f"β = [{0.1 * number:.3g} 0.7]" for number in range(1, 6)}
    page.focus("#heatmap")
    page.keyboard.press("ArrowDown")
    assert "β = [" in page.evaluate(NAMED)
    assert visit.complaints == []


def test_a_grid_is_a_heatmap_as_before(opened: Callable[..., Visit]) -> None:
    visit = opened(*(settings(beta, lambda_) for beta in (0.2, 0.6) for lambda_ in (0.0, 0.2)))
    assert visit.page.inner_text("#explore-title") == "Heatmap"
    assert visit.page.evaluate("document.getElementById('heatmap').data[0].type") == "heatmap"
