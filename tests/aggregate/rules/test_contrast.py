"""Update rules side by side, against plain loops: what is chosen, the differences, and what is said of them."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.stats
from toy_rules import IMAGES, STEPS, numbers, point, put
from toy_study import identifier

from pcsweep.aggregate.rules.best import Halves
from pcsweep.aggregate.rules.candidate import candidates_of, side_by_side
from pcsweep.aggregate.rules.contrast import RuleContrast, contrasted
from pcsweep.aggregate.rules.rows import best_rows, pair_rows
from pcsweep.aggregate.rules.table import curves, differences
from pcsweep.aggregate.rules.words import sentences
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.saved import save
from pcsweep.statistics.drawing import drawn_once
from pcsweep.statistics.permutation import SIGNIFICANT

RESAMPLES, PERMUTATIONS = 20, 4999
Cells = dict[tuple[str, float, float], list[np.ndarray]]  # (rule, strength, σ) → by noise seed (images, timesteps)
CONTROL = 0.0


def cells_of_two_rules() -> Cells:
    """Two noise seeds, two σ, two cells that can change of each rule and a control, some values undefined."""
    return {
        (rule, strength, sigma): [numbers(hash_of(rule, strength, sigma, seed), 3 * (strength > 0)) for seed in (0, 1)]
        for rule in ("predictive_coding", "adaptation")
        for strength in (CONTROL, 0.2, 0.4)
        for sigma in (0.2, 0.6)
    }


def hash_of(*words: Any) -> int:
    return int(hashlib.sha256(repr(words).encode()).hexdigest()[:8], 16)


def written(folder: Path, cells: Cells) -> Path:
    for (rule, strength, sigma), seeds in cells.items():
        for seed, values in enumerate(seeds):
            steady = np.repeat(values[:, :1], STEPS, axis=1)
            put(folder, point(rule, strength, sigma, seed, len(values)), steady if strength == CONTROL else values)
    return folder


def contrast_of(folder: Path, **how: Any) -> RuleContrast:
    found = aggregate(folder, RESAMPLES, PERMUTATIONS, **how).contrast
    assert found
    return found


def half(images: int) -> np.ndarray:
    """Which images confirm, written anew: by class every second of the order of hashes, classes by their first."""
    keys = {number: hashlib.sha256(f"0 {identifier(number)}".encode()).digest() for number in range(images)}
    of_class = [[number for number in keys if number % 2 == each] for each in range(2)]
    ordered = sorted(([*sorted(each, key=keys.__getitem__)] for each in of_class), key=lambda each: keys[each[0]])
    confirming = list(itertools.chain(*ordered))[::2]
    return np.isin(np.arange(images), confirming)


def seeds_mean(values: np.ndarray) -> np.ndarray:
    """Over the first axis, of what is defined; NaN of nothing."""
    count = (~np.isnan(values)).sum(0)
    return np.where(count > 0, np.nansum(values, 0) / np.maximum(count, 1), np.nan)


def choose(cells: Cells, rule: str, sigma: float, choosing: np.ndarray) -> tuple[np.ndarray, int, float]:
    """The values (seeds, images, timesteps), timestep and ratio of the best of the choosing half, by loops."""
    best: tuple[float, Any, int] = (-np.inf, None, 0)
    for (name, strength, level), seeds in cells.items():
        if name != rule or level != sigma or strength == CONTROL:
            continue
        values = np.stack(seeds).astype(np.float64)
        for step in range(1, STEPS):
            gain = values[:, choosing, step] - values[:, choosing, 0]
            start = np.where(np.isnan(gain), np.nan, values[:, choosing, 0])
            ratio = 1 + np.nanmean(seeds_mean(gain)) / np.nanmean(seeds_mean(start))
            best = max(best, (ratio, values, step), key=lambda each: each[0])
    return best[1], best[2], best[0]


def expected_difference(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Of b − a, (seeds, images) each, by loops over all patterns of signs."""
    differences = seeds_mean(b - a)
    some = differences[~np.isnan(differences)]
    low, high = scipy.stats.t.interval(0.95, len(some) - 1, some.mean(), scipy.stats.sem(some))
    sums = [abs(np.dot(signs, some)) for signs in itertools.product((1, -1), repeat=len(some))]
    p = np.mean(np.array(sums) >= sums[0] - 1e-6 * np.abs(some).sum())
    return {
        "difference": some.mean(),
        "difference_low": low,
        "difference_high": high,
        "effect": some.mean() / some.std(ddof=1),
        "pairs": len(some),
        "p": p,
        "p_least": 2 / 2 ** len(some),
    }


