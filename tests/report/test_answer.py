"""The answer: yes only where the choice among all cells and timesteps is allowed for, and never more than the numbers say."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from toy_study import IMAGES, STEPS, plan, put, settings

from pcsweep.aggregate.best import headlines
from pcsweep.aggregate.run import aggregate
from pcsweep.report.answer import Answer, answer, change


def values(gain: float, spread: float = 0.02, seed: int = 0) -> np.ndarray:
    """(images, timesteps) from 0.5 on: this gain at the last timestep on average."""
    noise = np.random.default_rng(seed).normal(0, spread, (IMAGES, STEPS))
    noise[:, 0] = 0
    return (0.5 + noise + gain * np.arange(STEPS) / (STEPS - 1)).astype(np.float32)


def answered(folder: Path, gains: list[float], metric: str = "iou", **how: Any) -> tuple[Answer, list[dict[str, Any]]]:
    """Of a study with a cell for each gain, and the rows of its metric."""
    for number, gain in enumerate(gains):
        put(folder, settings(0.5, 0.1 * (number + 1)), iou=values(gain, seed=number, **how), undefined=0)
    result = aggregate(folder, 200, 999)
    rows = result.table.filter(pc.field("metric") == metric).to_pylist()
    return answer(result, headlines(result.table, result.facets, metric), metric), rows


def test_the_highest_gain_that_stands_the_choice_is_the_answer(tmp_path: Path) -> None:
    found, rows = answered(tmp_path, [0.01, 0.1, -0.05])
    best = max(rows, key=lambda row: row["normalized"])
    share, low, high = (100 * (best[name] - 1) for name in ("normalized", "normalized_low", "normalized_high"))
    assert found.text == f"Yes: +{share:.0f} % [{low:.0f}, {high:.0f}] at σ = 0.2 (β = 0.5, λ = 0.2), t = 3."
    assert found.row
    assert found.row["identity"] == best["identity"]
    told = " ".join(found.caveats)
    assert "24 images, each paired with itself at t = 0" in told
    assert "corrected for the choice among all cells and timesteps" in told
    assert "Picked as the extreme of 3 cells × 3 timesteps" in told
    gaining, losing = (
        len({row["identity"] for row in rows if row["p_grid"] < 0.05 and sign * row["difference"] > 0}) for sign in (1, -1)
    )
    assert f"In all, {gaining} cells gained and {losing} lost" in told


def expected(row: dict[str, Any], few: str = "") -> str:
    """The sentence on halves of a row of three cells that differ in λ."""
    first = 100 * (row["choosing_normalized"] - 1)
    share, low, high = (100 * (row[f"confirming_normalized{end}"] - 1) for end in ("", "_low", "_high"))
    p = "< 0.001" if row["confirming_p"] < 0.001 else f"= {row['confirming_p']:.2g}"
    told = (
        f"One half of the images (12) alone picks σ = 0.2 (β = 0.5, λ = {row['lambda']:g}), t = {row['timestep']}, with "
        f"{first:+.0f} %; the other half (12), which had no say, has {share:+.0f} % [{low:.0f}, {high:.0f}] there, p {p}{few}."
    )
    return told.replace("-", "−")


def test_what_one_half_picks_is_told_with_what_the_other_half_says(tmp_path: Path) -> None:
    found, rows = answered(tmp_path, [0.01, 0.1, -0.05], spread=0.1)
    picked = max((row for row in rows if row["timestep"]), key=lambda row: row["choosing_normalized"])
    assert expected(picked) in found.caveats


def test_of_a_loss_one_half_picks_the_largest(tmp_path: Path) -> None:
    found, rows = answered(tmp_path, [-0.1, -0.2], spread=0.05)
    picked = min((row for row in rows if row["timestep"]), key=lambda row: row["choosing_normalized"])
    assert found.text.startswith("Yes, for the worse")
    assert expected(picked) in found.caveats


def test_halves_of_few_images_are_too_small(tmp_path: Path) -> None:
    for lambda_ in (0.1, 0.2):
        put(tmp_path, settings(0.5, lambda_, selection__count=9), undefined=0)
    result = aggregate(tmp_path, 20, 99)
    told = answer(result, headlines(result.table, ()), "iou").caveats
    (line,) = [line for line in told if line.startswith("One half of the images (4) alone picks")]
    assert "the other half (5), which had no say" in line
    assert line.endswith("; halves of fewer than 20 images are too small.")


def test_a_single_row_is_no_choice(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.1, timesteps=1), undefined=0)
    result = aggregate(tmp_path, 20, 99)
    told = answer(result, headlines(result.table, ()), "iou").caveats
    assert not any("One half" in line or "Picked" in line for line in told)


def test_where_all_that_stands_is_a_loss_it_is_for_the_worse(tmp_path: Path) -> None:
    found, rows = answered(tmp_path, [-0.1, -0.2])
    worst = min(rows, key=lambda row: row["normalized"])
    assert found.text.startswith(f"Yes, for the worse: −{100 * (1 - worst['normalized']):.0f} % [−")
    assert "λ = 0.2), t = 3." in found.text


@pytest.mark.parametrize("spread", [0.3, 0.05])
def test_chance_is_no_answer(tmp_path: Path, spread: float) -> None:
    found, rows = answered(tmp_path, [0.0, 0.0, 0.0], spread=spread)
    assert min(row["p_grid"] for row in rows if row["timestep"]) >= 0.05
    assert found.text.startswith("No: no change stands out from chance. The highest is +")
    assert "That no change is shown does not show that there is none." in found.caveats
    assert any(re.fullmatch(r"p = 0\.\d+, corrected.*|p = 1, corrected.*", line) for line in found.caveats)


def test_too_few_images_cannot_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for gain in (0.1, 0.2):
        put(tmp_path, settings(0.5, gain), iou=values(gain), undefined=0)
    result = aggregate(tmp_path, 20, 9)
    found = answer(result, headlines(result.table, ()), "iou")
    assert found.text.startswith("Unknown: with 24 images and these permutations no p can be below 0.1. The highest is +")


def test_controls_alone_and_nothing_measured_are_no_answer(tmp_path: Path) -> None:
    put(tmp_path / "control", settings(0.5, 0.0), undefined=0)
    put(tmp_path / "without", settings(0.5, 0.1), iou=None, mass=None, rank=None)
    put(tmp_path / "undefined", settings(0.5, 0.1), undefined=IMAGES)
    for name, text in (
        ("control", "Unknown: every cell is a control, without feedback and error."),
        ("without", "Unknown: no IoU was measured."),
        ("undefined", "Unknown: no IoU is defined."),
    ):
        result = aggregate(tmp_path / name, 20, 99)
        assert answer(result, headlines(result.table, result.facets), "iou") == Answer(text, [])


def test_missing_cells_are_in_the_caveat(tmp_path: Path) -> None:
    plan(tmp_path, [settings(0.5, 0.1 * number) for number in range(1, 5)])
    found, _ = answered(tmp_path, [0.1, 0.2])
    assert found.caveats[-1] == "2 of 4 cells are missing."


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        ((1.157, 1.1, 1.229), "+16 % [10, 23]"),
        ((1.0432, 1.011, 1.08), "+4.3 % [1.1, 8.0]"),
        ((0.88, 0.8, 1.01), "−12 % [−20, 1]"),
        ((1.0, 1.0, 1.0), "0 % [0, 0]"),
        ((3.2, 2.1, 4.0), "+220 % [110, 300]"),
        ((1.00012, 1.0, 1.0003), "+0.012 % [0.000, 0.030]"),
        ((float("nan"),) * 3, "+0.25 [0.10, 0.40]"),
    ],
)
def test_a_change_has_two_digits_and_its_interval_as_many_decimals(ratio: tuple[float, float, float], expected: str) -> None:
    row = dict(zip(("normalized", "normalized_low", "normalized_high"), ratio, strict=True))
    assert change({**row, "difference": 0.25, "difference_low": 0.1, "difference_high": 0.4}) == expected
    half = {f"choosing_{name}": value for name, value in {**row, "difference": 0.25}.items()}
    assert change(half, "choosing_", ()) == expected.partition(" [")[0]
