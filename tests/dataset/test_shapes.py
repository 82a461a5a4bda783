"""The generated dataset: deterministic by index, exact masks, ten classes, no image in both splits."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pcsweep.dataset import Dataset, select
from pcsweep.dataset.shapes import Shapes


def test_an_image_depends_on_its_index_alone():
    few, many = Shapes(count=30), Shapes(count=500)
    assert isinstance(few, Dataset)
    for index in (0, 7, 29):
        first, again = few[index], many[index]
        assert first.image_id == again.image_id
        torch.testing.assert_close(first.image, again.image, rtol=0, atol=0)
        assert first.mask.equal(again.mask)
    assert not Shapes(split="train")[0].image.equal(few[0].image)
    assert not Shapes(seed=1)[0].image.equal(few[0].image)


def test_samples_are_whole():
    dataset = Shapes(count=60)
    samples = [dataset[index] for index in range(60)]
    assert len({sample.image_id for sample in samples}) == 60
    for sample in samples:
        assert sample.image.shape == (3, 64, 64)
        assert sample.image.dtype == torch.float32
        torch.testing.assert_close((sample.image * 255).round() / 255, sample.image, rtol=0, atol=0)
        assert 0.02 < sample.mask.float().mean() < 0.5
        assert not sample.ignore.any()
    counts = np.bincount([sample.class_index for sample in samples])
    assert counts.tolist() == [6] * len(dataset.class_names) == [6] * 10


def test_the_mask_is_where_the_object_is():
    """Colours jump at the border of the mask, more than anywhere across the picture on average."""
    dataset, at_border, elsewhere = Shapes(count=40), [], []
    for index in range(40):
        sample = dataset[index]
        jump = (sample.image[:, :, 1:] - sample.image[:, :, :-1]).abs().sum(0)
        border = sample.mask[:, 1:] != sample.mask[:, :-1]
        at_border.append(jump[border].mean().item())
        elsewhere.append(jump[~border].mean().item())
    assert np.mean(at_border) > 4 * np.mean(elsewhere)


def test_an_index_outside_is_refused():
    with pytest.raises(IndexError, match=r"Expected `index` to be in 0\.\.4, but got 5"):
        Shapes(count=5)[5]


def test_a_larger_limit_only_adds_images():
    labels = Shapes(count=100).class_indices
    assert select(labels, 10, seed=3) == select(labels, 50, seed=3)[:10]
    assert sorted(select(labels, None, seed=3)) == list(range(100))
    assert select(labels, 10, seed=3) != select(labels, 10, seed=4)
    with pytest.raises(ValueError, match="at most the dataset's 100 images, but got 101"):
        select(labels, 101, seed=0)


@given(labels=st.lists(st.integers(0, 5), min_size=1, max_size=60), seed=st.integers(0, 9))
def test_a_selection_is_balanced_at_every_length(labels, seed):
    """No class is ahead of another by more than one, unless that one has no sample left."""
    order = select(labels, None, seed)
    assert sorted(order) == list(range(len(labels)))
    for length in range(1, len(labels) + 1):
        taken = Counter(labels[index] for index in order[:length])
        for name, there in Counter(labels).items():
            assert taken[name] >= min(there, max(taken.values()) - 1)