def test_differences_are_those_of_plain_loops(tmp_path: Path) -> None:
    cells = cells_of_two_rules()
    written(tmp_path, cells)
    confirming = half(IMAGES)
    rows = differences(contrast_of(tmp_path))
    assert [(row["sigma"], row["rule_a"], row["rule_b"]) for row in rows] == [
        (sigma, "predictive_coding", "adaptation") for sigma in (0.2, 0.6)
    ]
    p = {"": [], "gain_": []}
    for row in rows:
        (a, step_a, _), (b, step_b, _) = (choose(cells, row[f"rule_{side}"], row["sigma"], ~confirming) for side in "ab")
        assert (row["timestep_a"], row["timestep_b"], row["seeds_paired"]) == (step_a, step_b, True)
        of_a, of_b = a[:, confirming, step_a], b[:, confirming, step_b]
        gain_a, gain_b = of_a - a[:, confirming, 0], of_b - b[:, confirming, 0]
        for prefix, expected in (("", expected_difference(of_a, of_b)), ("gain_", expected_difference(gain_a, gain_b))):
            assert {name: row[f"{prefix}{name}"] for name in expected} == pytest.approx(expected, rel=1e-5), prefix
            p[prefix].append(expected["p"])
        assert row["mean_b"] - row["mean_a"] == pytest.approx(row["difference"])
        assert row["gain_b"] - row["gain_a"] == pytest.approx(row["gain_difference"])
    for prefix, of in p.items():
        assert [row[f"{prefix}q"] for row in rows] == pytest.approx(list(scipy.stats.false_discovery_control(of)))


def test_curves_are_those_of_plain_loops(tmp_path: Path) -> None:
    cells = cells_of_two_rules()
    written(tmp_path, cells)
    confirming = half(IMAGES)
    rows = curves(contrast_of(tmp_path))
    assert len(rows) == 2 * 2 * STEPS
    for row in rows:
        values, step, ratio = choose(cells, row["rule"], row["sigma"], ~confirming)
        now = seeds_mean(values[:, confirming, row["timestep"]])
        some = now[~np.isnan(now)]
        low, high = scipy.stats.t.interval(0.95, len(some) - 1, some.mean(), scipy.stats.sem(some))
        expected = {"mean": some.mean(), "mean_low": low, "mean_high": high, "n": len(some)}
        expected["nan"] = int(np.isnan(values[:, confirming, row["timestep"]]).sum())
        assert {name: row[f"confirming_{name}"] for name in expected} == pytest.approx(expected, rel=1e-5)
        assert row["best"] == (row["timestep"] == step)
        assert (row["cells"], row["images"], row["seeds"]) == (2, confirming.sum(), 2)
        if row["best"]:
            assert row["choosing_normalized"] == pytest.approx(ratio, rel=1e-5)


def test_the_choice_is_that_of_the_studys_table(tmp_path: Path) -> None:
    result = aggregate(written(tmp_path, cells_of_two_rules()), RESAMPLES)
    assert result.contrast
    rows = [row for row in result.table.to_pylist() if row["metric"] == "iou" and row["chosen"]]
    best = [row for row in curves(result.contrast) if row["best"]]
    shared = ("identity", "timestep", "choosing_normalized", "confirming_difference", "confirming_difference_low", "confirming_p")
    assert sorted(tuple(row[name] for name in shared) for row in rows) == sorted(
        tuple(row[name] for name in shared) for row in best
    )


