"""The page in a browser: every number, every control, every reader; and nothing from a network."""

import csv
import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from browser import Visit, chromium
from configured import compute
from hydra import compose, initialize_config_dir
from markupsafe import Markup
from PIL import Image
from toy_study import ALONE, HOSTILE, IMAGES, SALT, STEPS, identifier, put, settings

from pcsweep.grid.entry import conf_folder
from pcsweep.report import page as module
from pcsweep.report.numbers import BRIEF, FULL
from pcsweep.study import shards
from pcsweep.study.labels import OF_MASKS

PACKED = 4e-6  # relative error of a number with 17 bits of mantissa
BETAS, LAMBDAS, SIGMAS = ("0.2", "0.6", "1"), ("0", "0.2", "0.5"), ("0.2", "0.6", "none")
NOISES, PCODERS = ("gaussian", SALT), ("1", "all")
QUANTITIES = ("normalized", "difference", "mean", "q")
WORDS = {"skipped": "skipped: β + λ > 1", "missing": "missing", "nothing": "not asked for"}
SET = """(choices) => choices.map((choice) => {
  for (const [name, value] of Object.entries(choice)) {
    const element = document.getElementById(`control-${name}`);
    if (element.value === value) continue;
    element.value = value;
    element.dispatchEvent(new Event(element.type === "range" ? "input" : "change"));
  }
  const { data, layout } = document.getElementById("heatmap");
  const rows = [...document.querySelectorAll("#as-table tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
  const [states, values] = data;
  return { title: layout.title.text, z: values.z, marks: values.text, stateMarks: states.text, hover: values.hovertext, rows };
})"""
TEXTS = (
    *("p", "li", "small", "a", "dt", "dd", "th", "td", "h1", "h2", "h3", "h4", "label", "output", "summary", "figcaption", "pre"),
    *("select", "button:not(.modebar-btn)", ".faint", ".warn", ".swatches i"),
)
WIDE = """(all) => all.filter((each) => each.clientWidth && each.scrollWidth > each.clientWidth)
  .map((each) => each.outerHTML.slice(0, 200))"""
CONTRAST = """(selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility()).map((each) => {
  let behind = each;
  while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
  const style = getComputedStyle(each);
  return [style.color, behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)"];
})"""

Key = tuple[Any, ...]  # noise, σ, pcoder, β, λ, t, metric


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def broken_page(broken_study: Path, publish: Callable[[Path], Path]) -> Path:
    return publish(broken_study)


@pytest.fixture(scope="module")
def real_page(tmp_path_factory: pytest.TempPathFactory, publish: Callable[[Path], Path]) -> Path:
    """Of a small study of the embedded model."""
    root = tmp_path_factory.mktemp("outputs")
    always = ["study=real", f"output_root={root}", "dataset.limit=10", "timesteps=2", "noise.space=pixel", "pictures=1"]
    for sigma, (beta, lambda_) in product((0, 0.4), ((1, 0), (0.6, 0), (0.6, 0.2))):
        words = [f"noise.sigma={sigma}", f"pcoder.beta={beta}", f"pcoder.lambda={lambda_}", "pcoder.alpha=0"]
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            compute(compose("config", overrides=[*always, *words]))
    return publish(root / "real")


@pytest.fixture(scope="module")
def opened_once(browser: Any, broken_page: Path) -> Iterator[Visit]:
    visit = Visit(browser, broken_page, accept_downloads=True)
    yield visit
    visit.context.close()


@pytest.fixture(scope="module")
def real_once(browser: Any, real_page: Path) -> Iterator[Visit]:
    visit = Visit(browser, real_page)
    yield visit
    visit.context.close()


@pytest.fixture(params=["opened_once", "real_once"])
def either(request: pytest.FixtureRequest) -> Iterator[Visit]:
    """The page of the broken or of the real study, as the test before has left it."""
    visit: Visit = request.getfixturevalue(request.param)
    yield visit
    assert visit.complaints == []


@pytest.fixture
def shared(opened_once: Visit) -> Iterator[Visit]:
    """The page of the broken study, as the test before has left it; it may not complain or ask for anything."""
    yield opened_once
    assert opened_once.complaints == []


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Opens a page; in the end, no page may have complained or asked for anything."""
    visits: list[Visit] = []

    def opened(path: Path, **options: Any) -> Visit:
        visits.append(Visit(browser, path, **options))
        return visits[-1]

    yield opened
    for each in visits:
        each.context.close()
        assert each.complaints == []


def text_of(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def table_of(page: Path) -> dict[Key, dict[str, Any]]:
    """The rows of aggregate.parquet, read plainly, by what the page says of their place."""
    found = {}
    for row in pq.read_table(page.with_name("aggregate.parquet")).to_pylist():
        place = [text_of(row[name]) for name in ("noise", "sigma", "pcoder", "beta", "lambda")]
        found[(*place, row["timestep"], row["metric"])] = row
    return found


def close(text: str, value: float, digits: int = 3) -> bool:
    """Whether a shown number is the value, to its digits."""
    if math.isnan(value):
        return text in ("NaN", "not tested")
    return len(text.partition(".")[2]) == digits and abs(float(text) - value) <= 0.5 / 10**digits + PACKED * abs(value) + 1e-9


def packed_close(shown: float | None, value: float) -> bool:
    return shown is None if math.isnan(value) else shown is not None and abs(shown - value) <= PACKED * abs(value)


def small_close(text: str, value: float) -> bool:
    """Whether a shown probability is the value, to two digits."""
    if math.isnan(value):
        return text == "not tested"
    return value < 0.001 * (1 + PACKED) if text == "<0.001" else abs(float(text) - value) <= 0.051 * value


def assert_facts(facts: dict[str, str], row: dict[str, Any], label: str, accuracy: dict[str, Any] | None) -> None:
    """Holds the facts of a cell against its row of the aggregate."""
    triples = {f"{label} at t = {row['timestep']}": ("mean", "low", "high")}
    brief = row["metric"] in OF_MASKS or "@" in row["metric"]
    if not brief:
        triples["over t = 0"] = ("normalized", "normalized_low", "normalized_high")
        triples["gain on t = 0"] = ("difference", "difference_low", "difference_high")
        assert small_close(facts["q of the gain"], row["q"])
        assert close(facts["effect size d"], row["effect"], 2)
        images = str(row["n"]) if row["n"] == row["pairs"] else f"{row['n']}, with a gain {row['pairs']}"
        assert (facts["images"], facts["undefined (NaN)"]) == (images, str(row["nan"]))
    for name, statistics in triples.items():
        assert_triple(facts[name], row, statistics)
    if accuracy and row["metric"] != "correct":
        assert_triple(facts["accuracy"], accuracy, ("mean", "low", "high"))


def assert_triple(text: str, row: dict[str, Any], statistics: tuple[str, str, str]) -> None:
    found = re.fullmatch(r"(\S+) \[(\S+), (\S+)\]", text)
    assert found, text
    assert all(close(shown, row[name]) for shown, name in zip(found.groups(), statistics, strict=True)), (text, row)


def drawn(visit: Visit, choices: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The heatmap after each choice of the controls' values."""
    found: list[dict[str, Any]] = visit.page.evaluate(SET, choices)
    return found


