"""Every figure's own buttons: an SVG that parses, a PNG, and a CSV with exactly the numbers that the figure draws."""

import csv
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from browser import Visit, chromium
from PIL import Image

FIGURES = ("heatmap", "curves", "best cells", "pcoders", "sizes", "classes")
IDS = dict(zip(FIGURES, ("heatmap", "over-time", "trend", "by-pcoder", "by-size", "by-class"), strict=True))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def broken_page(broken_study: Path, publish: Callable[[Path], Path]) -> Path:
    return publish(broken_study)


@pytest.fixture
def page(browser: Any, broken_page: Path) -> Iterator[Any]:
    """Its own for each test: a browser stops a page that saves many files."""
    visit = Visit(browser, broken_page, accept_downloads=True)
    yield visit.page
    visit.context.close()
    assert visit.complaints == []


def saved(page: Any, name: str, kind: str, folder: Path) -> Path:
    """What a button gives."""
    of = f"numbers of the {name}" if kind == "csv" else name
    with page.expect_download() as told:
        page.get_by_role("button", name=f"Save the {of} as {kind.upper()}", exact=True).click()
    path = folder / told.value.suggested_filename
    told.value.save_as(path)
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def drawn(page: Any, name: str) -> list[dict[str, Any]]:
    """The traces that are on the page."""
    found: list[dict[str, Any]] = page.evaluate(f"JSON.parse(JSON.stringify(document.getElementById('{IDS[name]}').data))")
    return found


def equal(texts: list[str], values: list[Any]) -> bool:
    """Whether every text is its value, to the last digit; nothing for what is undefined."""
    return len(texts) == len(values) and all(
        text == "" if value is None else text == value if isinstance(value, str) else float(text) == value
        for text, value in zip(texts, values, strict=True)
    )


@pytest.mark.parametrize("name", FIGURES)
def test_pictures(page: Any, name: str, tmp_path: Path) -> None:
    svg, png = (saved(page, name, kind, tmp_path) for kind in ("svg", "png"))
    root = ElementTree.parse(svg).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("width") == "680"
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with Image.open(png) as picture:
        assert picture.width == 2125
        assert len(picture.convert("L").resize((50, 50)).getcolors() or []) > 1
    assert svg.stem == png.stem
    assert re.fullmatch(r"broken_[a-z]+_iou.*", svg.stem)  # study, figure, metric


def test_every_square(page: Any, tmp_path: Path) -> None:
    rows = rows_of(saved(page, "heatmap", "csv", tmp_path))
    states, values = drawn(page, "heatmap")
    assert list(rows[0]) == ["feedback λ", "feedforward β", "IoU(t) / IoU(0)", "mark"]
    flat = [value for row in values["z"] for value in row]
    assert equal([row["IoU(t) / IoU(0)"] for row in rows], flat)
    assert sum(value is not None for value in flat) > 3
    ticks = page.evaluate("['xaxis', 'yaxis'].map((each) => document.getElementById('heatmap').layout[each].ticktext)")
    assert [(row["feedback λ"], row["feedforward β"]) for row in rows] == [(x, y) for y in ticks[1] for x in ticks[0]]
    assert {
        row["mark"] for row, state in zip(rows, (each for line in states["text"] for each in line), strict=True) if state == "–"
    } == {"skipped"}
    dots = [text for line in values["text"] for text in line]
    assert [row["mark"] == "q < 0.05" for row in rows] == [text == "•" for text in dots]


@pytest.mark.parametrize("name", ["curves", "best cells", "pcoders", "sizes", "classes"])
def test_every_point(page: Any, name: str, tmp_path: Path) -> None:
    rows = rows_of(saved(page, name, "csv", tmp_path))
    traces = [trace for trace in drawn(page, name) if "fill" not in trace]
    head = list(rows[0])
    assert head[:2] == ["panel", "series"]
    assert head[4:] == ["low", "high", "mark"]
    start = 0
    for trace in traces:
        own = rows[start : start + len(trace["x"])]
        start += len(own)
        assert equal([row[head[2]] for row in own], trace.get("meta", {}).get("x", trace["x"]))
        assert equal([row[head[3]].removeprefix("'") for row in own], [unescaped(value) for value in trace["y"]])
        for end, sign in (("low", -1), ("high", 1)):
            for row, bound in zip(own, ends(trace, end, sign), strict=True):
                assert row[end] == "" if bound is None else float(row[end]) == pytest.approx(bound, rel=1e-12)
    assert start == len(rows)


def unescaped(value: Any) -> Any:
    """As a text was before it was made safe for Plotly."""
    if not isinstance(value, str):
        return value
    return value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def ends(trace: dict[str, Any], end: str, sign: int) -> list[float | None]:
    if bounds := trace.get("meta", {}).get(end):
        found: list[float | None] = bounds
        return found
    letter = next((each for each in "xy" if f"error_{each}" in trace), None)
    if letter is None:
        return [None] * len(trace["x"])
    reach = trace[f"error_{letter}"]["array" if sign > 0 else "arrayminus"]
    return [None if value is None else value + sign * by for value, by in zip(trace[letter], reach, strict=True)]


def test_the_intervals_of_the_curves_are_there(page: Any, tmp_path: Path) -> None:
    rows = rows_of(saved(page, "curves", "csv", tmp_path))
    own = [row for row in rows if row["series"] == "this cell"]
    assert own
    assert all(float(row["low"]) <= float(row["y"]) <= float(row["high"]) for row in own if row["y"])
    assert {row["panel"] for row in rows} == {"IoU", "gain in IoU", "accuracy"}


def test_what_is_chosen_is_what_is_saved(page: Any, tmp_path: Path) -> None:
    before = rows_of(saved(page, "heatmap", "csv", tmp_path))
    page.locator("#control-quantity").select_option("mean")
    path = saved(page, "heatmap", "csv", tmp_path)
    after = rows_of(path)
    page.locator("#control-quantity").select_option("normalized")
    assert path.name.startswith("broken_heatmap_iou_mean_t")
    (name,) = set(after[0]) - {"feedback λ", "feedforward β", "mark"}
    assert name not in before[0]
    assert any(not math.isnan(float(row[name])) for row in after if row[name])