def test_two_copies_of_one_rules_cells_do_not_differ(tmp_path: Path) -> None:
    for rule in ("adaptation", "predictive_coding"):
        for strength in (0.2, 0.4):
            put(tmp_path, point(rule, strength), numbers(int(10 * strength), 2))
    contrast = contrast_of(tmp_path)
    (row,) = differences(contrast)
    assert all(
        row[f"{prefix}{name}"] == value for prefix in ("", "gain_") for name, value in (("difference", 0), ("p", 1), ("q", 1))
    )
    assert row["timestep_a"] == row["timestep_b"]
    assert sentences(contrast)[0] == "σ = 0.2: no difference at all between predictive_coding and adaptation."


def test_the_order_of_shards_changes_nothing(tmp_path: Path) -> None:
    result = aggregate(written(tmp_path, cells_of_two_rules()), RESAMPLES)
    candidates = candidates_of(result.table, tmp_path / "shards", "iou")
    assert result.contrast
    halves, drawn = result.contrast.halves, drawn_once(RESAMPLES, PERMUTATIONS, 0)
    found = []
    for order in (candidates, candidates[::-1]):
        contrast = contrasted(side_by_side(order, result.facets), result.facets, halves, drawn)
        found.append(repr((curves(contrast), differences(contrast), sentences(contrast))))
    assert found[0] == found[1]
    assert isinstance(halves, Halves)


def test_the_better_rule_is_named(tmp_path: Path) -> None:
    put(tmp_path, point("predictive_coding", 0.2), numbers(1, gain=0.01))
    put(tmp_path, point("adaptation", 0.2), numbers(2, gain=0.08))
    put(tmp_path, point("predictive_coding", 0.2, 0.6), numbers(3, gain=-0.04))
    put(tmp_path, point("adaptation", 0.2, 0.6), numbers(4, gain=-0.12))
    contrast = contrast_of(tmp_path)
    first, second, *others = sentences(contrast)
    assert first.startswith("σ = 0.2: adaptation recovers more than predictive_coding (IoU +")
    assert second.startswith("σ = 0.6: predictive_coding loses less than adaptation (IoU +")
    assert all(pair.gain_q < SIGNIFICANT for pair in contrast.pairs)
    assert others[-1] == "Only 14 images: halves of fewer than 20 images are too small to tell rules apart."
    assert [row[1:3] for row in pair_rows(contrast)] == [["predictive_coding", "adaptation"]] * 2


def test_with_very_few_images_nothing_can_be_told(tmp_path: Path) -> None:
    put(tmp_path, point("predictive_coding", 0.2, images=6), numbers(1, gain=0.01, images=6))
    put(tmp_path, point("adaptation", 0.2, images=6), numbers(2, gain=0.2, images=6))
    first, *_ = sentences(contrast_of(tmp_path))
    assert first == (
        "σ = 0.2: nothing can be told between predictive_coding and adaptation: "
        "with 3 images that confirm no p can be below 0.25."
    )


def test_a_difference_that_may_be_chance_is_no_difference(tmp_path: Path) -> None:
    put(tmp_path, point("predictive_coding", 0.2), numbers(1))
    put(tmp_path, point("adaptation", 0.2), numbers(2))
    first, second, *_ = sentences(contrast_of(tmp_path))
    assert first.startswith("σ = 0.2: nothing can be told between predictive_coding and adaptation (second less first IoU ")
    assert "chosen on the same 7 images; differences are of the other 7" in second