def place_of(noise: str, sigma: str, pcoder: str) -> dict[str, str]:
    """As values of the controls."""
    return {"noise": str(NOISES.index(noise)), "sigma": str(SIGMAS.index(sigma)), "pcoder": str(PCODERS.index(pcoder))}


def facts_of(visit: Visit) -> dict[str, str]:
    terms, texts = (visit.page.locator(f"#cell {tag}").all_text_contents() for tag in ("dt", "dd"))
    return dict(zip(terms, texts, strict=True))


def kind_of(sigma: str, beta: str, lambda_: str) -> str:
    """What the broken study has at a place without a row of the aggregate."""
    if sigma == "none":
        return "nothing"
    return "skipped" if float(beta) + float(lambda_) > 1 else "missing"


def click(visit: Visit, beta: int, lambda_: int) -> None:
    """Until the page names the cell."""
    visit.page.mouse.click(*pixel(visit, beta, lambda_))
    await_name(visit, f"β = {BETAS[beta]}, λ = {LAMBDAS[lambda_]}, ")


def await_name(visit: Visit, text: str) -> None:
    """Of the chosen cell."""
    visit.page.locator("#cell-name", has_text=text).wait_for(timeout=5000)


def text_at(visit: Visit, selector: str) -> str:
    return visit.page.locator(selector).first.text_content() or ""


def pixel(visit: Visit, beta: int, lambda_: int) -> tuple[float, float]:
    """Of the middle of a cell of three times three, on the screen."""
    visit.page.locator("#heatmap").scroll_into_view_if_needed()
    box = visit.page.locator("#heatmap .nsewdrag").bounding_box()
    assert box
    return box["x"] + (lambda_ + 0.5) / 3 * box["width"], box["y"] + (2.5 - beta) / 3 * box["height"]


@pytest.mark.parametrize(("metric", "quantity"), [
    *(("iou", quantity) for quantity in QUANTITIES), ("iou@0.25", "mean"), ("pxap", "difference"), ("correct", "mean"),
    ("target_probability", "normalized"),
])  # fmt: skip
def test_every_number_of_the_heatmap_is_the_aggregates(shared: Visit, broken_page: Path, metric: str, quantity: str) -> None:
    labels = {
        "iou": "IoU",
        "iou@0.25": "IoU at threshold 0.25",
        "pxap": "PxAP",
        "correct": "accuracy",
        "target_probability": "target probability",
    }
    heads = {"normalized": "{0}(t) / {0}(0)", "difference": "gain on t = 0", "mean": "{0}(t)", "q": "q of the gain"}
    table, label = table_of(broken_page), labels[metric]
    there = [*product(NOISES[:1], SIGMAS[:2], PCODERS, range(STEPS)), *product(NOISES[1:], SIGMAS[2:], PCODERS[1:], range(STEPS))]
    places = [*there, ("gaussian", "none", "all", 1), (SALT, "none", "1", 1)]
    choices = [{"metric": metric, "quantity": quantity, "timestep": str(step), **place_of(*place)} for *place, step in places]
    seen = set()
    for (*place, step), shown in zip(places, drawn(shared, choices), strict=True):
        escaped = place[0].replace("&", "&amp;").replace("<", "&lt;")
        assert shown["title"].replace("<br>", ", ") == f"t = {step}, σ = {place[1]}, noise = {escaped}, pcoder = {place[2]}"
        assert shown["rows"][0] == [heads[quantity].format(label), *(f"λ = {value}" for value in LAMBDAS)]
        for (b, beta), (column, lambda_) in product(enumerate(BETAS), enumerate(LAMBDAS)):
            row = table.get((*place, beta, lambda_, step, metric))
            text, hover, mark = shown["rows"][3 - b][column + 1], shown["hover"][b][column], shown["stateMarks"][b][column]
            assert shown["rows"][3 - b][0] == f"β = {beta}"
            assert hover.startswith(f"<b>β = {beta}, λ = {lambda_}</b><br>")
            facts = hover.split("<br>")[1:]
            if row is None:
                kind = kind_of(place[1], beta, lambda_)
                assert (text, facts, shown["z"][b][column]) == (
                    "" if kind == "nothing" else kind,
                    [WORDS[kind]],
                    None,
                )
                assert mark == {"skipped": "–", "missing": "×", "nothing": ""}[kind]
                continue
            seen.add(row["identity"])
            assert close(text, row[quantity])
            assert packed_close(shown["z"][b][column], row[quantity])
            without = "·" if quantity == "q" and not math.isnan(row["mean"]) else "?"
            assert mark == (without if math.isnan(row[quantity]) else "")
            assert shown["marks"][b][column] == ("•" if row["q"] < 0.05 and "@" not in metric else "")
            by_name = dict(fact.replace("&lt;", "<").split(": ", 1) for fact in facts)
            assert_facts(by_name, row, label, table[(*place, beta, lambda_, step, "correct")])
    assert seen == {row["identity"] for row in table.values()}
    assert len(seen) == 22


