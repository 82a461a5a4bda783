"""What the page says in words and tables."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_study import IMAGES, SALT, STEPS, damage, plan, put, settings

from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.words import parse
from pcsweep.metric.sizes import SIZES
from pcsweep.report import sentences as module
from pcsweep.report.contents import Contents, contents
from pcsweep.report.page import html

Gather = Callable[..., Contents]


@pytest.fixture(scope="module")
def broken_contents(broken_study: Path, gather: Gather) -> Contents:
    return gather(broken_study)


def test_the_grid_in_words(broken_contents: Contents) -> None:
    assert broken_contents.question == "Does predictive-coding feedback change what toy attends to on noisy images of shapes?"
    assert broken_contents.grid == [
        "Coefficients: feedforward β = 0.2, 0.6, 1; feedback λ = 0, 0.2, 0.5; error α = 0; active pcoders: 1, all.",
        f"Noise: gaussian, {SALT}, σ = 0.2, 0.6, none (of pixels in [0, 1]), 1 to 2 seeds.",
        "24 images of 5 classes, at t = 0 (plain feedforward) to 3.",
        "Measured: the map of the attribution grad_cam for the target label, against the object's mask; "
        "IoU of what is above 0.5 of the map's maximum.",
    ]
    assert broken_contents.per == "noise and σ"


def test_what_is_there_and_what_is_not(broken_contents: Contents) -> None:
    gaps = broken_contents.completeness
    assert broken_contents.counts == "22 cells done, 12 skipped (β + λ > 1), 3 missing, 2 files damaged"
    assert len(gaps.missing) == 3
    assert gaps.missing[1].startswith("model=toy dataset=shapes noise=gaussian σ=0.2 pcoder=1 β=0.2 λ=0.2")
    assert gaps.commands == broken_contents.asked == ["python -m pcsweep -m study=s 'hostile=<b>&'"]
    assert gaps.reasons == [("β=0.2 λ=0.5 <point>", "ValueError: no <b>memory</b> & no hope")]
    assert sorted(file.replaced for file in gaps.damaged) == [False, True]
    assert broken_contents.hours == "16.8 minutes on CPUs"
    assert any(line.startswith("Undefined (NaN)") for line in gaps.suspicions)


def test_a_file_damaged_just_now_is_counted_as_one_found_before(tmp_path: Path, gather: Gather) -> None:
    put(tmp_path, settings(0.2, 0.1))
    damage(put(tmp_path, settings(0.2, 0.2)))
    first, second = gather(tmp_path), gather(tmp_path)
    assert first.counts == second.counts == "1 cell done, 0 skipped (β + λ > 1), 0 missing, 1 file damaged"
    assert len(first.completeness.damaged) == 1


def test_the_trend_is_of_the_first_kind_of_cells(broken_contents: Contents) -> None:
    rows = [dict(zip(broken_contents.headlines.columns, row, strict=True)) for row in broken_contents.headlines.rows]
    first, last = (
        f"{row['IoU(t)/IoU(0) [95 %]']} at gaussian, σ = {row['σ']} (β = {row['β']}, λ = {row['λ']}, "
        f"pcoder = {row['pcoder']}, t = {row['t']})"
        for row in rows[:2]
    )
    assert broken_contents.trend == f"The best cell's IoU(t) / IoU(0) goes from {first} to {last}."
    series = broken_contents.drawn["trend"]
    assert [(each["name"], each["x"]) for each in series] == [("gaussian", [0.2, 0.6])]
    (confirmed,) = broken_contents.drawn["trendConfirmed"]
    assert (confirmed["name"], confirmed["x"]) == ("gaussian", [0.2, 0.6])
    rows = [dict(zip(broken_contents.confirmed.columns, row, strict=True)) for row in broken_contents.confirmed.rows]
    told = [f"{confirmed['y'][i]:.3f} [{confirmed['low'][i]:.3f}, {confirmed['high'][i]:.3f}]" for i in range(2)]
    assert told == [row["confirmed [95 %]"] for row in rows[:2]]


def test_every_row_of_a_table_has_its_columns(broken_contents: Contents) -> None:
    for columns, rows in (
        (broken_contents.headlines.columns, broken_contents.headlines.rows),
        (broken_contents.confirmed.columns, broken_contents.confirmed.rows),
        (broken_contents.metrics.columns, broken_contents.metrics.rows),
        (broken_contents.pcoders.columns, broken_contents.pcoders.rows),
    ):
        assert rows
        assert {len(row) for row in rows} == {len(columns)}
    places = [row[:3] for row in broken_contents.pcoders.rows]
    assert places == [
        ["gaussian", "0.2", "1"], ["gaussian", "0.2", "all"], ["gaussian", "0.6", "1"], ["gaussian", "0.6", "all"],
        [SALT, "none", "all"],
    ]  # fmt: skip
    assert [each["x"] for each in broken_contents.drawn["pcoders"]] == [["1", "all"], ["1", "all"], ["all"]]


def test_galleries_are_of_some_best_cells(broken_contents: Contents, broken_study: Path, gather: Gather) -> None:
    assert len(broken_contents.galleries) == 3
    assert broken_contents.galleries[0][0].startswith("gaussian, σ = 0.2: β = ")
    none = gather(broken_study, 0)
    assert (none.galleries, none.no_gallery) == ([], "Not asked for: gallery=0.")


def test_one_cell_is_a_study(tmp_path: Path, gather: Gather) -> None:
    put(tmp_path, settings(0.2, 0.1, 0.0))
    found = gather(tmp_path)
    assert found.question == "Does predictive-coding feedback change what toy attends to on images of shapes?"
    assert found.grid[1].startswith("Noise: gaussian, σ = 0 (of pixels in [0, 1]), 1 seed, the same for every cell.")
    assert found.counts.startswith("1 cell done, 0 skipped (β + λ > 1), 0 missing, 0 files")
    assert found.trend.startswith("The best cell has IoU(t) / IoU(0) = 1.")
    assert (found.pcoder_sets, found.pcoders.rows) == (["all"], [])
    assert (found.drawn["trend"], found.drawn["trendConfirmed"], found.drawn["pcoders"]) == ([], [], [])
    gaps = found.completeness
    assert (gaps.missing, gaps.commands, gaps.reasons, gaps.damaged, found.asked) == ([], [], [], [], [])


def test_without_an_iou_all_else_is_there(tmp_path: Path, gather: Gather) -> None:
    for active in ([1, 2], [1]):
        put(tmp_path, settings(0.2, 0.1, pcoder__active=active, metrics=["pointing"]), iou=None, mass=None, rank=None)
    found = gather(tmp_path)
    assert (found.headlines.rows, found.headlines.columns, found.trend, found.galleries) == ([], [], "", [])
    assert found.no_gallery == found.nothing == "No IoU was measured, or none is defined."
    assert (found.pcoder_sets, found.pcoders.rows) == (["1", "all"], [])
    assert "pointing" in found.drawn["grid"]["labels"]


def test_nothing_defined_after_the_start_is_no_headline(tmp_path: Path, gather: Gather) -> None:
    put(tmp_path, settings(0.2, 0.1), undefined=IMAGES)
    found = gather(tmp_path)
    assert (found.headlines.rows, found.galleries) == ([], [])
    assert any(line.startswith("Undefined (NaN)") for line in found.completeness.suspicions)


def test_a_long_list_of_missing_cells_is_cut(tmp_path: Path, gather: Gather, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LISTED", 2)
    points = [settings(0.2, number / 100) for number in range(20)]
    plan(tmp_path, points)
    put(tmp_path, points[0])
    found = gather(tmp_path)
    assert len(found.completeness.missing) == 3
    assert found.completeness.missing[-1] == "… and 17 more"
    assert "λ = 0 to 0.19 (20 values)" in found.grid[0]


def test_coefficients_per_pcoder_are_told(tmp_path: Path, gather: Gather) -> None:
    put(tmp_path, settings(0.5, 0.1))
    put(tmp_path, settings(0.5, 0.1, pcoder__beta=[0.8, 0.4]))
    assert "β = 0.5, [0.8 0.4]; " in gather(tmp_path).grid[0]


def test_several_models_are_asked_about_and_kept_apart(tmp_path: Path, gather: Gather) -> None:
    for name in ("toy", "other"):
        for sigma in (0.2, 0.4):
            put(tmp_path, settings(0.2, 0.1, sigma, model__name=name))
    found = gather(tmp_path)
    assert found.question.startswith("Does predictive-coding feedback change what other, toy attends to")
    assert [row[:2] for row in found.headlines.rows] == [["other", "0.2"], ["other", "0.4"], ["toy", "0.2"], ["toy", "0.4"]]
    assert [each["name"] for each in found.drawn["trend"]] == ["model = other", "model = toy"]
    assert found.trend.count("model = other") == 2


def test_hours_by_device(tmp_path: Path, gather: Gather) -> None:
    for number, device in enumerate(("NVIDIA H100", "", "cpu")):
        put(tmp_path, settings(0.2, 0.1, noise__seed=number), {"device": device, "seconds": "5400"})
    told = gather(tmp_path).hours
    assert set(told.split("; ")) == {
        "1.50 GPU-hours on NVIDIA H100",
        "90.0 minutes on a device that was not noted",
        "90.0 minutes on CPUs",
    }


def test_all_metrics_of_a_best_cell_stand_beside_their_baselines(tmp_path: Path, gather: Gather) -> None:
    mass = np.tile(np.linspace(0.1, 0.4, STEPS, dtype=np.float32), (IMAGES, 1))
    masks = {name: np.full((IMAGES, STEPS), value, np.float32) for name, value in (("area", 0.25), ("centre", 0.125))}
    put(tmp_path, settings(0.2, 0.1), mass=mass, **masks)
    rows: dict[str, Any] = {row[1]: row[2:] for row in gather(tmp_path).metrics.rows}
    last = gather(tmp_path).headlines.rows[0]
    assert rows["relevance mass (uniform map 0.250)"][0] == "0.100"
    iou = "IoU (centred Gaussian 0.125, uniform map 0.250)"
    assert rows[iou][:2] == last[4:6]
    assert "accuracy" in rows
    assert [rows[name][-1] for name in (iou, "accuracy", "mIoU")] == ["22", "24", "24"]  # two have no IoU after t = 0
    assert [rows[f"mIoU@{size.name}"][-1] for size in SIZES] == ["0", "24", "0", "0"]  # all objects are of 25 %


def test_a_noise_without_sigma_is_told_by_what_it_has(tmp_path: Path, gather: Gather) -> None:
    for share in (0.1, 0.3):
        put(tmp_path, settings(0.2, 0.1, None, noise__name="salt", noise__share=share))
    found = gather(tmp_path)
    assert found.question.endswith("attends to on noisy images of shapes?")
    assert found.grid[1] == "Noise: salt, share = 0.1, 0.3, 1 seed, the same for every cell."
    assert " at share = 0." in found.answer.text
    assert [(each["x"], found.drawn["trendAxis"]) for each in found.drawn["trend"]] == [([0.1, 0.3], "noise share")]
    assert found.drawn["about"] == ["toy on shapes", f"n = {IMAGES} images"]


def test_a_part_of_a_study_says_which(tmp_path: Path) -> None:
    for count in (IMAGES, 99):
        put(tmp_path / "s", settings(0.2, 0.1, selection__count=count))
    options = parse([f"study={tmp_path / 's'}", f"dataset.limit={IMAGES}"])
    result = aggregate(tmp_path / "s", 20, 20, where=options.where)
    assert "selection.count" in contents(tmp_path / "s", result, options, 0).grid[0]


def test_the_note_stands_above(tmp_path: Path, gather: Gather) -> None:
    plan(tmp_path / "s", [settings(0.5, 0.1)])
    path = tmp_path / "s" / "planned" / "1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "note": "<b>second</b> try", "tags": ["alpha"]}))
    put(tmp_path / "s", settings(0.5, 0.1))
    contents = gather(tmp_path / "s", pictured=0)
    assert contents.said == ["<b>second</b> try [alpha]"]
    assert "Note: &lt;b&gt;second&lt;/b&gt; try [alpha]" in html(contents)
