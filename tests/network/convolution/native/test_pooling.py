"""Maximum pooling in machine code against the library's, to the bit."""

import pytest
import torch
from torch import nn

from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.pooling import NativePool
from pcsweep.network.convolution.workspace import Workspace

WIDE = 2 * library.lanes()
POOLS = {
    "windows of two": nn.MaxPool2d(2, 2),
    "windows that overlap": nn.MaxPool2d(3, 2),
    "unlike sides": nn.MaxPool2d((1, 3), (2, 1)),
    "every cell": nn.MaxPool2d(1),
}


def native_of(module: nn.MaxPool2d) -> NativePool:
    return NativePool(module, Workspace(), "pooled")


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (3, 3)])
def test_it_is_the_librarys(name: str, size: tuple[int, int]) -> None:
    maps = torch.randn(3, WIDE, *size, generator=torch.Generator().manual_seed(0))
    assert NativePool.suits(POOLS[name], (WIDE, *size))
    for given in (maps, maps.contiguous(memory_format=torch.channels_last)):
        assert torch.equal(native_of(POOLS[name])(given), POOLS[name](maps))


def test_what_is_undefined_or_infinite_stays_so() -> None:
    maps = torch.zeros(1, WIDE, 4, 4)
    maps[0, 0, 0, 0] = maps[0, 1, 3, 3] = maps[0, 2, 0, 1] = float("nan")
    maps[0, 3, 1, 1], maps[0, 4] = float("inf"), -float("inf")
    maps[0, 5, 0, 0], maps[0, 5, 1, 1] = float("nan"), float("inf")
    found, expected = native_of(POOLS["windows of two"])(maps), POOLS["windows of two"](maps)
    assert torch.equal(found.isnan(), expected.isnan())
    assert expected.isnan().sum() == 4
    assert torch.equal(found.nan_to_num(7), expected.nan_to_num(7))


def test_the_next_result_is_written_where_the_last_was() -> None:
    pool = native_of(POOLS["windows of two"])
    first = pool(torch.ones(2, WIDE, 4, 4))
    assert pool(torch.zeros(2, WIDE, 4, 4)).data_ptr() == first.data_ptr()


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.MaxPool2d(2, padding=1), (WIDE, 8, 8)),
        (nn.MaxPool2d(2, dilation=2), (WIDE, 8, 8)),
        (nn.MaxPool2d(2, ceil_mode=True), (WIDE, 8, 8)),
        (nn.MaxPool2d(2, return_indices=True), (WIDE, 8, 8)),
        (nn.MaxPool2d(2), (WIDE + 1, 8, 8)),
        (nn.MaxPool2d(2), (WIDE, 8)),
    ],
)
def test_what_is_not_covered_is_said(module: nn.MaxPool2d, shape: tuple[int, ...]) -> None:
    assert not NativePool.suits(module, shape)
