"""No text in a CSV file is a formula, and every number stays one."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from toy_study import put, settings

from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.saved import save
from pcsweep.study.spreadsheet import plain, write_csv


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-", "--1", "-x", "-0.1.2"]
)
def test_what_a_spreadsheet_would_compute_is_text(text: str) -> None:
    assert plain(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-0.1", "+5", "-1e-07", "-.5", "0.3", "", "gaussian", "a=b", "[-0.1 0.2]", "salt, and", "'=1", "1+1"]
)
def test_numbers_and_words_stay(text: str) -> None:
    assert plain(text) == text


def test_columns_of_numbers_and_missing_values_stay(tmp_path: Path) -> None:
    table = pa.table(
        {"=key": pa.chunked_array([["=1", None], ["-0.1"]]), "value": [-0.1, None, 2.5], "empty": pa.nulls(3, pa.string())}
    )
    write_csv(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    assert rows == [["'=key", "value", "empty"], ["'=1", "-0.1", ""], ["", "", ""], ["-0.1", "2.5", ""]]


def test_a_formula_in_a_shard_does_not_reach_the_table(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.1, noise__name="=cmd|' /C calc'!A0"))
    result = aggregate(tmp_path, 2, 9)
    save(result, tmp_path)
    assert set(result.table["noise"].to_pylist()) == {"=cmd|' /C calc'!A0"}  # only for spreadsheets is it another
    with (tmp_path / "aggregate.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["noise"] for row in rows} == {"'=cmd|' /C calc'!A0"}
    gains = result.table["difference"].to_pylist()
    assert [float(row["difference"]) for row in rows] == pytest.approx(gains, nan_ok=True)
    assert min(gains) < 0
