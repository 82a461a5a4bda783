"""What every export has: rows as `pcsweep.load` gives them, one shard in memory at a time, and the tables beside them."""

import json
import logging
from pathlib import Path

import pyarrow as pa
import pytest
from toy_study import damage, put, settings

import pcsweep
from pcsweep.aggregate.words import DrawingOptions
from pcsweep.config.errors import BadSetting
from pcsweep.export.study import study_to_export

FEW = DrawingOptions(resamples=50, permutations=99)


def test_rows_are_those_of_load(study: Path) -> None:
    found = study_to_export(study, {}, FEW)
    loaded = pcsweep.load("toy", study.parent).to_table()
    rows = pa.concat_tables(found.rows())
    assert rows.schema.equals(loaded.schema)
    keys = [("identity", "ascending"), ("image_id", "ascending"), ("timestep", "ascending")]
    assert str(rows.sort_by(keys).to_pylist()) == str(loaded.sort_by(keys).to_pylist())  # as text, in which NaN is NaN
    assert rows.num_rows == 6 * 24 * 4


def test_one_shard_is_in_memory_at_a_time(tmp_path: Path) -> None:
    for number in range(12):
        put(tmp_path / "s", settings(0.05 * (number + 1), 0.1), pictured=8)
    found = study_to_export(tmp_path / "s", {}, FEW)
    before, most, largest = pa.total_allocated_bytes(), 0, 0
    for table in found.rows():
        largest = max(largest, table.nbytes)
        most = max(most, pa.total_allocated_bytes() - before)
    assert largest < most < 4 * largest


def test_damaged_shards_are_left_out_and_named(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = sorted((study / "shards").glob("*.parquet"))[0]
    damage(path)
    with caplog.at_level(logging.WARNING):
        found = study_to_export(study, {}, FEW)
    assert f"Shard left out: {path}" in caplog.text
    assert len(found.points) == 5
    assert path.stem not in [point.identity for point in found.points]


def test_a_shard_that_is_damaged_meanwhile_is_left_out_and_named(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = study_to_export(study, {}, FEW)
    path = found.points[2].path
    assert found.row_schema  # read
    damage(path)
    tables = list(found.rows())
    assert f"Shard left out: {path.absolute()}" in caplog.text
    assert len(tables) == 5


def test_points_have_settings_metadata_and_their_cell(study: Path) -> None:
    found = study_to_export(study, {}, FEW)
    tables = found.tables()
    points = tables["points"].to_pylist()
    cells = {row["identity"]: row["shards"].split() for row in tables["cells"].to_pylist()}
    assert sorted(cells) == sorted({point["cell"] for point in points})
    assert all(point["identity"] in cells[point["cell"]] for point in points)
    assert sorted(map(len, cells.values())) == [1, 1, 2, 2]
    one = next(point for point in points if point["noise.seed"] == 1 and point["beta"] == 0.5)
    assert one["noise.sigma"] == one["sigma"] == 0.4
    assert json.loads(one["pcoder.lambda"]) == [0.1, 0.1]
    assert one["rows"] == 96
    assert one["note"] is None
    assert {(point["note"], point["tags"]) for point in points if "<point>" in point["label"]} == {("second try", "alpha, quick")}
    assert one["bytes"] == (study / "shards" / f"{one['identity']}.parquet").stat().st_size
    assert one["label"] == "model=toy dataset=shapes noise=gaussian σ=0.4 pcoder=all β=0.5 λ=0.1 α=0.0"
    assert "β=0.5 λ=0.1 <point>" in [point["label"] for point in points]  # from the plan


def test_what_was_asked_and_what_failed(study: Path) -> None:
    tables = study_to_export(study, {}, FEW).tables()
    planned = tables["planned"].to_pylist()
    assert [row["skipped"] for row in planned] == [False, False, True]
    assert {(row["note"], row["tags"]) for row in planned} == {("second try", "alpha, quick")}
    assert {row["command"] for row in planned} == {"python -m pcsweep -m dataset.root=~/images"}
    (failed,) = tables["failures"].to_pylist()
    assert (failed["identity"], failed["error"]) == (planned[0]["identity"], "ValueError: nothing in ~/data")
    assert failed["time"].year > 2000
    assert tables["submissions"].num_rows == 0


def test_one_experiment_of_several(study: Path) -> None:
    put(study, settings(0.5, 0.1, timesteps=5))
    with pytest.raises(BadSetting, match=r"`timesteps` is 3 in 6 shards, 5 in 1 shard"):
        study_to_export(study, {}, FEW)
    assert len(study_to_export(study, {"timesteps": 5}, FEW).points) == 1
