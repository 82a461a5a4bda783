"""What one half of the images chooses, in the table: by plain search, and the same in any order."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_study import columns, identifier, put, settings

from pcsweep.aggregate.best import headlines
from pcsweep.aggregate.run import aggregate
from pcsweep.statistics.confirmation import CONFIRMATIONS, confirming_half
from pcsweep.study import shards

POINTS = [settings(beta, lambda_, sigma) for sigma in (0.2, 0.4) for beta in (0.2, 0.5) for lambda_ in (0.0, 0.1, 0.3)]


def rows_of(folder: Path, **how: Any) -> list[dict[str, Any]]:
    return aggregate(folder, 20, 99, **how).table.to_pylist()


def test_one_row_is_chosen_for_each_metric_and_noise_level_by_its_half_alone(tmp_path: Path) -> None:
    for point in POINTS:
        put(tmp_path, point)
    rows = rows_of(tmp_path)
    groups = {(row["metric"], row["sigma"]) for row in rows}
    for metric, sigma in groups:
        of_group = [row for row in rows if (row["metric"], row["sigma"]) == (metric, sigma)]
        may_change = [row for row in of_group if row["timestep"] and row["lambda"] and np.isfinite(row["choosing_normalized"])]
        chosen = [row for row in of_group if row["chosen"]]
        assert len(chosen) == bool(may_change)
        assert bool(may_change) == (metric != "miou@small")  # no object of the study is that small
        if chosen:
            assert chosen[0]["choosing_normalized"] == max(row["choosing_normalized"] for row in may_change)
    assert len(groups) > 10


def test_the_headline_has_the_row_that_the_table_calls_chosen(tmp_path: Path) -> None:
    for point in POINTS:
        put(tmp_path, point)
    result = aggregate(tmp_path, 20, 99)
    for metric in ("iou", "pxap", "pointing"):
        found = headlines(result.table, result.facets, metric)
        chosen = [row for row in result.table.to_pylist() if row["metric"] == metric and row["chosen"]]
        assert repr([headline.choice for headline in found]) == repr(chosen)
        assert [headline.group["sigma"] for headline in found] == [0.2, 0.4]


def test_the_choice_may_fall_on_another_cell_than_the_best(tmp_path: Path) -> None:
    """One cell gains in the images that choose, the other gains more in those that confirm."""
    categories = ["one"] * 24
    confirming = confirming_half([identifier(number) for number in range(24)], np.zeros(24, int), 0)
    for lambda_, chosen, other in ((0.1, 0.1, 0.0), (0.3, 0.0, 0.3)):
        gain = np.where(confirming, other, chosen)[:, None] * np.arange(4) / 3
        put(tmp_path, settings(0.5, lambda_), iou=(0.5 + gain).astype(np.float32), categories=categories)
    (headline,) = headlines(aggregate(tmp_path, 20, 99).table, ())
    assert headline.choice
    assert (headline.row["lambda"], headline.choice["lambda"]) == (0.3, 0.1)
    assert headline.choice["choosing_difference"] == pytest.approx(0.1)
    assert headline.choice["confirming_difference"] == pytest.approx(0.0)
    assert headline.coordinates_of(headline.choice) == "β = 0.5, λ = 0.1"
    (other,) = headlines(aggregate(tmp_path, 20, 99, seed=5).table, ())
    assert other.choice
    assert other.choice["choosing_difference"] != headline.choice["choosing_difference"]


def test_nothing_is_chosen_where_nothing_is_defined(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.3), undefined=24)
    put(tmp_path, settings(0.5, 0.0))
    rows = rows_of(tmp_path)
    assert not any(row["chosen"] for row in rows if row["metric"] == "iou" or row["fixed"] or not row["timestep"])
    assert any(row["chosen"] for row in rows)


def test_halves_are_the_same_for_all_cells_metrics_and_noise_seeds_and_in_any_order(tmp_path: Path) -> None:
    """Rows of a shard in another order, and the cells added one after the other, change no number."""
    points = [settings(0.5, lambda_, noise__seed=seed) for lambda_ in (0.1, 0.3) for seed in (0, 1, 2)]
    for number, point in enumerate(points):
        values = columns(point)
        order = np.random.default_rng(number).permutation(len(values["timestep"]))
        shards.write(tmp_path / "one" / "shards", point, values, {})
        turned = {name: [column[place] for place in order] for name, column in values.items()}
        shards.write(tmp_path / "turned" / "shards", point, turned, {})
    for point in reversed(points):
        put(tmp_path / "reversed", point, metadata={"host": "other"})
    names = ("identity", "timestep", "metric", "chosen", *CONFIRMATIONS)
    one, turned, backwards = (
        [[row[name] for name in names] for row in rows_of(tmp_path / each)] for each in ("one", "turned", "reversed")
    )
    assert repr(one) == repr(turned) == repr(backwards)
    counts = {(row["choosing_pairs"], row["confirming_pairs"]) for row in rows_of(tmp_path / "one") if row["metric"] == "mass"}
    assert counts == {(12, 12)}


@pytest.mark.parametrize("images", [1, 2, 3, 5])
def test_the_fewest_images_are_aggregated(tmp_path: Path, images: int) -> None:
    for lambda_ in (0.1, 0.3):
        put(tmp_path, settings(0.5, lambda_, selection__count=images), undefined=0)
    for row in rows_of(tmp_path):
        halves = (row["choosing_pairs"], row["confirming_pairs"])
        if "miou@" in row["metric"]:  # of the images with objects of one size
            assert max(halves) <= images - images // 2
            continue
        assert halves == (images // 2, images - images // 2)
        assert np.isfinite(row["confirming_difference_low"]) == (images > 2)


def test_a_study_without_further_thresholds_has_halves_of_what_it_has(tmp_path: Path) -> None:
    point = settings(0.5, 0.3)
    nothing = {name: [None] * (24 * 4) for name in ("iou_at", "found_at", "rank", "correct")}
    shards.write(tmp_path / "shards", point, {**columns(point), **nothing}, {})
    rows = rows_of(tmp_path)
    assert {row["metric"] for row in rows if row["chosen"]} >= {"iou", "mass"}
    assert "pxap" not in {row["metric"] for row in rows}
