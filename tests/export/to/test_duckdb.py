"""A DuckDB file that stands alone, and the queries of docs/export.md on it."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from toy_study import settings

import pcsweep
from pcsweep.study import shards

PAGE = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
Export = Callable[[Sequence[str]], int]


def ask(path: Path, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(path), read_only=True) as database:
        done = database.execute(query)
        names = [column[0] for column in done.description]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]


def test_the_file_stands_alone(study: Path, export: Export, tmp_path: Path) -> None:
    assert export(["to=duckdb"]) == 0
    path = study / "export" / "toy.duckdb"
    assert [each.name for each in path.parent.iterdir()] == [path.name]  # nothing else is left there
    loaded = pcsweep.load("toy", study.parent).to_table(columns=["identity", "image_id", "timestep", "iou", "image"])
    moved = path.rename(tmp_path / "moved.duckdb")
    shutil.rmtree(study)
    rows = ask(moved, 'SELECT identity, image_id, timestep, iou, image FROM "rows"')
    order = ("identity", "image_id", "timestep")
    assert str(sorted(rows, key=lambda row: [row[name] for name in order])) == str(
        sorted(loaded.to_pylist(), key=lambda row: [row[name] for name in order])
    )
    assert {row["table_name"] for row in ask(moved, "SELECT table_name FROM information_schema.tables")} == {
        *("rows", "points", "cells", "planned", "failures", "submissions")
    }
    types = {row["column_name"]: row["column_type"] for row in ask(moved, "DESCRIBE points")}
    assert (types["noise.seed"], types["written"], types["sigma"]) == ("BIGINT", "TIMESTAMP WITH TIME ZONE", "DOUBLE")


def test_exported_again_it_is_replaced(study: Path, export: Export) -> None:
    path = study / "export" / "toy.duckdb"
    assert export(["to=duckdb"]) == 0
    (study / "shards" / f"{shards.identity(settings(0.8, 0.1))}.parquet").unlink()
    assert export(["to=duckdb"]) == 0
    assert ask(path, "SELECT count(*) AS count FROM points") == [{"count": 5}]


def test_an_interruption_leaves_the_former_file(study: Path, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    path = study / "export" / "toy.duckdb"
    assert export(["to=duckdb"]) == 0
    before = path.read_bytes()

    def interrupted(self: object) -> Any:
        yield pcsweep.load("toy", study.parent).to_table().slice(0, 3)
        raise KeyboardInterrupt

    monkeypatch.setattr("pcsweep.export.study.ExportStudy.rows", interrupted)
    assert export(["to=duckdb"]) == 130
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_of_the_page(query: str, study: Path, export: Export) -> None:
    assert export(["to=duckdb", f"into={study}/x.duckdb"]) == 0
    rows = ask(study / "x.duckdb", query)
    if "recovery" in query:
        assert [row["recovery"] for row in rows] == sorted((row["recovery"] for row in rows), reverse=True)
        assert len(rows) == 4
    elif "gain" in query:
        assert sum(row["pairs"] for row in rows) == 6 * (24 - 2)  # two images have no IoU after t = 0
        assert all(-1 < row["gain"] < 1 for row in rows)
    else:
        assert [(row["points"], row["missing"]) for row in rows] == [(6, 1)]


def test_the_page_has_three_queries() -> None:
    assert len(QUERIES) == 3
