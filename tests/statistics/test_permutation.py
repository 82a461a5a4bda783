"""p-values against scipy and plain enumeration, false discoveries by simulation."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from pcsweep.statistics.permutation import false_discovery, family_wise, flipped, flips


def p_of(differences, signs):
    return flipped(differences, signs).p


def test_few_images_are_tested_exactly():
    differences = np.random.default_rng(0).normal(0.4, 1, (3, 8))
    signs = flips(8, 4999, seed=0)
    assert sorted(map(tuple, signs)) == sorted(product((-1, 1), repeat=8))
    for row, p in zip(differences, p_of(differences, signs), strict=True):
        expected = stats.permutation_test(
            (row,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        )
        assert p == pytest.approx(expected.pvalue, abs=1e-12)


def test_many_images_are_tested_by_random_signs_the_observed_ones_among_them():
    differences = np.random.default_rng(1).normal(0.12, 1, (4, 300))
    signs = flips(300, 9999, seed=0)
    assert signs.shape == (10000, 300)
    assert (signs[0] == 1).all()
    assert np.abs(signs[1:].mean(axis=0)).max() < 0.05
    p = p_of(differences, signs)
    expected = [
        stats.permutation_test((row,), np.mean, permutation_type="samples", n_resamples=9999, rng=1).pvalue for row in differences
    ]
    np.testing.assert_allclose(p, expected, atol=0.015)
    assert p_of(np.ones((1, 300)), signs)[0] == 1 / 10000


def test_the_same_seed_draws_the_same_signs():
    assert np.array_equal(flips(50, 99, seed=3), flips(50, 99, seed=3))
    assert not np.array_equal(flips(50, 99, seed=3), flips(50, 99, seed=4))


def test_ties_count_on_the_side_of_no_effect():
    """By hand: of the 8 signs of (1, 1, 0), four have an absolute sum of 2 and four of 0."""
    assert p_of(np.array([[1.0, 1.0, 0.0]]), flips(3, 4999, seed=0))[0] == 0.5
    assert p_of(np.zeros((1, 3)), flips(3, 4999, seed=0))[0] == 1
    differences = np.random.default_rng(0).integers(-1, 2, (1, 200)).astype(float)
    differences[0, differences[0].cumsum() != 0] = 0
    assert p_of(differences * 0.1, flips(200, 999, seed=0)) == p_of(differences, flips(200, 999, seed=0))


def test_undefined_differences_are_left_out():
    some = np.random.default_rng(2).normal(1, 1, (1, 6))
    padded = np.concatenate([some, np.full((1, 3), np.nan)], axis=1)
    assert p_of(padded, flips(9, 4999, seed=0)) == pytest.approx(p_of(some, flips(6, 4999, seed=0)))
    assert np.isnan(p_of(np.full((1, 4), np.nan), flips(4, 99, seed=0))).all()


def test_false_discovery_is_benjamini_and_hochbergs_by_loops():
    p = np.random.default_rng(0).random(40) ** 3
    p[7] = np.nan
    q = false_discovery(p)
    assert np.isnan(q[7])
    there = np.sort(p[~np.isnan(p)])
    for value, found in zip(p, q, strict=True):
        if value == value:
            expected = min(min(1.0, other * len(there) / (rank + 1)) for rank, other in enumerate(there) if other >= value)
            assert found == pytest.approx(expected)
    assert np.isnan(false_discovery(np.array([np.nan]))).all()


def grid(generator, cells, images, gains):
    """Paired differences of a grid: a cell's images share their difficulty with those of other cells, as a study's do."""
    shared = generator.normal(0, 0.05, images)
    own = generator.normal(0, 0.05, (cells, images))
    return shared + own + np.asarray(gains)[:, None]


def test_without_an_effect_false_discoveries_are_rare_and_p_is_uniform():
    generator = np.random.default_rng(5)
    signs = flips(60, 999, seed=0)
    p = np.array([p_of(grid(generator, 50, 60, np.zeros(50)), signs) for _ in range(300)])
    assert np.mean((np.apply_along_axis(false_discovery, 1, p) < 0.05).any(axis=1)) < 0.08  # expected: 0.05 at most
    for level in (0.01, 0.05, 0.25):
        assert np.mean(p <= level) == pytest.approx(level, abs=0.25 * level + 0.01)


def test_with_a_known_effect_discoveries_are_made_and_few_are_false():
    generator = np.random.default_rng(6)
    signs = flips(60, 1999, seed=0)
    gains = np.where(np.arange(50) < 20, 0.05, 0.0)
    false, power = [], []
    for _ in range(200):
        q = false_discovery(p_of(grid(generator, 50, 60, gains), signs))
        discovered = q < 0.05
        false.append(np.mean(gains[discovered] == 0) if discovered.any() else 0.0)
        power.append(np.mean(discovered[gains > 0]))
    assert np.mean(false) < 0.05
    assert np.mean(power) > 0.9


def test_the_strength_orders_tests_as_students_t_does():
    differences = np.random.default_rng(3).normal(0.1, 1, (20, 40))
    differences[4, :10] = np.nan
    strength = flipped(differences, flips(40, 99, seed=0)).strength
    t = np.abs(stats.ttest_1samp(differences, 0, axis=1, nan_policy="omit").statistic)
    n = (~np.isnan(differences)).sum(axis=1)
    np.testing.assert_allclose(strength, t * np.sqrt(n / (n - 1 + t**2)), rtol=1e-5)


def test_p_of_a_family_is_that_of_plain_enumeration():
    differences = np.random.default_rng(4).normal(0.5, 1, (3, 7))
    found = flipped(differences, flips(7, 4999, seed=0))
    strongest = []
    for signs in product((-1, 1), repeat=7):
        strongest.append(max(abs((signs * row).sum()) / np.sqrt((row**2).sum()) for row in differences))
    for row, p in zip(differences, family_wise(found.strength, found.strongest), strict=True):
        own = abs(row.sum()) / np.sqrt((row**2).sum())
        assert p == pytest.approx(np.mean(np.array(strongest) >= own - 1e-9))
    assert (family_wise(found.strength, found.strongest) >= found.p).all()


def test_p_of_a_family_holds_for_the_cell_that_looks_best():
    """Chosen by its mean among many with other spreads, where q alone does not know that it was chosen."""
    generator = np.random.default_rng(8)
    signs = flips(40, 499, seed=0)
    spreads = np.where(np.arange(60) < 30, 0.03, 0.2)
    false = []
    for _ in range(300):
        differences = generator.normal(0, 1, (60, 40)) * spreads[:, None]
        found = flipped(differences, signs)
        best = differences.mean(axis=1).argmax()
        false.append(family_wise(found.strength, found.strongest)[best] < 0.05)
    assert np.mean(false) < 0.08  # 0.05 at most, and the standard error of 300


def test_what_was_not_tested_has_no_p_in_the_family():
    found = flipped(np.array([[np.nan] * 5, [1.0] * 5]), flips(5, 99, seed=0))
    p = family_wise(found.strength, found.strongest)
    assert np.isnan(p[0])
    assert p[1] == 2 / 32  # all signs alike
