"""Aggregation of a study that holds a search."""

import csv

import pytest
from toy_search import put_search
from toy_study import put, settings

from pcsweep.aggregate.__main__ import main

FEW = ["resamples=40", "permutations=49"]


@pytest.fixture
def aggregated(tmp_path, capsys, monkeypatch):
    """What is said of the study s of this folder."""
    monkeypatch.setenv("COLUMNS", "200")

    def run():
        assert main(["study=s", f"output_root={tmp_path}", *FEW]) == 0
        return " ".join(capsys.readouterr().out.split())

    return run


def test_trials_are_told_drawn_and_written(tmp_path, aggregated):
    record = put_search(tmp_path / "s")
    said = aggregated()
    best = record.trials[record.best[0]]
    assert "Best trials of the search for iou gain at t=T" in said
    assert "Search: 8 trials, chosen by tpe (seed 0): 8 measured on all 24 images of the search;" in said
    assert f"Not confirmed: {best.values[0]:.4g} ± 0.01 of trial {best.number} is the best of 8" in said
    with (tmp_path / "s" / "search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(8))
    assert [row["best"] for row in rows].count("true") == 1
    assert float(rows[best.number]["pcoder.beta"]) == best.coefficients["pcoder.beta"]
    assert {path.name for path in (tmp_path / "s" / "figures").glob("search_*.png")} >= {
        "search_history.png",
        "search_parallel.png",
    }
    assert (tmp_path / "s" / "search_importance.parquet").exists()


def test_a_study_without_a_search_says_nothing_of_one(tmp_path, aggregated):
    put(tmp_path / "s", settings(0.6, 0.2))
    assert "Search" not in aggregated()
    assert not list((tmp_path / "s").rglob("search*"))
