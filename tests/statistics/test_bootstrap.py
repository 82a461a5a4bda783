"""Resampled means against plain loops and scipy, their intervals' coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from pcsweep.statistics.bootstrap import (
    EXACT,
    Resamples,
    interval,
    means,
    means_together,
    moments,
    ratio,
    resampling,
    sums,
    sums_together,
)


def drawn(images, resamples, seed):
    """The images of each resample, drawn as `resampling` counts them."""
    generator = np.random.default_rng(seed)
    return [generator.integers(0, images, images) for _ in range(resamples)]


def test_means_are_those_of_the_drawn_images_without_undefined_ones():
    generator = np.random.default_rng(1)
    values = generator.random((2, 3, 9)).astype(np.float32)
    values[0, 1, :4] = values[1, 2, 5] = np.nan
    found = means(values, resampling(9, 20, seed=5))
    for number, images in enumerate(drawn(9, 20, seed=5)):
        np.testing.assert_allclose(found[..., number], np.nanmean(values[..., images], axis=-1), rtol=1e-6)


def test_a_resample_of_undefined_images_alone_is_undefined():
    values = np.full((1, 2), np.nan, np.float32)
    values[0, 0] = 3
    found = means(values, np.array([[2, 0], [0, 2]], np.float32))
    np.testing.assert_array_equal(found, [[3, np.nan]])


def test_equal_rows_have_equal_sums_to_the_bit():
    values = np.random.default_rng(0).random((1, 501)).astype(np.float32)
    rows = np.concatenate([values, np.random.default_rng(1).random((13, 501), np.float32), values])
    found = sums(rows, resampling(501, 37, seed=0))
    assert np.array_equal(found[0], found[-1])
    assert not np.array_equal(found[0], found[1])


def test_intervals_and_spread_are_scipys():
    values = np.random.default_rng(3).gamma(2.0, size=60).astype(np.float32)
    samples = means(values[None], resampling(60, 9999, seed=0))
    (low,), (high,) = interval(samples)
    _, (std,) = moments(samples)
    expected = stats.bootstrap(
        (values.astype(float),), np.mean, n_resamples=9999, method="percentile", random_state=np.random.default_rng(1)
    )
    assert std == pytest.approx(expected.standard_error, rel=0.03)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval), abs=0.1 * float(expected.standard_error))


def test_intervals_leave_undefined_resamples_out():
    samples = np.array([[np.nan, 1, 2, 3, 4], [np.nan] * 5])
    low, high = interval(samples)
    assert (low[0], high[0]) == pytest.approx(tuple(np.quantile([1, 2, 3, 4], [0.025, 0.975])))
    assert np.isnan([low[1], high[1]]).all()
    mean, std = moments(samples)
    assert (mean[0], std[0]) == pytest.approx((2.5, np.std([1, 2, 3, 4], ddof=1)))


def test_a_ratio_to_nothing_is_undefined():
    np.testing.assert_array_equal(ratio(np.array([1.0, 0.0, 3.0]), np.array([0.0, 0.0, 2.0])), [np.nan, np.nan, 1.5])


@pytest.mark.parametrize(("images", "least"), [(100, 0.925), (20, 0.88)])
def test_intervals_cover_the_true_mean_about_as_often_as_they_say(images, least):
    """Skewed values between 0 and 1, like IoUs; a percentile interval of few images is a little too narrow."""
    generator = np.random.default_rng(7)
    studies = generator.beta(1.5, 4.0, (2000, images)).astype(np.float32)
    low, high = interval(means(studies, resampling(images, 1000, seed=0)))
    covered = np.mean((low <= 1.5 / 5.5) & (high >= 1.5 / 5.5))
    assert least < covered < 0.965  # the standard error of a share of 2,000 is 0.005


def test_intervals_over_images_cover_where_each_image_has_several_noise_seeds():
    """Seeds averaged within images cover; seeds counted as images of their own are far too narrow."""
    generator = np.random.default_rng(11)
    images, seeds, studies = 60, 5, 1000
    own = generator.normal(0.4, 0.1, (studies, images, 1)) + generator.normal(0, 0.05, (studies, images, seeds))

    def coverage(values):
        low, high = interval(means(values.astype(np.float32), resampling(values.shape[-1], 500, seed=0)))
        return np.mean((low <= 0.4) & (high >= 0.4))

    assert 0.92 < coverage(own.mean(axis=-1)) < 0.97
    assert coverage(own.reshape(studies, -1)) < 0.75


@pytest.mark.parametrize("resamples", [20, 700])
def test_several_together_are_each_alone_to_the_bit(resamples):
    """In tables whose digits are compared: with other rows beside them, where there is one row alone, and with few resamples."""
    generator = np.random.default_rng(0)
    counts = resampling(301, resamples, seed=0)
    equal = np.repeat(generator.random((1, 301)), 4, axis=0)
    each = [
        generator.random((3, 5, 301)),
        equal,
        generator.random((7, 301), np.float32),
        (generator.random((2, 301)) < 0.5).astype(np.float32),
    ]
    for values, together in zip(each, sums_together(each, counts), strict=True):
        assert together.shape == (*values.shape[:-1], resamples)
        assert np.array_equal(together, sums(values, counts))


def test_means_of_several_are_those_of_each():
    generator = np.random.default_rng(1)
    counts = resampling(301, 700, seed=0)
    values = generator.random((4, 6, 301))
    partly = np.where(generator.random((3, 301)) < 0.1, np.nan, generator.random((3, 301)))
    nothing = np.full((1, 301), np.nan)
    for own, together in zip((values, partly, nothing), means_together([values, partly, nothing], counts), strict=True):
        assert np.array_equal(together, means(own, counts), equal_nan=True)
        assert own is not nothing or np.isnan(together).all()


@pytest.mark.parametrize(
    ("images", "largest"),
    [(7, 100), (40, 50_176), (700, 50_176), (700, 1), (60, 5_000_000), (60, EXACT), (60, EXACT + 1), (60, 2**40)],
)
def test_whole_numbers_are_added_exactly(images: int, largest: int) -> None:
    counts = resampling(images, 90, seed=3)
    numbers = np.random.default_rng(1).integers(0, largest, (5, images), endpoint=True)
    numbers[0] = largest
    numbers[1] = 0
    expected = [[sum(int(n) * int(c) for n, c in zip(row, draws, strict=True)) for draws in counts] for row in numbers]
    found = Resamples(counts).whole_sums(numbers.astype(float))
    np.testing.assert_array_equal(found.astype(object), np.array(expected, object))


def test_whole_sums_of_some_images_are_those_of_no_others() -> None:
    resamples, some = Resamples(resampling(300, 50, seed=0)), np.array([7, 3, 299])
    numbers = np.random.default_rng(0).integers(0, 90_000, (4, 300)).astype(float)
    found = resamples.whole_sums(numbers[:, some], some)
    np.testing.assert_array_equal(found, numbers[:, some] @ resamples.counts[:, some].T.astype(float))
    assert not resamples.whole_sums(numbers[:, :0], np.empty(0, int)).any()


def test_an_image_drawn_too_often_for_single_precision_is_added_exactly_as_well() -> None:
    """More draws of one image than its pixels allow: it cannot be split."""
    counts = np.full((1, 2), 5000, np.float32)
    assert Resamples(counts).whole_sums(np.array([[50_175.0, 3.0]])).tolist() == [[5000 * 50_178]]
