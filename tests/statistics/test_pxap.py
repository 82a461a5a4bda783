"""PxAP against a plain computation on maps, and in cases known by hand."""

import doctest

import numpy as np
import pytest
import torch

from pcsweep.metric.area import area as area_of
from pcsweep.metric.area import pixels as pixels_of
from pcsweep.metric.iou import found as found_of
from pcsweep.metric.iou import iou as iou_of
from pcsweep.metric.saliency import scaled as scaled_of
from pcsweep.statistics import pxap as module
from pcsweep.statistics.bootstrap import Resamples, resampling
from pcsweep.statistics.pxap import Pixels, pixels, pxap

THRESHOLDS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05]


def test_doctests():
    result = doctest.testmod(module)
    assert (result.failed, result.attempted) == (0, 1)


def smooth(images, generator):
    """Maps that find their objects roughly, and masks of them, images (16, 16)."""
    y, x = np.mgrid[:16, :16] / 16
    places = generator.uniform(0.2, 0.8, (images, 2))
    distance = np.hypot(y - places[:, :1, None], x - places[:, 1:, None])
    noise = generator.random((images, 16, 16)) * 0.3
    return torch.tensor(np.exp(-6 * distance**2) + noise, dtype=torch.float32), torch.tensor(distance < 0.25)


@pytest.fixture(scope="module")
def scene():
    """Shares as a shard has them, of maps with ignored pixels, one of them undefined; and the maps."""
    maps, mask = smooth(12, np.random.default_rng(0))
    maps[3] = 0
    ignore = torch.tensor(np.random.default_rng(1).random((12, 16, 16)) > 0.9)
    saliency = scaled_of(maps, (16, 16))
    at = torch.stack([iou_of(saliency, mask, ignore, each) for each in THRESHOLDS]).numpy()[None, :, None]
    found = torch.stack([found_of(saliency, ignore, each) for each in THRESHOLDS]).numpy()[None, :, None]
    area, count = area_of(mask, ignore).numpy()[None, None], pixels_of(ignore).numpy()[None, None]
    own, _ = pixels(at, found, area, count)
    return own, saliency.numpy(), mask.numpy(), ignore.numpy()


def plainly(saliency, mask, ignore, images, thresholds, steps):
    """Precision and recall of all pixels of the images together; the area by steps or by trapezoids."""
    kept = [image for image in images if not np.isnan(saliency[image]).any()]
    s = np.concatenate([saliency[image][~ignore[image]] for image in kept])
    m = np.concatenate([mask[image][~ignore[image]] for image in kept])
    area, recall, precision = 0.0, 0.0, None
    for threshold in [*thresholds, -1.0]:
        found = s > threshold
        if not found.any():
            continue
        now, here = m[found].sum() / m.sum(), m[found].mean()
        before = here if precision is None or steps else precision
        area += (now - recall) * (here + before) / 2
        recall, precision = now, here
    return area


def test_numbers_of_pixels_are_those_of_the_maps(scene):
    counted, saliency, mask, ignore = scene
    for number, threshold in enumerate(THRESHOLDS):
        above = (saliency > threshold) & ~ignore
        np.testing.assert_array_equal(counted.found[number, 0], above.sum(axis=(1, 2)))
        np.testing.assert_array_equal(counted.inside[number, 0], (above & mask).sum(axis=(1, 2)))
    assert counted.mask[0, 3] == counted.all[0, 3] == 0  # its map is undefined


def test_observed_and_resampled_are_those_of_all_pixels_together(scene):
    counted, *maps = scene
    assert counted.observed().item() == pytest.approx(plainly(*maps, range(12), THRESHOLDS, steps=False), rel=1e-9)
    found = counted.resampled(Resamples(resampling(12, 30, seed=2)))[0]
    generator = np.random.default_rng(2)
    for value in found:
        assert value == pytest.approx(plainly(*maps, generator.integers(0, 12, 12), THRESHOLDS, steps=False), rel=1e-5)


def test_a_dozen_thresholds_come_close_to_a_thousand_steps(scene):
    counted, *maps = scene
    fine = plainly(*maps, range(12), np.linspace(1, 0, 1001), steps=True)
    assert counted.observed().item() == pytest.approx(fine, abs=0.02)  # steep maps; 0.003 on those of networks


def test_a_perfect_map_has_1_and_a_constant_one_the_share_of_the_mask():
    ones = np.ones((1, 1))
    assert pxap(np.array([[4.0]]), np.array([[4.0]]), 4 * ones[0], 16 * ones[0]).item() == 1
    assert pxap(np.array([[16.0]]), np.array([[4.0]]), 4 * ones[0], 16 * ones[0]).item() == 0.25


def test_thresholds_above_which_nothing_lies_add_nothing():
    with_it = Pixels(np.array([[[0.0]], [[2.0]]]), np.array([[[0.0]], [[1.0]]]), np.array([[2.0]]), np.array([[8.0]]))
    without = Pixels(np.array([[[2.0]]]), np.array([[[1.0]]]), np.array([[2.0]]), np.array([[8.0]]))
    assert with_it.observed() == without.observed()


def test_images_of_more_pixels_count_more():
    """By hand: a perfect image of 2 pixels and one of 8 whose map is all wrong."""
    counted = Pixels(np.array([[[1.0, 4.0]]]), np.array([[[1.0, 0.0]]]), np.array([[1.0, 4.0]]), np.array([[2.0, 8.0]]))
    assert counted.observed().item() == pytest.approx(0.2 * 0.2 + 0.8 * (0.2 + 0.5) / 2)


def test_pairs_are_of_what_is_defined_at_both_times():
    generator = np.random.default_rng(5)
    at, found = generator.random((2, 1, 3, 2, 6))
    found = np.sort(found, axis=1)
    at[0, :, 1, 2] = at[0, :, 0, 4] = np.nan
    area, count = np.full((1, 2, 6), 0.5), np.full((1, 2, 6), 100.0)
    own, (now, start) = pixels(at, found, area, count)
    kept = [0, 1, 3, 5]
    only, _ = pixels(at[..., kept], found[..., kept], area[..., kept], count[..., kept])
    assert own.all.tolist() == [[100, 100, 100, 100, 0, 100], [100, 100, 0, 100, 100, 100]]
    assert now.observed()[1] == pytest.approx(only.observed()[1])
    assert start.observed()[1] == pytest.approx(only.observed()[0])