def test_a_rule_with_nothing_but_its_control_says_so(tmp_path: Path) -> None:
    put(tmp_path, point("predictive_coding", 0.2), numbers(1))
    put(tmp_path, point("adaptation", CONTROL), np.repeat(numbers(1)[:, :1], STEPS, axis=1))
    contrast = contrast_of(tmp_path)
    assert sentences(contrast)[:2] == [
        "σ = 0.2: no two rules have a best cell, so nothing can be told.",
        "adaptation has nothing but its control at σ = 0.2: no best cell.",
    ]
    assert [row[1:4] for row in best_rows(contrast)][1] == ["adaptation", "none", ""]
    save(aggregate(tmp_path, RESAMPLES), tmp_path)
    table = pq.read_table(tmp_path / "rules.parquet").to_pylist()
    assert [(row["rule"], row["cells"], row["identity"] is None) for row in table][-1] == ("adaptation", 0, True)
    assert pq.read_table(tmp_path / "rule_differences.parquet").num_rows == 0


def test_nothing_defined_on_the_choosing_half_says_so(tmp_path: Path) -> None:
    put(tmp_path, point("predictive_coding", 0.2), numbers(1))
    undefined = numbers(2)
    undefined[~half(IMAGES), 1:] = np.nan
    put(tmp_path, point("adaptation", 0.2), undefined)
    assert "adaptation has no defined value on the half of the images that chooses at σ = 0.2: no best cell." in sentences(
        contrast_of(tmp_path)
    )


def test_forms_of_one_rule_are_rules_of_their_own(tmp_path: Path) -> None:
    for number, rule in enumerate(("predictive_coding", "surround subtractive", "surround divisive")):
        put(tmp_path, point(rule, 0.2), numbers(number))
    contrast = contrast_of(tmp_path)
    assert contrast.rules == ["predictive_coding", "surround (divisive)", "surround (subtractive)"]
    assert len(contrast.pairs) == 3
    assert {best.condition["sigma"] for best in contrast.bests} == {0.2}


def test_seeds_that_only_one_cell_has_are_left_out_of_pairs(tmp_path: Path) -> None:
    for seed in (0, 1):
        put(tmp_path, point("predictive_coding", 0.2, seed=seed), numbers(seed))
    put(tmp_path, point("adaptation", 0.2, seed=1), numbers(7))
    (row,) = differences(contrast_of(tmp_path))
    confirming = half(IMAGES)
    a, b = (values[confirming].astype(np.float64) for values in (numbers(1), numbers(7)))
    assert (row["seeds_a"], row["seeds_b"], row["seeds_paired"]) == (1, 1, True)
    assert row["difference"] == pytest.approx((b[:, row["timestep_b"]] - a[:, row["timestep_a"]]).mean())


def test_without_a_seed_in_common_means_are_paired(tmp_path: Path) -> None:
    for seed in (0, 1):
        put(tmp_path, point("predictive_coding", 0.2, seed=seed), numbers(seed))
    put(tmp_path, point("adaptation", 0.2, seed=2), numbers(7))
    (row,) = differences(contrast_of(tmp_path))
    confirming = half(IMAGES)
    a = np.mean([numbers(seed)[confirming].astype(np.float64) for seed in (0, 1)], axis=0)
    b = numbers(7)[confirming].astype(np.float64)
    assert (row["seeds_a"], row["seeds_b"], row["seeds_paired"]) == (2, 1, False)
    assert row["difference"] == pytest.approx((b[:, row["timestep_b"]] - a[:, row["timestep_a"]]).mean())


def test_a_study_of_one_rule_is_as_it_was(tmp_path: Path) -> None:
    for strength in (CONTROL, 0.2):
        put(tmp_path, point("predictive_coding", strength), numbers(1))
    result = aggregate(tmp_path, RESAMPLES)
    assert result.contrast is None
    assert not [path for path in save(result, tmp_path) if "rules" in path.name]
    assert not list(tmp_path.glob("rule*"))


def test_a_metric_of_all_images_together_has_no_pairs(tmp_path: Path) -> None:
    for rule in ("predictive_coding", "adaptation"):
        put(tmp_path, point(rule, 0.2), numbers(1))
    assert aggregate(tmp_path, RESAMPLES, metric="pxap").contrast is None
    assert contrast_of(tmp_path, metric="iou@0.25").halves.metric == "iou@0.25"
