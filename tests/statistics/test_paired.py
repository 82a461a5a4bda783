"""Values paired with t = 0, and the effect size of their differences."""

import numpy as np
import pytest
from scipy import stats

from pcsweep.statistics.paired import effect_size, paired

IMAGES = 30


def test_the_effect_size_is_the_t_statistic_over_the_root_of_n():
    values = np.random.default_rng(0).random((1, 2, 3, IMAGES)).astype(np.float32)  # (1 seed, 2 metrics, 3 timesteps, images)
    gains = (values[0] - values[0][:, :1]).astype(float)
    found = effect_size(gains)[:, 1:]
    expected = stats.ttest_rel(values[0, :, 1:].astype(float), values[0, :, :1].astype(float), axis=-1).statistic / np.sqrt(
        IMAGES
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    gains[0, 1, :4] = np.nan
    assert effect_size(gains)[0, 1] == pytest.approx(gains[0, 1, 4:].mean() / gains[0, 1, 4:].std(ddof=1))
    assert np.isnan(effect_size(np.array([[0.3], [np.nan]]))).all()


def test_values_at_the_start_are_of_the_seeds_that_are_defined_later():
    values = np.zeros((2, 1, 2, 3), np.float32)  # (2 seeds, 1 metric, 2 timesteps, 3 images)
    values[0, 0, :, 0] = 1, 5
    values[1, 0, :, 0] = 3, np.nan
    values[:, 0, 1, 1] = np.nan
    found = paired(values)
    np.testing.assert_array_equal(found.now[0], [[2, 0, 0], [5, np.nan, 0]])
    np.testing.assert_array_equal(found.start[0], [[2, 0, 0], [1, np.nan, 0]])
    np.testing.assert_array_equal(found.gain[0], [[0, 0, 0], [4, np.nan, 0]])
    assert found.same.tolist() == [[True, False]]
    assert found.nan.tolist() == [[0, 3]]
