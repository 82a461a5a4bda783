"""The words by which one part of a mixed study is read."""

import pytest
from toy_study import put, settings

from pcsweep.aggregate.grouping import grouped
from pcsweep.config.errors import BadSetting
from pcsweep.study.axes import check_alike
from pcsweep.study.mixing import where_of


@pytest.mark.parametrize("value", ["1" + "0" * 400, "[" * 5000, "1" * 5000])
def test_values_beyond_reading_are_refused(tmp_path, value):
    put(tmp_path, settings(0.2, 0.0))
    _, where = where_of(["study=x", f"timesteps={value}"], ("study",))
    with pytest.raises(BadSetting, match="Expected `timesteps` to be 3"):
        grouped(tmp_path / "shards", where)


def test_shards_that_differ_are_refused_with_a_word_that_reads_some_of_them():
    points = [settings(0.2, 0.0), settings(0.2, 0.0, selection__count=7)]
    with pytest.raises(BadSetting, match=r"`dataset.limit` is 24 in 1 shard, 7 in 1 shard.* by its value: dataset.limit=24\."):
        check_alike(points)
