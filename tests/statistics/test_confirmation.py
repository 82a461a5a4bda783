"""A choice made on one half of the images and estimated on the other: unbiased, covered, and the same in any order."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from pcsweep.statistics.bootstrap import Resamples, ratio
from pcsweep.statistics.confirmation import CONFIRMATIONS, Confirmation, confirm, confirm_pooled, confirming_half
from pcsweep.statistics.paired import paired

STUDIES, CELLS, IMAGES = 500, 40, 60
NAMES = [f"image {number}" for number in range(IMAGES)]


def half(images: int = IMAGES, classes: int = 5, seed: int = 0) -> np.ndarray:
    return confirming_half([f"image {number}" for number in range(images)], np.arange(images) % classes, seed)


def simulated(gains: np.ndarray, images: int = IMAGES) -> tuple[np.ndarray, ...]:
    """What the best of cells says in each of many studies: the gain and the ratio of the whole, those confirmed, and the truth.

    Args:
        gains: true ones of the cells, which share their images.
        images: of each study.
    """
    generator, confirming = np.random.default_rng(0), half(images)
    naive, confirmed, ratios, truths = [], [], [], []
    for _ in range(STUDIES):
        start = generator.beta(6, 6, images)
        shared, own = generator.normal(0, 0.1, images), generator.normal(0, 0.1, (len(gains), images))
        end = start + gains[:, None] + shared + own  # (cells, images)
        values = np.stack([np.broadcast_to(start, end.shape), end], axis=1)[None].astype(np.float32)
        found = confirm(paired(values), confirming)
        best, chosen = (values[0, :, 1].mean(axis=-1)).argmax(), found.choosing_normalized[:, 1].argmax()
        naive.append((values[0, best, 1] - values[0, best, 0]).mean() - gains[best])
        confirmed.append([getattr(found, f"confirming_difference{end}")[chosen, 1] for end in ("", "_low", "_high")])
        ratios.append([getattr(found, f"confirming_normalized{end}")[chosen, 1] for end in ("", "_low", "_high")])
        truths.append(gains[chosen])
    return np.array(naive), np.array(confirmed), np.array(ratios), np.array(truths)


@pytest.mark.parametrize("gains", [np.zeros(CELLS), np.linspace(0, 0.02, CELLS)], ids=["no effect", "effects"])
def test_the_best_of_many_looks_better_than_it_is_and_the_confirmed_does_not(gains: np.ndarray) -> None:
    naive, confirmed, ratios, truths = simulated(gains)
    error = confirmed[:, 0] - truths
    of_mean = error.std(ddof=1) / np.sqrt(STUDIES)
    assert naive.mean() > 10 * of_mean  # the winner's curse
    assert abs(error.mean()) < 3 * of_mean
    for estimates, truth in ((confirmed, truths), (ratios, 1 + truths / 0.5)):
        covered = (estimates[:, 1] <= truth) & (truth <= estimates[:, 2])
        assert covered.mean() == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / STUDIES))


def test_without_an_effect_a_confirmed_p_is_below_5_percent_in_5_percent() -> None:
    generator, confirming = np.random.default_rng(0), half()
    p = []
    for _ in range(STUDIES):
        values = generator.normal(0.5, 0.1, (1, CELLS, 2, IMAGES)).astype(np.float32)
        found = confirm(paired(values), confirming)
        p.append(found.confirming_p[found.choosing_normalized[:, 1].argmax(), 1])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(np.array(p) < level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / STUDIES))


def test_estimates_are_those_of_either_half() -> None:
    """Means, Student's interval and p from scipy; the interval of the ratio from its linearisation, by the plain formula."""
    values = np.random.default_rng(0).random((1, 2, 3, IMAGES)).astype(np.float32)
    values[0, 0, 1, ::7] = values[0, 1, 0, :3] = np.nan
    confirming = half()
    found = confirm(paired(values), confirming)
    for metric in range(2):
        start, end = (values[0, metric, step].astype(float) for step in (0, 1))
        both = ~np.isnan(start + end)
        choosing, other = both & ~confirming, both & confirming
        assert found.choosing_pairs[metric, 1] == choosing.sum()
        assert found.confirming_pairs[metric, 1] == other.sum()
        gain = end - start
        assert found.choosing_difference[metric, 1] == pytest.approx(gain[choosing].mean())
        assert found.choosing_normalized[metric, 1] == pytest.approx(end[choosing].mean() / start[choosing].mean())
        test = stats.ttest_1samp(gain[other], 0)
        interval = test.confidence_interval(0.95)
        expected = [gain[other].mean(), interval.low, interval.high, test.pvalue]
        names = ("difference", "difference_low", "difference_high", "p")
        assert [getattr(found, f"confirming_{name}")[metric, 1] for name in names] == pytest.approx(expected)
        n, share = other.sum(), end[other].mean() / start[other].mean()
        around = stats.t.ppf(0.975, n - 1) * np.std(end[other] - share * start[other], ddof=1) / np.sqrt(n) / start[other].mean()
        names = ("normalized", "normalized_low", "normalized_high")
        expected = [share, share - around, share + around]
        assert [getattr(found, f"confirming_{name}")[metric, 1] for name in names] == pytest.approx(expected)


