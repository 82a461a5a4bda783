"""What is reported of a cell: paired differences, effect sizes, noise seeds, and laws between them."""

import numpy as np
import pytest

from pcsweep.statistics.cell import summarise
from pcsweep.statistics.drawing import Drawing
from pcsweep.statistics.paired import over_seeds, paired

IMAGES = 30


@pytest.fixture
def values():
    """(1 seed, 2 metrics, 3 timesteps, images)."""
    return np.random.default_rng(0).random((1, 2, 3, IMAGES)).astype(np.float32)


@pytest.fixture
def drawing():
    return Drawing(IMAGES, resamples=400, permutations=799, seed=1)


def test_differences_are_paired(values, drawing):
    values[0, 0, 1, :5] = values[0, 0, 0, 3:8] = np.nan
    found = summarise(paired(values), drawing)
    gains = values[0] - values[0][:, :1]
    np.testing.assert_allclose(found.difference, np.nanmean(gains, axis=-1), rtol=1e-5, atol=1e-7)
    assert found.pairs.tolist() == [[25, 22, 25], [30, 30, 30]]
    assert found.n.tolist() == [[25, 25, 30], [30, 30, 30]]
    assert found.nan.tolist() == [[5, 5, 0], [0, 0, 0]]
    generator = np.random.default_rng(1)
    means = np.array([np.nanmean(gains[..., generator.integers(0, IMAGES, IMAGES)], axis=-1) for _ in range(400)])
    np.testing.assert_allclose(found.difference_low, np.quantile(means, 0.025, axis=0), atol=1e-6)
    np.testing.assert_allclose(found.difference_high, np.quantile(means, 0.975, axis=0), atol=1e-6)
    starts = np.where(np.isnan(gains), np.nan, values[0][:, :1])
    np.testing.assert_allclose(found.normalized, np.nanmean(values[0] + 0 * gains, -1) / np.nanmean(starts, -1), rtol=1e-5)
    ratios = []
    generator = np.random.default_rng(1)
    for _ in range(400):
        drawn = generator.integers(0, IMAGES, IMAGES)
        ratios.append(1 + np.nanmean(gains[..., drawn], axis=-1) / np.nanmean(starts[..., drawn], axis=-1))
    np.testing.assert_allclose(found.normalized_high, np.quantile(ratios, 0.975, axis=0), rtol=1e-5)


def test_where_all_is_defined_the_difference_of_means_is_the_mean_of_differences(values, drawing):
    found = summarise(paired(values), drawing)
    np.testing.assert_allclose(found.difference, found.mean - found.mean[:, :1], atol=1e-7)


def test_what_does_not_change_has_a_difference_of_exactly_0(values, drawing):
    values[:] = values[:, :, :1]
    found = summarise(paired(values), drawing)
    for name in ("difference", "difference_low", "difference_high"):
        assert (getattr(found, name) == 0).all()
    assert (found.normalized_low == 1).all()
    assert np.isnan(found.effect).all()


def test_noise_seeds_are_averaged_within_images_and_paired_with_themselves(values, drawing):
    generator = np.random.default_rng(2)
    seeds = np.concatenate([values + generator.normal(0, 0.1, values.shape).astype(np.float32) for _ in range(3)])
    seeds[1, 0, 2, 4] = np.nan  # its difference is that of the other seeds, whatever it was at t = 0
    found = summarise(paired(seeds), drawing)
    expected = np.nanmean((seeds - seeds[:, :, :1])[:, 0, 2, 4], axis=0)
    assert over_seeds(seeds - seeds[:, :, :1])[0, 2, 4] == pytest.approx(expected)
    assert found.n.tolist() == [[IMAGES] * 3] * 2
    assert found.nan.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert found.seed_std[1].tolist() == pytest.approx([0.1] * 3, rel=0.3)
    alone = summarise(paired(over_seeds(seeds).astype(np.float32)[None]), drawing)
    np.testing.assert_allclose(found.low[1], alone.low[1], rtol=1e-5)
    assert np.isnan(alone.seed_std).all()


def test_copies_of_a_seed_tell_nothing_new(values, drawing):
    """Counting seeds as images would narrow the intervals."""
    once, thrice = summarise(paired(values), drawing), summarise(paired(np.repeat(values, 3, axis=0)), drawing)
    np.testing.assert_allclose(once.low, thrice.low, rtol=1e-6)
    np.testing.assert_allclose(once.difference_high, thrice.difference_high, atol=1e-8)
    assert (thrice.seed_std == 0).all()


def test_the_order_of_metrics_and_timesteps_changes_nothing(values, drawing):
    once, swapped = summarise(paired(values), drawing), summarise(paired(values[:, ::-1]), drawing)
    for name in ("mean", "low", "difference_high", "normalized_low", "effect"):
        np.testing.assert_array_equal(getattr(once, name), getattr(swapped, name)[::-1])


def test_images_that_become_undefined_change_no_ratio(values, drawing):
    """The others stay as they were; the undefined ones were the worst."""
    values[:] = values[:, :, :1]
    values[0, 0, 0, :10] /= 10
    values[0, 0, 1:, :10] = np.nan
    found = summarise(paired(values), drawing)
    assert found.mean[0, 1] > 1.2 * found.mean[0, 0]
    assert found.normalized[0].tolist() == found.normalized_high[0].tolist() == [1, 1, 1]


def test_a_ratio_to_what_is_not_above_0_is_undefined(drawing):
    logits = np.random.default_rng(0).normal(-2, 0.1, (1, 1, 2, IMAGES)).astype(np.float32)
    found = summarise(paired(logits), drawing)
    assert np.isnan([found.normalized, found.normalized_low]).all()
    assert not np.isnan(found.difference).any()


def test_rounding_is_no_spread(drawing):
    start = np.random.default_rng(0).random((1, 1, 1, IMAGES)).astype(np.float32)
    found = summarise(paired(np.concatenate([start, start + np.float32(0.1)], axis=2)), drawing)
    assert found.difference[0, 1] == pytest.approx(0.1, rel=1e-5)
    assert np.isnan(found.effect[0, 1])


def test_small_gains_of_large_values_have_exact_intervals(drawing):
    generator = np.random.default_rng(0)
    start = generator.normal(20, 3, (1, 1, 1, IMAGES)).astype(np.float32)
    values = np.concatenate([start, start + generator.normal(1e-3, 1e-3, start.shape).astype(np.float32)], axis=2)
    found = summarise(paired(values), drawing)
    gains = (values.astype(float) - values[:, :, :1])[0, 0, 1]
    drawn = np.random.default_rng(1)
    means = [gains[drawn.integers(0, IMAGES, IMAGES)].mean() for _ in range(400)]
    assert found.difference_high[0, 1] == pytest.approx(np.quantile(means, 0.975), rel=1e-3)
