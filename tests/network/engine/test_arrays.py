"""Rows of several points, cut into pieces and added up in place."""

import pytest
import torch
from torch import nn

from pcsweep.network.engine.arrays import Block, Distinct, by_point, channels_last, empty, slices, weighted_sum


def test_slices_cover_everything_once_in_steps():
    assert list(slices(2, 9, 3)) == [slice(2, 5), slice(5, 8), slice(8, 9)]
    assert list(slices(3, 3, 2)) == []


@pytest.mark.parametrize(
    ("rows", "pieces"),
    [
        (slice(0, 9), [(0, slice(0, 3)), (1, slice(3, 6)), (2, slice(6, 9))]),
        (slice(2, 7), [(0, slice(2, 3)), (1, slice(3, 6)), (2, slice(6, 7))]),
        (slice(4, 5), [(1, slice(4, 5))]),
        (slice(4, 4), []),
    ],
)
def test_rows_are_cut_where_a_point_ends(rows, pieces):
    assert list(by_point(rows, images=3)) == pieces


def test_a_block_finds_its_rows_by_their_number_and_shared_ones_by_their_image():
    everything = torch.arange(9)
    for rows in (slice(3, 6), slice(4, 5)):
        assert Block(everything, 0).at(rows, 3).equal(everything[rows])
        assert Block(everything[2:7], 2).at(rows, 3).equal(everything[rows])
        assert Block(everything[:3], None).at(rows, 3).equal(everything[rows] - 3)


def test_a_weighted_sum_may_be_written_over_its_first_tensor():
    one, other = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 5.0])
    for weight in (1.0, 0.5):
        out = one.clone()
        weighted_sum([(weight, out), (2.0, other)], out)
        assert out.equal(weight * one + 2 * other)
        weighted_sum([(weight, one), (2.0, other)], out)
        assert out.equal(weight * one + 2 * other)
    weighted_sum([], out)
    assert out.equal(torch.zeros(2))
    assert one.equal(torch.tensor([1.0, 2.0]))


def test_new_maps_have_their_channels_last_in_memory():
    assert empty((2, 3, 4, 5), torch.zeros(1)).permute(0, 2, 3, 1).is_contiguous()
    assert empty((2, 3), torch.zeros(1, dtype=torch.float64)).dtype is torch.float64


def test_kernels_are_laid_channels_last_once():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=4), nn.Linear(4, 2))
    before = [parameter.clone() for parameter in module.parameters()]
    channels_last(module)
    places = [parameter.data_ptr() for parameter in module.parameters()]
    channels_last(module)  # or whatever is keyed by places would be made anew
    assert [parameter.data_ptr() for parameter in module.parameters()] == places
    assert module[0].weight.stride() == (27, 1, 9, 3)
    assert all(torch.equal(parameter, value) for parameter, value in zip(module.parameters(), before, strict=True))


def test_copies_of_images_are_left_out_and_written():
    distinct = Distinct(images=8, count=3)
    every = slice(0, 24)
    assert list(distinct.parts(every, 16, 1)) == [slice(0, 3), slice(8, 11), slice(16, 19)]
    assert list(distinct.parts(every, 2, 2)) == [slice(s, s + 2) for s in (0, 2, 8, 10, 16, 18)]
    assert list(distinct.parts(every, 16, 8)) == [slice(0, 8), slice(8, 16), slice(16, 24)]
    assert list(distinct.parts(slice(2, 8), 16, 1)) == [slice(2, 3)]
    assert list(distinct.parts(slice(4, 8), 4, 4)) == []
    assert list(Distinct(8, 8).parts(every, 16, 1)) == [slice(0, 16), slice(16, 24)]
    assert list(Distinct(0, 0).parts(slice(0, 0), 16, 1)) == []
    maps = torch.arange(16.0).view(16, 1, 1, 1).clone()
    distinct.repeat(maps)
    assert maps.flatten().tolist() == [0, 1, 2, 2, 2, 2, 2, 2, 8, 9, 10, 10, 10, 10, 10, 10]
    Distinct(8, 8).repeat(maps)
    assert maps.flatten().tolist()[:4] == [0, 1, 2, 2]