def test_what_does_not_change_has_no_gain_and_no_p() -> None:
    values = np.repeat(np.random.default_rng(0).random((1, 1, 1, IMAGES)).astype(np.float32), 2, axis=2)
    found = confirm(paired(values), half())
    assert [getattr(found, f"confirming_difference{end}")[0, 1] for end in ("", "_low", "_high")] == [0, 0, 0]
    assert [getattr(found, f"confirming_normalized{end}")[0, 1] for end in ("", "_low", "_high")] == [1, 1, 1]
    assert np.isnan(found.confirming_p).all()


def test_what_is_undefined_is_nan_and_counted() -> None:
    values = np.random.default_rng(0).normal(-1, 0.1, (1, 3, 2, IMAGES)).astype(np.float32)  # below 0, as logits are
    confirming = half()
    values[0, 1, 1, confirming] = np.nan
    values[0, 2, 1, ~confirming] = np.nan
    found = confirm(paired(values), confirming)
    assert np.isnan(found.confirming_normalized).all()
    assert np.isnan(found.confirming_normalized_low).all()
    assert np.isfinite(found.confirming_difference_low[0, 1])
    assert (found.choosing_pairs[1:, 1].tolist(), found.confirming_pairs[1:, 1].tolist()) == ([30, 0], [0, 30])
    assert np.isnan([found.confirming_difference[1, 1], found.confirming_p[1, 1], found.choosing_difference[2, 1]]).all()