def test_every_metric_can_be_chosen_and_a_quantity_it_lacks_cannot(shared: Visit, broken_page: Path) -> None:
    page = shared.page
    metrics = page.locator("#control-metric option").evaluate_all("(options) => options.map((option) => option.value)")
    assert sorted(metrics) == sorted({key[-1] for key in table_of(broken_page)})
    assert metrics[0] == "iou"
    for metric in metrics:
        page.select_option("#control-metric", metric)
        quantities = page.locator("#control-quantity option").evaluate_all("(options) => options.map((option) => option.value)")
        assert quantities == (["mean"] if "@" in metric or metric in OF_MASKS else list(QUANTITIES))
        assert page.input_value("#control-quantity") in quantities


def test_sliders_move_by_keyboard_and_say_where_they_are(shared: Visit, broken_page: Path) -> None:
    page, table = shared.page, table_of(broken_page)
    drawn(shared, [{"metric": "iou", "quantity": "mean", **place_of("gaussian", "0.2", "all")}])
    for name, symbol, texts in (("sigma", "σ", SIGMAS), ("timestep", "t", [str(step) for step in range(STEPS)])):
        slider = page.locator(f"#control-{name}")
        slider.focus()
        page.keyboard.press("Home")
        for number, text in enumerate(texts):
            assert slider.input_value() == str(number)
            assert slider.get_attribute("aria-valuetext") == f"{symbol} = {text}"
            assert slider.evaluate("(each) => each.labels[0].textContent") == f"{symbol} = {text}"
            assert f"{symbol} = {text}" in text_at(shared, "#heatmap .gtitle")
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
    value = table[("gaussian", "0.6", "all", "0.2", "0.5", 1, "iou")]["mean"]
    assert close(text_at(shared, "#as-table tbody tr:nth-child(3) td:nth-child(4)"), value)


def test_a_click_shows_the_cell_over_time(shared: Visit, broken_page: Path) -> None:
    table = table_of(broken_page)
    drawn(shared, [{"timestep": "2", **place_of("gaussian", "0.6", "all")}])
    for metric, label in (("iou", "IoU"), ("correct", "accuracy")):
        shared.page.select_option("#control-metric", metric)
        for (b, beta), (column, lambda_) in product(enumerate(BETAS), enumerate(LAMBDAS)):
            click(shared, b, column)
            where = f"β = {beta}, λ = {lambda_}, σ = 0.6, noise = gaussian, pcoder = all"
            if float(beta) + float(lambda_) > 1:
                assert text_at(shared, "#cell-name") == f"{where}: skipped: β + λ > 1"
                assert facts_of(shared) == {}
                assert not shared.page.locator("#over-time").is_visible()
                continue
            curves = shared.page.evaluate("document.getElementById('over-time').data")
            assert text_at(shared, "#cell-name") == where
            place = ("gaussian", "0.6", "all", beta, lambda_)
            facts = facts_of(shared)
            assert_facts(facts, table[(*place, 2, metric)], label, table[(*place, 2, "correct")])
            identity = table[(*place, 2, metric)]["identity"]
            assert (facts["noise seeds"], facts["identity"]) == ("2", identity[:12])
            assert shared.page.locator("#cell dd code[title]").get_attribute("title") == identity
            shard = table[(*place, 2, metric)]["shards"].split()[0]
            assert facts["drawn by"].startswith("python -m pcsweep.show study=broken output_root=")
            assert facts["drawn by"].endswith(f" identity={shard[:12]}")
            second = "iou" if metric == "correct" else "correct"
            assert_curves(curves, [(metric, place), (second, place)], table)


def assert_curves(curves: list[dict[str, Any]], of: list[tuple[str, tuple[str, ...]]], table: dict[Any, dict[str, Any]]) -> None:
    """A band and a line of the control, then of the cell, for each metric; at last of the first one's gain, which is paired."""
    gain = "gain on t = 0, of each image"
    number_of_maps = {"iou": 2, "correct": 0}
    beside = [curves.pop(-count) for count in range(sum(number_of_maps[metric] for metric, _ in of), 0, -1)]
    assert [curve["name"] for curve in beside] == ["centred Gaussian", "uniform map"]
    for curve, name in zip(beside, ("centre", "area"), strict=True):
        assert curve["showlegend"]
        assert all(packed_close(value, table[(*of[0][1], 0, name)]["mean"]) for value in curve["y"])
    assert [curve["name"] for curve in curves if "name" in curve] == ["feedforward control", "this cell"] * len(of) + [gain]
    assert len(curves) == 4 * len(of) + 2
    assert_gain(*curves[-2:], [table[(*of[0][1], step, of[0][0])] for step in range(STEPS)])
    for number, (metric, place) in enumerate(of):
        for offset, cell in ((0, (*place[:3], "1", "0")), (2, place)):
            band, line = curves[4 * number + offset : 4 * number + offset + 2]
            rows = [table[(*cell, step, metric)] for step in range(STEPS)]
            assert line["x"] == list(range(STEPS))
            assert all(map(packed_close, line["y"], [row["mean"] for row in rows]))
            assert band["x"] == [*range(STEPS), *reversed(range(STEPS))]
            edges = [row["high"] for row in rows] + [row["low"] for row in reversed(rows)]
            assert all(map(packed_close, band["y"], edges))


