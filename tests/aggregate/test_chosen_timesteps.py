"""Metrics that are measured at chosen timesteps alone, and one of which lower is better, in tables and answers."""

import numpy as np
import pyarrow.compute as pc
import pytest
from toy_study import IMAGES, STEPS, put, settings

from pcsweep.aggregate.best import headlines, suspicions
from pcsweep.aggregate.rules.candidate import candidates_of
from pcsweep.aggregate.run import aggregate
from pcsweep.compare.contrast import contrast
from pcsweep.compare.study import StudyCell
from pcsweep.report.answer import answer
from pcsweep.report.breakdown import Images, most
from pcsweep.report.numbers import numbers
from pcsweep.statistics.drawing import drawn_once

PAIRS = ((0.2, 0.1), (0.4, 0.1), (0.6, 0.1))
FALLS = (0.0, -0.2, 0.1)  # of deletion at the last timestep, by cell


def deletion(fall, seed):
    """At t = 0 and the last timestep; null at others; one image undefined at both."""
    start = 0.4 + 0.2 * np.random.default_rng(seed).random(IMAGES)
    values = np.full((IMAGES, STEPS), None)
    values[:, 0], values[:, -1] = start, start + fall + 0.01 * np.random.default_rng(seed + 1).random(IMAGES)
    values[0, [0, -1]] = np.nan
    return values


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "toy"
    for number, (pair, fall) in enumerate(zip(PAIRS, FALLS, strict=True)):
        put(folder, settings(*pair, metrics=["deletion", "iou"]), deletion=deletion(fall, number))
    return folder


@pytest.fixture
def result(study):
    return aggregate(study, resamples=50, permutations=199)


def test_there_is_no_row_at_other_timesteps_and_nothing_of_them_is_undefined(result):
    rows = result.table.filter(pc.field("metric") == "deletion").to_pylist()
    assert [row["timestep"] for row in rows] == [0, STEPS - 1] * 3
    assert {row["nan"] for row in rows} == {1}
    assert {row["pairs"] for row in rows} == {IMAGES - 1}
    said = [line for line in suspicions(result.table, result.facets) if "deletion" in line]
    assert said == [line for line in said if line.startswith("Undefined (NaN) in deletion AUC: 4.2%")]
    assert len(result.table.filter(pc.field("metric") == "iou")) == 3 * STEPS


def test_the_best_cell_has_the_lowest_value(result):
    (best,) = headlines(result.table, result.facets, "deletion")
    assert best.row["beta"] == 0.4
    assert best.row["normalized"] < 1
    assert best.choice["beta"] == 0.4
    (of_iou,) = headlines(result.table, result.facets, "iou")
    rows = result.table.filter((pc.field("metric") == "iou") & (pc.field("timestep") > 0))
    assert of_iou.row["normalized"] == pc.max(rows["normalized"]).as_py()


def test_a_fall_is_the_answer_that_is_hoped_for(result):
    told = answer(result, headlines(result.table, result.facets, "deletion"), "deletion")
    assert told.text.startswith("Yes: −")
    assert told.row["beta"] == 0.4
    assert "Lower is better." in told.caveats
    assert any("1 cell fell and 2 rose" in caveat for caveat in told.caveats)


def test_a_rise_alone_is_a_change_for_the_worse(tmp_path):
    for number, pair in enumerate(PAIRS):
        put(tmp_path / "toy", settings(*pair, metrics=["deletion", "iou"]), deletion=deletion(0.1 * (1 + number), number))
    result = aggregate(tmp_path / "toy", resamples=50, permutations=199)
    told = answer(result, headlines(result.table, result.facets, "deletion"), "deletion")
    assert told.text.startswith("Yes, for the worse: +")
    assert told.row["beta"] == 0.6


def test_the_page_knows_at_which_timesteps_and_which_way(result):
    found = numbers(result.table, [], [], result.facets)
    assert found["measured"] == {"deletion": [0, STEPS - 1]}
    assert found["lower"] == ["deletion"]


def test_a_timestep_keeps_its_place_among_all_where_rules_are_compared(study, result):
    for each in candidates_of(result.table, study / "shards", "deletion"):
        assert np.isnan(each.choosing).tolist() == [False, True, True, False]


def test_studies_are_compared_at_the_timesteps_that_were_measured(study):
    paths = sorted((study / "shards").glob("*.parquet"))
    a, b = (StudyCell([path], {}, [0]) for path in paths[:2])
    found, _ = contrast((a, b), "deletion", drawn_once(50, 99, 0))
    assert found.timesteps == [0, STEPS - 1]
    assert found.statistics["nan_a"].tolist() == [1, 1]


def test_images_that_fell_are_those_that_gained_where_lower_is_better():
    gain = np.array([0.1, -0.3, np.nan, -0.1])
    of_cell = Images(ids=list("abcd"), categories=list("abcd"), area=gain, start=gain, end=gain, gain=gain)
    assert most(of_cell, 1, -1) == (["b"], ["a"])
    assert most(of_cell, 1) == (["a"], ["b"])
