"""The table of metrics: each file's row has a name of its own."""

from pathlib import Path

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.metric import FILES, TABLE, table_of
from pcsweep.metric.row import Metric


def row(name, **further):
    return Metric(name=name, label=name, measured=lambda scored: scored.saliency.mean((1, 2)), **further)


def test_every_metric_has_a_file():
    assert set(FILES) == set(TABLE)
    assert all(path.is_file() for path in FILES.values())


def test_two_files_of_one_name_are_refused_with_both():
    said = r"every metric to have a name of its own, but /a/sharp.py and /b/other.py both have 'sharp'"
    with pytest.raises(BadSetting, match=said):
        table_of([(Path("/a/sharp.py"), row("sharp")), (Path("/b/other.py"), row("sharp"))])


@pytest.mark.parametrize("lists", [{"one": len}, {"many": len}])
def test_two_columns_of_one_name_are_refused_with_both_files(lists):
    files = [(Path("one.py"), row("one", lists={"many": len})), (Path("two.py"), row("two", lists=lists))]
    with pytest.raises(BadSetting, match=r"but one.py and two.py both have '(one|many)'"):
        table_of(files)


@pytest.mark.parametrize("name", ["target", "image_id", "beta", "a", "iou@2", "a.b", "", "sigma"])
def test_a_name_that_a_shard_has_for_something_else_is_refused(name):
    with pytest.raises(BadSetting, match=r"but got '.*' in mine.py"):
        table_of([(Path("mine.py"), row(name))])


def test_a_metric_of_all_images_together_is_no_column_and_has_any_name():
    many = Metric(name="miou@small", label="small", pooled=lambda shards: None)
    assert list(table_of([(Path("mine.py"), many)])[0]) == ["miou@small"]


def test_what_is_no_metric_is_refused():
    with pytest.raises(BadSetting, match=r"Expected `METRIC` of mine.py to be a pcsweep.metric.row.Metric, but got 'sharp'"):
        table_of([(Path("mine.py"), "sharp")])
