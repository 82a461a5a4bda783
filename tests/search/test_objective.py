import numpy as np
import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.search.objective import objective
from pcsweep.study.values import ShardValues

METRICS, THRESHOLDS = ("iou", "mass", "deletion"), (0.15, 0.5)
IMAGES = ["a", "b", "c", "d"]


def shard(iou):
    values = np.asarray(iou, np.float32)  # (timesteps, images)
    steps, images = values.shape
    none = np.zeros_like(values)
    return ShardValues(
        IMAGES[:images], np.zeros(images, int), list(range(steps)), {"iou": values, "deletion": values}, {}, {}, none, 0.5
    )


def asked(words, timesteps=2):
    return objective(words, timesteps, METRICS, THRESHOLDS)


FIRST = shard([[0.2, 0.4, 0.1, 0.3], [0.4, 0.5, np.nan, 0.5], [0.3, 0.6, 0.2, 0.3]])
SECOND = shard([[0.1, 0.2, 0.1, 0.1], [0.1, 0.2, 0.4, 0.1], [0.2, 0.2, 0.1, 0.5]])


@pytest.mark.parametrize(
    ("words", "said", "direction"),
    [
        ("iou gain at t=T", "iou gain at t=T", "maximize"),
        ("IoU  gain at t = t", "iou gain at t=T", "maximize"),
        ("iou gain at T", "iou gain at t=T", "maximize"),
        ("mass at 1", "mass at t=1", "maximize"),
        ("iou@0.15 gain max over t", "iou@0.15 gain max over t", "maximize"),
        ("target_probability at t=1", "target_probability at t=1", "maximize"),
        ("deletion mean over t", "deletion mean over t", "minimize"),
    ],
)
def test_words_mean_what_they_say(words, said, direction):
    found = asked(words)
    assert (found.words, found.direction) == (said, direction)


def test_a_gain_at_a_timestep_is_the_mean_over_images_of_the_mean_over_conditions():
    found = asked("iou gain at t=T").estimate([FIRST, SECOND], IMAGES)
    gains = np.array([[0.1, 0.2, 0.1, 0.0], [0.1, 0.0, 0.0, 0.4]]).mean(axis=0)
    assert found.value == pytest.approx(gains.mean())
    assert found.error == pytest.approx(gains.std(ddof=1) / 2)
    assert (found.images, found.timestep) == (4, 2)


def test_the_largest_over_time_is_that_of_the_mean_and_says_when():
    found = asked("iou gain max over t").estimate([FIRST], IMAGES)
    assert found.timestep == 1
    assert found.value == pytest.approx(np.mean([0.2, 0.1, 0.2]))  # of the three images with a value there
    assert found.images == 3
    again = asked("iou gain max over t").estimate([FIRST], ["a", "d"], at=2)
    assert again.value == pytest.approx(0.05)


def test_where_less_is_better_the_best_over_time_is_the_smallest():
    assert asked("deletion max over t").estimate([FIRST], IMAGES).timestep == 2


def test_a_mean_over_time_leaves_t_0_out():
    found = asked("iou mean over t").estimate([SECOND], ["a"])
    assert (found.value, found.timestep) == (pytest.approx(0.15), None)


def test_only_the_images_that_count_count():
    assert asked("iou at t=1").estimate([FIRST], ["d"]).value == pytest.approx(0.5)


def test_what_is_undefined_is_nan_and_null_in_records():
    found = asked("iou at t=1").estimate([FIRST], ["c"])
    assert np.isnan(found.value)
    assert found.described() == {"value": None, "error": None, "images": 0, "timestep": 1}


@pytest.mark.parametrize(
    ("words", "timesteps", "message"),
    [
        ("iou", 2, r"'METRIC \[gain\] at T'.* but got 'iou'"),
        ("iou gain at t=3", 2, "up to T = 2 .* but got t=3"),
        ("iou gain at t=0", 2, "after t = 0"),
        ("iou gain at t=T", 0, "after t = 0"),
        ("pointing at t=T", 2, r"that is measured \(.*iou.*\), but got 'pointing'"),
        ("iou@0.3 at t=T", 2, "but got 'iou@0.3'"),
        ("area at t=T", 2, "but got 'area'"),
    ],
)
def test_other_words_are_refused(words, timesteps, message):
    with pytest.raises(BadSetting, match=message):
        asked(words, timesteps)
