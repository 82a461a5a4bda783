"""Classes, sizes and single images, against plain loops."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_study import IMAGES, STEPS, identifier, put, settings

from pcsweep.aggregate.best import Headline, headlines
from pcsweep.aggregate.run import aggregate
from pcsweep.report.breakdown import FEWEST, Images, Part, by_class, by_size, images, most, spread
from pcsweep.study import shards

RESAMPLES = 200


def made(gain: list[float], area: list[float] | None = None, categories: str | None = None) -> Images:
    """Of images with these gains, from an IoU of 0.5; a letter per image for its class."""
    gained = np.array(gain, np.float64)
    return Images(
        ids=[f"image {number}" for number in range(len(gain))],
        categories=list(categories or "a" * len(gain)),
        area=np.array(area or [0.5] * len(gain), np.float32),
        start=np.full(len(gain), 0.5),
        end=0.5 + gained,
        gain=gained,
    )


def random_images(count: int, seed: int = 0) -> Images:
    """With ties in area and some undefined."""
    generator = np.random.default_rng(seed)
    gain = generator.normal(0, 0.1, count)
    gain[::7] = np.nan
    area = [float(value) for value in np.round(generator.random(count), 1).astype(np.float32)]
    return made(gain.tolist(), area, "".join(generator.choice(list("abcd"), count)))


def interval_by_loops(gains: list[float]) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    means = [np.mean([gains[index] for index in generator.integers(0, len(gains), len(gains))]) for _ in range(RESAMPLES)]
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def assert_part(part: Part, of_cell: Images, chosen: list[int]) -> None:
    defined = [place for place in chosen if not math.isnan(of_cell.gain[place])]
    assert part.n == len(defined)
    if not defined:
        assert all(math.isnan(value) for value in (part.start, part.end, part.gain, part.low, part.high))
        return
    for name in ("start", "end", "gain"):
        expected = sum(getattr(of_cell, name)[place] for place in defined) / len(defined)
        assert getattr(part, name) == pytest.approx(expected, abs=1e-12)
    if len(defined) < FEWEST:
        assert math.isnan(part.low)
        assert math.isnan(part.high)
    else:
        expected = interval_by_loops([of_cell.gain[place] for place in defined])
        assert (part.low, part.high) == pytest.approx(expected, abs=1e-6)


def test_classes_are_those_of_plain_loops_the_highest_gain_first() -> None:
    of_cell = random_images(40)
    parts = by_class(of_cell, RESAMPLES, 0)
    assert sorted(part.label for part in parts) == sorted(set(of_cell.categories))
    for part in parts:
        assert_part(part, of_cell, [place for place, name in enumerate(of_cell.categories) if name == part.label])
    gains = [part.gain for part in parts]
    assert gains == sorted(gains, reverse=True)


def test_a_class_of_one_has_no_interval_and_one_of_nothing_comes_last() -> None:
    one, many, nothing = by_class(made([0.3, math.nan, *(0.1, 0.2) * 3], categories="abcccccc"), RESAMPLES, 0)
    assert (one.label, one.n) == ("a", 1)
    assert one.gain == pytest.approx(0.3)
    assert one.as_json()["low"] is None
    assert (nothing.label, nothing.n) == ("b", 0)
    assert nothing.as_json() == {"label": "b", "n": 0, **dict.fromkeys(("start", "end", "gain", "low", "high"))}
    assert many.low <= many.gain <= many.high


SHARES = {"small, ≤ 5 %": (0, 5), "medium-small, ≤ 25 %": (5, 25), "medium-large, ≤ 50 %": (25, 50), "large, > 50 %": (50, 100)}


@pytest.mark.parametrize("seed", range(3))
def test_sizes_are_those_of_plain_loops(seed: int) -> None:
    of_cell = random_images(60, seed)
    parts = by_size(of_cell, RESAMPLES, 0)
    assert [part.label for part in parts] == list(SHARES)
    assert sum(part.n for part in parts) == int((~np.isnan(of_cell.gain) & (of_cell.area > 0)).sum())
    for part in parts:
        above, upto = SHARES[part.label]
        chosen = [place for place, area in enumerate(of_cell.area) if above < round(100 * float(area), 4) <= upto]
        assert_part(part, of_cell, chosen)


def test_a_bound_belongs_to_the_smaller_size() -> None:
    parts = by_size(made([0.1] * 8, [0.049, 0.05, 0.051, 0.25, 0.26, 0.5, 0.51, 1]), RESAMPLES, 0)
    assert [part.n for part in parts] == [2, 2, 2, 2]


def test_a_size_without_images_is_there_and_an_unknown_size_is_of_none() -> None:
    parts = by_size(made([0.1, 0.2, 0.3], [0.1, 0.9, math.nan]), RESAMPLES, 0)
    assert [part.n for part in parts] == [0, 1, 0, 1]
    assert parts[0].as_json() == {"label": "small, ≤ 5 %", "n": 0, **dict.fromkeys(("start", "end", "gain", "low", "high"))}
    assert [part.n for part in by_size(made([0.1], [math.nan]), RESAMPLES, 0)] == [0] * 4


def test_most_gained_and_lost_are_in_order_without_those_that_did_neither() -> None:
    of_cell = made([0.1, -0.3, 0.0, 0.4, math.nan, -0.1, 0.1])
    assert most(of_cell, 9) == (["image 3", "image 0", "image 6"], ["image 1", "image 5"])
    assert most(of_cell, 1) == (["image 3"], ["image 1"])
    assert most(of_cell, 0) == ([], [])
    assert most(made([math.nan] * 3), 2) == ([], [])


def test_of_equal_gains_the_first_image_comes_first() -> None:
    gained, lost = most(made([0.2, 0.2, -0.2, -0.2]), 1)
    assert gained == ["image 0"]
    assert lost == ["image 2"]


@pytest.mark.parametrize(
    ("found", "count", "expected"), [(1, 4, [0]), (3, 4, [0, 1, 2]), (7, 4, [0, 2, 4, 6]), (9, 2, [0, 8]), (5, 1, [0])]
)
def test_headlines_are_spread_from_the_first_to_the_last(found: int, count: int, expected: list[int]) -> None:
    made_up = [Headline("iou", {"sigma": number}, {}, {}) for number in range(found)]
    assert [headline.group["sigma"] for headline in spread(made_up, count)] == expected


def test_images_are_those_of_the_shards_averaged_over_noise_seeds(tmp_path: Path) -> None:
    paths = [put(tmp_path, settings(0.2, 0.5, noise__seed=seed), undefined=seed + 1) for seed in (0, 1)]
    result = aggregate(tmp_path, 2)
    (headline,) = headlines(result.table, result.facets)
    of_cell = images(tmp_path / "shards", headline)
    at = [{(row["image_id"], row["timestep"]): row for row in shards.read(path).table.to_pylist()} for path in paths]
    step = headline.row["timestep"]
    assert of_cell.ids == [identifier(number) for number in range(IMAGES)]
    for place, name in enumerate(of_cell.ids):
        starts = [each[name, 0]["iou"] for each in at]
        ends = [each[name, step]["iou"] for each in at if not math.isnan(each[name, step]["iou"])]
        gains = [each[name, step]["iou"] - each[name, 0]["iou"] for each in at if not math.isnan(each[name, step]["iou"])]
        assert of_cell.categories[place] == at[0][name, 0]["category"]
        assert of_cell.area[place] == np.float32(at[0][name, 0]["area"])
        assert of_cell.start[place] == pytest.approx(np.mean(starts), rel=1e-6)
        if not ends:
            assert math.isnan(of_cell.end[place])
            assert math.isnan(of_cell.gain[place])
        else:
            assert of_cell.end[place] == pytest.approx(np.mean(ends), rel=1e-6)
            assert of_cell.gain[place] == pytest.approx(np.mean(gains), rel=1e-5)
    assert np.isnan(of_cell.gain).sum() == 1
    assert np.nanmean(of_cell.gain) == pytest.approx(headline.row["difference"], rel=1e-6)


def test_a_class_without_a_word_has_its_number(tmp_path: Path) -> None:
    put(tmp_path, settings(0.2, 0.5), categories=[None] * IMAGES)
    result = aggregate(tmp_path, 2)
    (headline,) = headlines(result.table, result.facets)
    assert set(images(tmp_path / "shards", headline).categories) == {"0"}


def test_another_metric_may_be_broken_down(tmp_path: Path) -> None:
    values = np.tile(np.linspace(0.1, 0.4, STEPS, dtype=np.float32), (IMAGES, 1))
    put(tmp_path, settings(0.2, 0.5), mass=values)
    result = aggregate(tmp_path, 2)
    (headline,) = headlines(result.table, result.facets, "mass")
    of_cell = images(tmp_path / "shards", headline)
    assert of_cell.gain == pytest.approx(0.3, abs=1e-6)
    assert by_class(replace(of_cell, categories=["one"] * IMAGES), RESAMPLES, 0)[0].gain == pytest.approx(0.3, abs=1e-6)