@pytest.mark.parametrize("images", [1, 2, 3])
def test_the_fewest_images_have_no_interval(images: int) -> None:
    values = np.random.default_rng(0).random((1, 1, 2, images)).astype(np.float32)
    found = confirm(paired(values), half(images))
    assert (found.choosing_pairs[0, 1], found.confirming_pairs[0, 1]) == (images // 2, images - images // 2)
    assert np.isnan(found.confirming_difference_low[0, 1]) == (images < 3)
    assert np.isnan(found.choosing_difference[0, 1]) == (images < 2)


def test_all_noise_seeds_of_an_image_are_in_its_half() -> None:
    values = np.random.default_rng(0).random((3, 2, 3, IMAGES)).astype(np.float32)
    confirming = half()
    found = confirm(paired(values), confirming)
    touched = values.copy()
    touched[:, :, :, ~confirming] = 0.5
    again = confirm(paired(touched), confirming)
    of_seeds = values[..., confirming].mean(axis=0)
    np.testing.assert_allclose(found.confirming_difference, (of_seeds - of_seeds[:, :1]).mean(axis=-1), atol=1e-7)
    for name in CONFIRMATIONS:
        same = np.array_equal(getattr(found, name), getattr(again, name), equal_nan=True)
        assert same == (name.startswith("confirming") or name == "choosing_pairs")


@pytest.mark.parametrize("classes", [1, 2, 7, 60])
def test_halves_are_balanced_over_classes(classes: int) -> None:
    confirming, of_image = half(classes=classes), np.arange(IMAGES) % classes
    assert confirming.sum() == IMAGES // 2
    for number in range(classes):
        assert abs(2 * confirming[of_image == number].sum() - (of_image == number).sum()) <= 1


def test_an_image_keeps_its_half_in_any_order_and_however_classes_are_numbered() -> None:
    order, of_image = np.random.default_rng(0).permutation(IMAGES), np.arange(IMAGES) % 7
    confirming = confirming_half(NAMES, of_image, 0)
    assert (confirming_half([NAMES[place] for place in order], of_image[order], 0) == confirming[order]).all()
    assert (confirming_half(NAMES, 100 - of_image, 0) == confirming).all()


def test_every_image_is_as_likely_in_either_half_and_another_seed_is_another_split() -> None:
    """Also one that is alone in its class, and one of a class of three."""
    classes = np.array([0] * 3 + [1] * 10 + list(range(2, IMAGES - 11)))
    seen = np.mean([confirming_half(NAMES, classes, seed) for seed in range(1000)], axis=0)
    assert np.abs(seen - 0.5).max() < 4 * np.sqrt(0.25 / 1000)


@dataclass
class Mean:
    """A metric of all images together that is a mean over them, so that its interval is known."""

    values: np.ndarray  # (timesteps, images)

    def observed(self) -> np.ndarray:
        return self.values.mean(axis=-1)

    def resampled(self, resamples: Resamples) -> np.ndarray:
        counts = resamples.counts
        return ratio(self.values @ counts.T.astype(float), counts.sum(axis=-1))

    def images(self) -> np.ndarray:
        return np.full(len(self.values), self.values.shape[-1])


def pooled(values: np.ndarray, confirming: np.ndarray) -> Confirmation:
    choosing, other = (Mean(values[:, kept]) for kept in (~confirming, confirming))
    return confirm_pooled((choosing, None), (other, Mean(other.values[:1])), int(confirming.sum()), 0)


def test_leaving_out_an_image_at_a_time_gives_the_standard_error_of_a_mean() -> None:
    """A half has 20 images: as many as the jackknife has groups."""
    values, confirming = np.random.default_rng(0).random((1, 1, 3, 40)).astype(np.float32), half(40)
    mean, found = confirm(paired(values), confirming), pooled(values[0, 0].astype(float), confirming)
    for name in CONFIRMATIONS:
        if name != "confirming_p" and "normalized_" not in name:
            np.testing.assert_allclose(getattr(found, name), getattr(mean, name), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.confirming_normalized_high, mean.confirming_normalized_high, rtol=0.03)
    assert np.isnan(found.confirming_p).all()


def test_intervals_of_a_pooled_metric_cover() -> None:
    """A half has 60 images in 20 groups."""
    generator, confirming = np.random.default_rng(0), half(120)
    covered = []
    for _ in range(STUDIES):
        found = pooled(generator.beta(2, 2, (2, 120)), confirming)
        covered.append(found.confirming_difference_low[0, 1] <= 0 <= found.confirming_difference_high[0, 1])
    assert np.mean(covered) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / STUDIES))


@pytest.mark.parametrize("images", [1, 2, 3])
def test_a_pooled_metric_of_the_fewest_images_has_no_interval(images: int) -> None:
    found = confirm_pooled((Mean(np.ones((2, images))), None), (Mean(np.ones((2, images))), None), images, 0)
    assert np.isnan(found.confirming_difference_low[0, 1]) == (images < 2)
