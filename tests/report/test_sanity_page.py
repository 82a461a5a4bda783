"""The section of the page about networks drawn anew, in a browser."""

import csv
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from browser import Visit, chromium
from toy_study import columns, put, settings

from pcsweep.study import shards

SHOWN = """(id) => document.getElementById(id).data.map((each) => [each.name, each.y.length])"""


def drawn_anew(how: str | int | None) -> dict[str, Any]:
    """The settings of a model."""
    return {"name": "toy", "weights_sha256": str(how), **({} if how is None else {"randomized": how, "randomized_seed": 0})}


def study(folder: Path) -> None:
    """Two attributions, one of which does not look at the network, at two σ."""
    depths = {None: 0, "head": 1, 1: 2}
    for name, how, sigma in product(("blind", "<b>looking</b>"), depths, (0.0, 0.2)):
        point = settings(0.6, 0.2, sigma, model=drawn_anew(how), attribution={"name": name})
        values = columns(point)
        images = [int(image.rsplit(" ", 1)[1]) for image in values["image_id"]]
        seeds = [(*pair, 0 if name == "blind" else depths[how]) for pair in zip(images, values["timestep"], strict=True)]
        values["map"] = [np.random.default_rng(seed).random((4, 4)).tolist() for seed in seeds]
        shards.write(folder / "shards", point, values, {})


def test_sentences_table_and_curves_of_every_attribution(tmp_path: Path, publish: Callable[[Path], Path]) -> None:
    study(tmp_path / "s")
    with chromium() as browser:
        visit = Visit(browser, publish(tmp_path / "s"))
        section = visit.page.locator("#sanity")
        assert section.locator("h2").inner_text() == "Which maps depend on the class evidence"
        sentences = section.locator("li").all_inner_texts()
        assert len(sentences) == 2
        assert any(each.startswith("blind does not change at all when the head is drawn anew") for each in sentences)
        assert any(each.startswith("<b>looking</b> depends on what is learned in the head") for each in sentences)
        rows = section.locator("tbody tr").all_inner_texts()
        assert len(rows) == 2 * 2 * 2  # attributions, σ, and t = 0 and the last
        assert sum("unchanged" in row for row in rows) == sum("depends" in row for row in rows) == 4
        options = section.locator("option").all_inner_texts()
        assert options == ["σ = 0, t = 0", "σ = 0.2, t = 0", "σ = 0, t = 3", "σ = 0.2, t = 3"]
        for plot in ("sanity-correlation", "sanity-iou"):
            assert visit.page.evaluate(SHOWN, plot) == [["&lt;b>looking&lt;/b>", 3], ["blind", 3]]
        with visit.page.expect_download() as told:
            visit.page.get_by_role("button", name="Save the numbers of the rank correlations as CSV").click()
        saved = list(csv.DictReader(told.value.path().read_text(encoding="utf-8").splitlines()))
        assert [row["series"] for row in saved] == ["<b>looking</b>"] * 3 + ["blind"] * 3
        drawn = visit.page.evaluate("document.getElementById('sanity-correlation').data.flatMap((each) => each.y)")
        assert [float(row["Spearman's ρ"]) for row in saved] == drawn
        before = visit.page.evaluate("document.getElementById('sanity-iou').data[0].y")
        section.locator("select").select_option(label="σ = 0.2, t = 3")
        assert visit.page.evaluate("document.getElementById('sanity-iou').data[0].y") != before
        assert visit.complaints == []


def test_another_study_has_no_such_section(tmp_path: Path, publish: Callable[[Path], Path]) -> None:
    put(tmp_path / "s", settings(0.6, 0.2))
    text = publish(tmp_path / "s").read_text()
    assert 'id="sanity"' not in text
    assert "#sanity" not in text