def assert_gain(band: dict[str, Any], line: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    assert all(map(packed_close, line["y"], [row["difference"] for row in rows]))
    edges = [row["difference_high"] for row in rows] + [row["difference_low"] for row in reversed(rows)]
    assert all(map(packed_close, band["y"], edges))
    assert line["marker"]["symbol"] == ["circle" if row["q"] < 0.05 else "circle-open" for row in rows]


def test_arrow_keys_go_from_cell_to_cell_and_stay_on_the_grid(shared: Visit, broken_page: Path) -> None:
    drawn(shared, [place_of("gaussian", "0.2", "1")])
    shared.page.locator("#heatmap").focus()
    for key, expected in [
        *[("ArrowDown", None)] * 4,
        *[("ArrowLeft", None)] * 4,
        ("ArrowLeft", "β = 0.2, λ = 0, σ = 0.2, noise = gaussian, pcoder = 1"),
        ("ArrowDown", "β = 0.2, λ = 0, σ = 0.2, noise = gaussian, pcoder = 1"),
        ("ArrowRight", "β = 0.2, λ = 0.2, σ = 0.2, noise = gaussian, pcoder = 1: missing"),
        ("ArrowUp", "β = 0.6, λ = 0.2, σ = 0.2, noise = gaussian, pcoder = 1"),
        ("ArrowUp", "β = 1, λ = 0.2, σ = 0.2, noise = gaussian, pcoder = 1: skipped: β + λ > 1"),
        ("ArrowUp", "β = 1, λ = 0.2, σ = 0.2, noise = gaussian, pcoder = 1: skipped: β + λ > 1"),
        ("ArrowRight", "β = 1, λ = 0.5, σ = 0.2, noise = gaussian, pcoder = 1: skipped: β + λ > 1"),
        ("ArrowRight", "β = 1, λ = 0.5, σ = 0.2, noise = gaussian, pcoder = 1: skipped: β + λ > 1"),
    ]:
        shared.page.keyboard.press(key)
        if expected:
            assert text_at(shared, "#cell-name") == expected
            shape = shared.page.evaluate("document.getElementById('heatmap').layout.shapes[0]")
            place = BETAS[round(shape["y0"] + 0.5)], LAMBDAS[round(shape["x0"] + 0.5)]
            assert expected.startswith(f"β = {place[0]}, λ = {place[1]},")
            assert (facts_of(shared) == {}) == (": " in expected)


def test_a_tap_shows_the_cell(visit: Callable[..., Visit], broken_page: Path) -> None:
    opened = visit(broken_page, has_touch=True, is_mobile=True, viewport={"width": 360, "height": 700})
    assert opened.page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    drawn(opened, [place_of("gaussian", "0.2", "1")])
    for beta, lambda_ in ((0, 2), (1, 1), (2, 0)):
        opened.page.touchscreen.tap(*pixel(opened, beta, lambda_))
        await_name(opened, f"β = {BETAS[beta]}, λ = {LAMBDAS[lambda_]}, σ = 0.2")


def test_an_undefined_cell_says_so_and_a_place_not_asked_for_too(shared: Visit, broken_page: Path) -> None:
    drawn(shared, [{"metric": "iou", "timestep": "2", **place_of("gaussian", "0.2", "all")}])
    click(shared, 1, 1)
    facts = facts_of(shared)
    assert (facts["IoU at t = 2"], facts["images"], facts["undefined (NaN)"]) == ("NaN [NaN, NaN]", "0", str(IMAGES))
    drawn(shared, [place_of("gaussian", "none", "all")])
    assert text_at(shared, "#cell-name").endswith(": not asked for")


def test_a_cell_without_a_control_is_shown_beside_its_start(shared: Visit, broken_page: Path) -> None:
    table = table_of(broken_page)
    drawn(shared, [{"metric": "iou", **place_of(SALT, "none", "all")}])
    click(shared, 1, 1)
    level = shared.page.evaluate("document.getElementById('over-time').data")[0]
    assert level["name"] == "feedforward (its t = 0)"
    start = table[(SALT, "none", "all", "0.6", "0.2", 0, "iou")]["mean"]
    assert all(packed_close(value, start) for value in level["y"])


def test_the_page_of_a_real_study_has_its_numbers(real_once: Visit, real_page: Path) -> None:
    table = table_of(real_page)
    places = list(product(("0", "0.4"), range(3), ("iou", "mass", "iou@0.9")))
    choices = [
        {"metric": metric, "quantity": "mean", "sigma": str(float(sigma) > 0 and 1 or 0), "timestep": str(step)}
        for sigma, step, metric in places
    ]
    for (sigma, step, metric), shown in zip(places, drawn(real_once, choices), strict=True):
        for (b, beta), (column, lambda_) in product(enumerate(("0.6", "1")), enumerate(("0", "0.2"))):
            row = table.get(("gaussian", sigma, "all", beta, lambda_, step, metric))
            text = shown["rows"][2 - b][column + 1]
            assert text == "skipped" if row is None else close(text, row["mean"])
    note = real_once.page.locator("#gallery small").first.text_content()
    assert note == "Computed anew from the shard's configuration."


@pytest.mark.parametrize("measured", [True, False], ids=["one cell", "no IoU"])
def test_a_small_study_opens_at_its_last_timestep(
    visit: Callable[..., Visit], tmp_path: Path, publish: Callable[[Path], Path], measured: bool
) -> None:
    put(tmp_path / "s", settings(0.5, 0.1), **({} if measured else dict.fromkeys(("iou", "mass", "rank"))))
    page = publish(tmp_path / "s")
    opened, (metric, label) = visit(page), ("iou", "IoU") if measured else ("pointing", "pointing game")
    assert text_at(opened, "#cell-name") == "β = 0.5, λ = 0.1, σ = 0.2"
    shown = facts_of(opened)
    step = next(step for step in reversed(range(STEPS)) if f"{label} at t = {step}" in shown)
    assert measured or step == STEPS - 1
    row = table_of(page)[("gaussian", "0.2", "all", "0.5", "0.1", step, metric)]
    assert_facts(shown, row, label, table_of(page)[("gaussian", "0.2", "all", "0.5", "0.1", step, "correct")])
    assert opened.page.locator("#controls input").count() == 1
    assert opened.page.locator("#trend").is_visible() is False
    assert opened.page.locator("#which-parts").count() == measured


def test_the_page_opens_at_the_cell_of_its_answer(visit: Callable[..., Visit], broken_page: Path) -> None:
    opened = visit(broken_page)
    rows = [row for key, row in table_of(broken_page).items() if key[-1] == "iou" and row["p_grid"] < 0.05]
    best = max(rows, key=lambda row: row["normalized"])
    assert facts_of(opened)["identity"] == best["identity"][:12]
    told = re.fullmatch(r"Yes: \+(\d+) % \[(\d+), (\d+)\] at (.*) \((.*)\), t = (\d)\.", text_at(opened, "#answer"))
    assert told
    shares = [best[name] - 1 for name in ("normalized", "normalized_low", "normalized_high")]
    assert [int(text) for text in told.groups()[:3]] == [round(100 * share) for share in shares]
    assert int(told[6]) == best["timestep"]
    assert f"t = {best['timestep']}, " in text_at(opened, "#heatmap .gtitle")
    assert text_at(opened, "#cell-name").startswith(f"β = {best['beta']:g}, λ = {best['lambda']:g}, σ = {best['sigma']:g}, ")
    assert told[4] in opened.page.locator("#which-parts option:checked").text_content()
    assert opened.page.evaluate("location.hash") == ""


def test_what_is_confirmed_stands_beside_the_best_of_all_images(visit: Callable[..., Visit], broken_page: Path) -> None:
    page = visit(broken_page).page
    chosen = [row for key, row in table_of(broken_page).items() if key[-1] == "iou" and row["chosen"]]
    drawn = page.evaluate(
        "document.getElementById('trend').data.map((each) => [each.name, each.marker.symbol, each.y, each.customdata])"
    )
    assert [name for name, *_ in drawn] == ["gaussian", "gaussian, chosen on one half, confirmed on the other"]
    name, symbol, y, across = drawn[1]
    assert (symbol, across) == ("circle-open", [0.2, 0.6])
    assert y == pytest.approx([row["confirming_normalized"] for row in chosen if row["sigma"] in (0.2, 0.6)])


def test_pictures_load_and_have_a_text(either: Visit) -> None:
    page = either.page
    found = page.locator("img").evaluate_all("(all) => all.map((each) => [each.naturalWidth, each.alt])")
    assert len(found) >= 6
    assert all(width > 0 and alt for width, alt in found)
    assert all(
        re.search(
            ", (image|noisy image|mask, centred Gaussian: \\d\\.\\d{3}, uniform map: \\d\\.\\d{3}|t = \\d+, IoU \\S+)$", alt
        )
        for _, alt in found
    )


def test_the_keyboard_reaches_everything_in_order(visit: Callable[..., Visit], broken_page: Path) -> None:
    page = visit(broken_page).page
    order: list[str] = []
    while "heatmap" not in order and len(order) < 60:
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('href')"))
    assert order[0] == "#explore"
    assert order[1] == "theme"
    controls = ["timestep", "sigma", "noise", "pcoder", "metric", "quantity"]
    assert [name for name in order if name and name.startswith("control-")] == [f"control-{name}" for name in controls]
    assert order[-1] == "heatmap"
    sections = page.locator("section").evaluate_all("(all) => all.map((each) => each.id)")
    targets = [name[1:] for name in order if name and name.startswith("#")]
    assert set(targets) <= set(sections)
    page.keyboard.press("Shift+Tab")
    labels = page.locator("input, select").evaluate_all("(all) => all.map((each) => each.labels[0]?.textContent.trim() || '')")
    assert all(labels)


def test_headings_are_a_tree_and_tables_have_heads(either: Visit) -> None:
    page = either.page
    levels = page.locator("h1, h2, h3, h4, h5").evaluate_all("(all) => all.map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    widths = page.locator("table").evaluate_all("(all) => all.map((each) => [...each.rows].map((row) => row.cells.length))")
    assert widths
    assert all(len(set(of_table)) == 1 for of_table in widths)
    assert page.locator("html").get_attribute("lang") == "en"


def test_nothing_is_wider_than_the_window(either: Visit) -> None:
    page = either.page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for width in (360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
        page.wait_for_timeout(300)  # plots follow
        assert page.locator("main *:not(.wide, .wide *, pre, .plot *)").evaluate_all(WIDE) == []


# Pixels of a cell of the heatmap across and down.
CELL = """(() => {
  const { xaxis, yaxis } = document.getElementById("heatmap")._fullLayout;
  return [xaxis, yaxis].map((axis) => axis._length / Math.abs(axis.range[1] - axis.range[0]));
})()"""


def test_cells_of_the_heatmap_are_square_at_every_width(shared: Visit) -> None:
    for width in (390, 768, 1280):
        shared.page.set_viewport_size({"width": width, "height": 900})
        shared.page.wait_for_timeout(300)  # plots follow
        across, down = shared.page.evaluate(CELL)
        assert across == pytest.approx(down, abs=1)
        assert 12 <= across <= 64.5


def luminance(colour: str) -> float:
    levels = [int(level) / 255 for level in re.findall(r"\d+", colour)[:3]]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return sum(weight * level for weight, level in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_is_legible_in_light_and_dark(shared: Visit) -> None:
    page = shared.page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    for scheme in ("dark", "light"):
        page.evaluate("delete document.documentElement.dataset.theme")
        page.emulate_media(color_scheme=scheme)
        assert_legible(page, dark=scheme == "dark")
        page.click("#theme")
        assert_legible(page, dark=scheme != "dark")
        page.click("#theme")
        assert_legible(page, dark=scheme == "dark")


def assert_legible(page: Any, dark: bool) -> None:
    for selector in TEXTS:
        pairs = page.evaluate(CONTRAST, selector)
        assert pairs, selector
        for text, behind in pairs:
            more, less = sorted((luminance(text), luminance(behind)), reverse=True)
            assert (more + 0.05) / (less + 0.05) >= 4.5, (selector, text, behind)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) < 0.2) == dark
    ink = page.evaluate("document.getElementById('heatmap').layout.font.color")
    levels = [str(int(ink[place : place + 2], 16)) for place in (1, 3, 5)]
    assert (luminance(" ".join(levels)) > 0.2) == dark


def test_the_download_has_every_number(shared: Visit, broken_page: Path, tmp_path: Path) -> None:
    page, table = shared.page, table_of(broken_page)
    with page.expect_download() as told:
        page.click("#download")
    assert told.value.suggested_filename == "broken.csv"
    told.value.save_as(tmp_path / "numbers.csv")
    with (tmp_path / "numbers.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    found: dict[Key, dict[str, str]] = {}
    for row in rows:
        place = (row[name] for name in ("noise", "sigma", "pcoder", "beta", "lambda"))
        found[(*place, int(row["timestep"]), row["metric"])] = row
    assert len(rows) == len(found)
    assert found.keys() == table.keys()
    assert list(rows[0])[-len(FULL) :] == list(FULL)
    for key, row in found.items():
        assert row["identity"] == table[key]["identity"]
        brief = "@" in key[-1] or key[-1] in OF_MASKS
        for name in FULL:
            value = table[key][name]
            if math.isnan(value) or (brief and name not in BRIEF):
                assert row[name] == ""
            else:
                assert float(row[name]) == pytest.approx(value, rel=6e-5)  # five digits


def plain_parts(folder: Path, identity: str, timestep: int) -> list[tuple[str, float, float, float]]:
    """(category, area, IoU at t = 0, IoU at t) of each image of a shard, by a plain search."""
    rows = shards.read(folder / "shards" / f"{identity}.parquet").table.to_pylist()
    at = {(row["image_id"], row["timestep"]): row for row in rows}
    return [
        (at[name, 0]["category"], at[name, 0]["area"], at[name, 0]["iou"], at[name, timestep]["iou"])
        for name in map(identifier, range(IMAGES))
    ]


def test_classes_and_sizes_are_those_of_the_chosen_best_cell(shared: Visit, broken_page: Path) -> None:
    page = shared.page
    headlines = page.evaluate("JSON.parse(document.getElementById('numbers').textContent).headlines")
    labels = page.locator("#which-parts option").all_text_contents()
    assert labels == [headline["label"] for headline in headlines]
    for number in (2, 0):
        page.select_option("#which-parts", str(number))
        images = plain_parts(broken_page.parent, headlines[number]["identity"], headlines[number]["timestep"])
        assert f"t = {headlines[number]['timestep']}" in labels[number]
        rows = table_cells(page, "#class-table")
        assert [row[0] for row in rows[1:]] != []
        assert {row[0] for row in rows[1:]} == {category for category, *_ in images}
        for label, n, start, end, gain, _ in rows[1:]:
            own = [(a, b) for category, _, a, b in images if category == label and not math.isnan(b)]
            assert int(n) == len(own)
            assert close(start, float(np.mean([a for a, _ in own])))
            assert close(end, float(np.mean([b for _, b in own])))
            assert close(gain, float(np.mean([b - a for a, b in own])))
        gains = [float(row[4]) for row in rows[1:]]
        assert gains == sorted(gains, reverse=True)
        sizes = table_cells(page, "#size-table")
        bounds = {"small, ≤ 5 %": (0, 0.05), "medium-small, ≤ 25 %": (0.05, 0.25), "medium-large, ≤ 50 %": (0.25, 0.5)}
        assert [row[0] for row in sizes] == ["size", *bounds, "large, > 50 %"]
        for label, n, _, _, gain, _ in sizes[1:]:
            above, upto = bounds.get(label, (0.5, 1))
            gains = [b - a for _, area, a, b in images if above < np.float32(area) <= np.float32(upto) and not math.isnan(b)]
            assert int(n) == len(gains)
            assert close(gain, float(np.mean(gains)) if gains else math.nan)
        assert sum(int(row[1]) for row in sizes[1:]) == sum(not math.isnan(end) for *_, end in images)
        points = page.evaluate("document.getElementById('by-class').data[0]")
        assert all(close(row[4], value) for row, value in zip(reversed(rows[1:]), points["x"], strict=True))


def table_cells(page: Any, selector: str) -> list[list[str]]:
    found: list[list[str]] = page.locator(f"{selector} tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return found


def test_no_button_of_a_plot_asks_for_the_network(visit: Callable[..., Visit], broken_page: Path) -> None:
    page = visit(broken_page, accept_downloads=True).page
    plots = page.locator(".js-plotly-plot")
    assert plots.count() == 6
    clicked = []
    for plot in plots.all():
        plot.scroll_into_view_if_needed()
        for button in plot.locator(".modebar-btn").all():
            clicked.append(button.get_attribute("data-title"))
            button.dispatch_event("click")
    page.wait_for_timeout(300)
    assert len(clicked) >= 6
    assert not [title for title in clicked if re.search("(?i)share|cloud|studio|edit|plotly", title or "plotly")]
    assert page.locator("a[href^=http], dialog[open], .plotly-cloud-dialog").count() == 0
    assert len(page.context.pages) == 1


def test_hostile_names_are_shown_as_they_are(shared: Visit, broken_page: Path) -> None:
    page = shared.page
    drawn(shared, [place_of(SALT, "none", "all")])
    ticks = page.locator("#by-class .ytick text").all_text_contents()
    for name in (*HOSTILE, ALONE):
        assert any(tick.startswith(re.sub(r"\s", " ", name)) for tick in map(lambda tick: re.sub(r"\s", " ", tick), ticks)), name
        assert name in page.locator("#class-table td:first-child").all_text_contents()
    assert SALT in text_at(shared, "#cell-name")
    assert SALT in text_at(shared, "#heatmap .gtitle")
    assert any(SALT in text for text in page.locator("#by-pcoder .legendtext").all_text_contents())
    for text in ("ValueError: no <b>memory</b> & no hope", "β=0.2 λ=0.5 <point>", "python -m pcsweep -m study=s 'hostile=<b>&'",
                 "<i>node&2</i>", SALT):  # fmt: skip
        assert text in text_at(shared, "main")
    assert page.locator("main script, main b, main img[src=x], main i:not(.swatches i)").count() == 0
    assert page.locator("html > body > script").count() == 3


def test_a_link_leads_to_what_was_shown(visit: Callable[..., Visit], broken_page: Path) -> None:
    first = visit(broken_page)
    drawn(first, [{"metric": "mass", "quantity": "difference", "timestep": "1", **place_of("gaussian", "0.6", "1")}])
    click(first, 1, 2)
    first.page.click("#cells-table button.sort:text-is('gain')")
    first.page.wait_for_timeout(500)  # the address follows when all is quiet
    link = first.page.evaluate("location.hash")
    assert "t=1&sigma=0.6&noise=gaussian&pcoder=1&beta=0.6&lambda=0.5&metric=mass&show=difference" in link
    second = visit(broken_page, hash=link)
    assert text_at(second, "#cell-name") == "β = 0.6, λ = 0.5, σ = 0.6, noise = gaussian, pcoder = 1: skipped: β + λ > 1"
    for selector in ("#heatmap .gtitle", "#cells-caption", "#control-timestep + output", "#cells-table"):
        texts = [each.page.locator(selector).all_text_contents() for each in (first, second)]
        assert texts[0] == texts[1]
    assert second.page.input_value("#control-metric") == "mass"
    assert second.page.locator("th[aria-sort=ascending]").text_content() == "gain"
    second.page.click("nav a[href='#cells']")
    assert second.page.evaluate("location.hash") == link
    assert second.page.evaluate("document.getElementById('cells').getBoundingClientRect().top") < 100
    assert second.page.locator("nav").bounding_box()["y"] == 0  # stays in sight


def test_a_link_that_means_nothing_does_no_harm(shared: Visit) -> None:
    page = shared.page
    drawn(shared, [{"metric": "iou", "quantity": "normalized", "timestep": "2", **place_of("gaussian", "0.2", "all")}])
    before = [text_at(shared, selector) for selector in ("#cell-name", "#control-metric option:checked", "#heatmap .gtitle")]
    for hash in ("#methods", "#t=99&beta=7&metric=<b>&show=normalized&sort=-nothing", "#=&&", "#t=%ZZ&sigma=-1"):
        page.evaluate("(hash) => { location.hash = hash; }", hash)
        page.wait_for_timeout(100)
        after = [text_at(shared, selector) for selector in ("#cell-name", "#control-metric option:checked", "#heatmap .gtitle")]
        assert after == before, hash


def test_the_table_of_all_cells_sorts_by_keyboard_and_shows_a_cell(visit: Callable[..., Visit], broken_page: Path) -> None:
    opened, table = visit(broken_page), table_of(broken_page)
    page = opened.page
    drawn(opened, [{"timestep": "3"}])
    rows = {row["identity"][:12]: row for key, row in table.items() if key[-1] == "iou" and key[-2] == 3}
    assert len(table_cells(page, "#cells-table")) == 1 + len(rows)
    page.locator("#cells-table button.sort", has_text=re.compile("^gain$")).focus()
    for order in ("ascending", "descending"):
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.textContent") == "gain"
        assert page.locator(f"th[aria-sort={order}]").all_text_contents() == ["gain"]
        heads, *body = table_cells(page, "#cells-table")
        assert len(body) == len(rows)
        gains = [rows[row[0]]["difference"] for row in body]
        defined = [gain for gain in gains if not math.isnan(gain)]
        assert defined == sorted(defined, reverse=order == "descending")
        assert len(defined) < len(gains)
        assert all(math.isnan(gain) for gain in gains[len(defined) :])
        for row in body:
            own = rows[row[0]]
            assert_triple(row[heads.index("gain")], own, ("difference", "difference_low", "difference_high"))
            assert_triple(row[heads.index("IoU(t)")], own, ("mean", "low", "high"))
    chosen = body[2][0]
    page.locator("#cells-table button.choose", has_text=chosen).focus()
    page.keyboard.press("Enter")
    assert facts_of(opened)["identity"] == chosen
    assert page.evaluate("document.activeElement.id") == "heatmap"


def test_a_long_table_of_cells_is_cut_until_asked(
    visit: Callable[..., Visit], publish: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = module._own
    monkeypatch.setattr(module, "_own", lambda name: Markup(own(name).replace("MOST_ROWS = 200", "MOST_ROWS = 2")))  # noqa: S704
    for lambda_ in (0.0, 0.1, 0.2):
        put(tmp_path / "s", settings(0.5, lambda_))
    page = visit(publish(tmp_path / "s")).page
    assert page.locator("#cells-table tbody tr").count() == 2
    page.get_by_role("button", name="Show all 3 cells, not only 2").click()
    assert page.locator("#cells-table tbody tr").count() == 3
    assert not page.locator("#more-cells").is_visible()


def test_figures_are_saved_for_print(visit: Callable[..., Visit], broken_page: Path, tmp_path: Path) -> None:
    page = visit(broken_page, accept_downloads=True, color_scheme="dark").page
    saved = {}
    for kind, name in product(("svg", "png"), ("heatmap", "curves", "sizes")):
        with page.expect_download() as told:
            page.get_by_role("button", name=f"Save the {name} as {kind.upper()}").click()
        told.value.save_as(tmp_path / f"{name}.{kind}")
        saved[name, kind] = told.value.suggested_filename
    assert re.fullmatch(r"broken_heatmap_iou_normalized_t\d\.svg", saved["heatmap", "svg"])
    assert re.fullmatch(r"broken_curves_iou_beta-[\d.]+-lambda-[\d.]+\.png", saved["curves", "png"])
    with Image.open(tmp_path / "heatmap.png") as picture:
        assert picture.width == 2125  # 180 mm at 300 dots an inch
        assert picture.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
    drawing = (tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert 'width="680"' in drawing
    for text in ("toy on shapes", "n = 24 images", "σ of pixels in [0, 1]", "gain in IoU", "feedforward control"):
        assert text in drawing
    assert "rgb(236, 236, 236)" not in drawing  # the ink of the dark page


def test_on_paper_nothing_is_lost(visit: Callable[..., Visit], broken_page: Path, tmp_path: Path) -> None:
    page = visit(broken_page, viewport={"width": 703, "height": 1000}, color_scheme="dark").page  # A4 less its margins
    folded = page.locator("details:not([open])").count()
    assert folded > 3
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 703
    ends = "(all) => all.map((each) => each.getBoundingClientRect().right)"
    right = page.locator("main table, main pre, main img, .plot .main-svg").evaluate_all(ends)
    assert len(right) > 20
    assert max(right) <= 704
    for selector in ("nav", ".controls", ".save", "#theme", ".copy"):
        assert not page.locator(selector).first.is_visible()
    assert page.locator("#gallery img").first.is_visible()
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    points = page.evaluate("document.querySelectorAll('#over-time .scatterlayer .points path').length")
    assert points >= 3 * STEPS
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == folded
    page.emulate_media(media="screen")
    pdf = page.pdf(prefer_css_page_size=True)
    assert re.findall(rb"/MediaBox \[0 0 (\S+) (\S+)\]", pdf)[0] == (b"594.95996", b"841.91998")


def test_the_identity_and_the_command_are_copied(visit: Callable[..., Visit], broken_page: Path) -> None:
    opened = visit(broken_page, permissions=["clipboard-read", "clipboard-write"])
    identity = opened.page.locator("#cell code[title]").get_attribute("title")
    for name, text in (("identity", identity), ("command", facts_of(opened)["drawn by"])):
        opened.page.locator("#cell").get_by_role("button", name=f"Copy the {name}").click()
        opened.page.locator("#cell button.done").last.wait_for()
        assert opened.page.evaluate("navigator.clipboard.readText()") == text
    drawn(opened, [place_of("gaussian", "0.2", "1")])
    click(opened, 0, 1)
    assert text_at(opened, "#how-computed") == "Computed by: python -m pcsweep -m study=s 'hostile=<b>&'"


@pytest.mark.parametrize(
    ("points", "label", "values"),
    [
        ([settings(0.5, value) for value in (0.0, 0.1, 0.3)], "feedback λ", ["0", "0.1", "0.3"]),
        ([settings(value, 0.1) for value in (0.2, 0.5)], "feedforward β", ["0.2", "0.5"]),
        ([settings(0.5, 0.1, value) for value in (0.0, 0.2, 0.4)], "σ", ["0", "0.2", "0.4"]),
        (
            [settings(0.5, 0.1, None, noise__name="salt", noise__share=value) for value in (0.05, 0.3)],
            "share",
            ["0.05", "0.3"],
        ),
    ],
    ids=["lambda", "beta", "sigma", "share"],
)
def test_a_sweep_of_one_dimension_is_drawn_as_lines(
    visit: Callable[..., Visit], publish: Callable[[Path], Path], tmp_path: Path, points: list[Any], label: str, values: list[str]
) -> None:
    for point in points:
        put(tmp_path / "s", point)
    page_path = publish(tmp_path / "s")
    opened = visit(page_path)
    page = opened.page
    rows = pq.read_table(page_path.with_name("aggregate.parquet")).to_pylist()
    page.select_option("#control-quantity", "difference")
    page.locator("#control-timestep").fill("2")
    trace = page.evaluate("document.getElementById('heatmap').data[0]")
    assert text_at(opened, "#heatmap .xtitle") == label
    assert trace["type"] == "scatter"
    assert [f"{value:g}" for value in trace["x"]] == values
    own = sorted((row for row in rows if row["timestep"] == 2 and row["metric"] == "iou"),
                 key=lambda row: (row["sigma"] or 0, row.get("noise.share") or 0, row["beta"], row["lambda"]))  # fmt: skip
    assert all(map(packed_close, trace["y"], [row["difference"] for row in own]))
    highs = [row["difference_high"] - row["difference"] for row in own]
    assert trace["error_y"]["array"] == pytest.approx(highs, abs=1e-6)
    page.locator("#heatmap").focus()
    for _ in values:
        page.keyboard.press("ArrowRight")
    assert facts_of(opened)["identity"] == own[-1]["identity"][:12]
    page.keyboard.press("ArrowLeft")
    assert facts_of(opened)["identity"] == own[-2]["identity"][:12]
    box = page.locator("#heatmap .scatterlayer .points path").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("#cell dd code", has_text=own[0]["identity"][:12]).first.wait_for()
    assert len(table_cells(page, "#as-table")) == 1 + len(values)
    page.click("#theme")
    drawn_again = page.locator("#heatmap .main-svg").first.bounding_box()
    assert drawn_again
    assert drawn_again["height"] == 450


def test_without_scripts_tables_and_gallery_are_there(visit: Callable[..., Visit], broken_page: Path) -> None:
    opened = visit(broken_page, java_script_enabled=False)
    page = opened.page
    assert page.locator("noscript p").is_visible()
    assert page.locator("#headlines tbody tr").count() >= 3
    assert page.locator("#confirmed tbody tr").count() == 3
    assert re.search(r"\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]", text_at(opened, "#confirmed tbody tr"))
    assert re.search(r"1\.\d{3} \[1\.\d{3}, 1\.\d{3}\]", text_at(opened, "#headlines tbody tr"))
    assert page.locator("#pcoders tbody tr").count() == 5
    assert page.locator("#gallery img").first.is_visible()
    assert page.locator("#completeness li").first.is_visible()
    assert text_at(opened, "#answer").startswith("Yes: +")
    for selector in ("#explore", "#cells", "#parts", "#theme", "#download", "#trend"):
        assert not page.locator(selector).is_visible()
