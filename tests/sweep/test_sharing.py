"""Packs are given out point by point to whichever command is first, and each point to one of them."""

from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

from pcsweep.study.shards import place
from pcsweep.sweep import sharing
from pcsweep.sweep.job import SweepPoint
from pcsweep.sweep.sharing import Packs, shared


@pytest.fixture
def packs(tmp_path):
    """Three packs of two points of a study."""
    points = []
    for number in range(6):
        point = SimpleNamespace(
            settings=SimpleNamespace(folder=tmp_path), shard_folder=tmp_path / "shards", label=f"point {number}"
        )
        of_sweep = create_autospec(SweepPoint, instance=True)
        of_sweep.number, of_sweep.planned = (
            number,
            SimpleNamespace(point=point, identity=f"i{number}", folder=tmp_path, shard=place(point.shard_folder, f"i{number}")),
        )
        points.append(of_sweep)
    return [points[:2], points[2:4], points[4:]]


def numbers(pack):
    return pack and [point.number for point in pack]


def test_two_commands_share_the_packs(packs, tmp_path):
    with shared(packs) as one, shared(packs) as other:
        first, second, third = one.take(), other.take(), one.take()
        assert [numbers(each) for each in (first, second, third)] == [[0, 1], [2, 3], [4, 5]]
        assert (one.take(), other.take()) == (None, None)
        assert (one.left, other.left) == (1, 2)
        place(tmp_path / "shards", "i0").parent.mkdir()
        place(tmp_path / "shards", "i0").touch()  # computed while its command still holds it
        assert numbers(other.take()) == [0]
        one.release(first)
        assert numbers(other.take()) == [1]  # it has failed there, and is tried here
        other.release(second)
        assert numbers(one.take()) == [2, 3]
        assert one.left == 0
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_without_claims_every_pack_comes_in_order(packs, monkeypatch):
    monkeypatch.setattr(sharing, "Claims", None)
    alone = Packs(packs)
    assert [numbers(alone.take()) for _ in packs] == [[0, 1], [2, 3], [4, 5]]
    assert alone.take() is None
