"""The statistics of all cells, packed: what is unpacked is what was measured, and every cell has its place."""

import base64
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from toy_study import SALT, plan, put, settings

from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.run import aggregate
from pcsweep.report import numbers as module
from pcsweep.report.numbers import BRIEF, FULL, numbers, packed, selectors


def unpacked(text: str) -> np.ndarray:
    """As the page's script does."""
    planes = np.frombuffer(gzip.decompress(base64.b64decode(text)), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<f4").ravel()


def values_of(block: dict[str, Any], drawn: dict[str, Any]) -> np.ndarray:
    """(statistics, metrics, cells, timesteps)."""
    shape = len(block["statistics"]), len(block["metrics"]), len(drawn["cells"]), len(drawn["timesteps"])
    return unpacked(block["data"]).reshape(shape)


def drawn_of(result: Aggregate) -> dict[str, Any]:
    return numbers(result.table, result.gaps.skipped, result.gaps.missing, result.facets)


@pytest.fixture(scope="module")
def broken_result(broken_study: Path) -> Aggregate:
    return aggregate(broken_study, 20, 20)


def test_numbers_come_back_with_17_bits_and_nan_as_nan() -> None:
    generator = np.random.default_rng(0)
    values = (generator.standard_normal(10_000) * 10.0 ** generator.integers(-30, 30, 10_000)).astype(np.float32)
    values[:6] = 0, -0.0, 1, -1, 24, 131_071
    values[6::97] = np.nan
    values[7], values[8] = np.inf, -np.inf
    found = unpacked(packed(values))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    np.testing.assert_array_equal(found[:6], values[:6])
    np.testing.assert_array_equal(found[7:9], values[7:9])
    finite = np.isfinite(values) & (values != 0)
    assert np.max(np.abs(found[finite] / values[finite] - 1)) <= 2.0**-18
    assert not (found[finite].view(np.uint32) & 0x3F).any()
    assert [float(f"{value:.4e}") for value in values[finite][:99]] == pytest.approx(
        [float(f"{value:.4e}") for value in found[finite][:99]], rel=1.01e-4
    )


def test_the_same_numbers_give_the_same_text() -> None:
    values = np.random.default_rng(1).random((3, 4, 5)).astype(np.float32)
    assert packed(values) == packed(values.copy(order="F"))
    assert packed(values) != packed(values + 1)


def test_every_statistic_of_every_cell_is_in_its_place(broken_result: Aggregate) -> None:
    drawn = drawn_of(broken_result)
    table = broken_result.table
    rows = {(row["identity"], row["timestep"], row["metric"]): row for row in table.to_pylist()}
    assert len(drawn["cells"]) * len(drawn["timesteps"]) * len(drawn["labels"]) == table.num_rows
    for block, statistics in zip(drawn["blocks"], (FULL, BRIEF), strict=True):
        assert block["statistics"] == list(statistics)
        values = values_of(block, drawn)
        for (s, m, c, t), value in np.ndenumerate(values):
            row = rows[drawn["cells"][c]["identity"], drawn["timesteps"][t], block["metrics"][m]]
            assert value == pytest.approx(row[block["statistics"][s]], rel=4e-6, nan_ok=True)
    assert [block["metrics"][0] for block in drawn["blocks"]] == ["iou", "area"]
    assert "iou@0.25" in drawn["blocks"][1]["metrics"]


def test_every_cell_is_found_by_its_coordinates(broken_result: Aggregate) -> None:
    drawn = drawn_of(broken_result)
    names = [each["name"] for each in drawn["selectors"]]
    assert names == ["sigma", "noise", "pcoder"]
    assert drawn["selectors"][0]["values"] == ["0.2", "0.6", "none"]
    assert drawn["selectors"][1]["values"] == ["gaussian", SALT]
    ((y, x),) = [(each["y"], each["x"]) for each in drawn["axes"]]
    assert (y["key"], y["label"], y["values"]) == ("beta", "feedforward β", ["0.2", "0.6", "1"])
    assert (x["key"], x["label"], x["values"]) == ("lambda", "feedback λ", ["0", "0.2", "0.5"])
    for cell in drawn["cells"]:
        row = broken_result.table.filter(pc.field("identity") == cell["identity"]).slice(0, 1).to_pylist()[0]
        place = [each["values"][at] for each, at in zip(drawn["selectors"], cell["at"], strict=True)]
        assert place == ["none" if row["sigma"] is None else f"{row['sigma']:g}", row["noise"], row["pcoder"]]
        assert (float(y["values"][cell["y"]]), float(x["values"][cell["x"]])) == (row["beta"], row["lambda"])
        assert cell.get("control", False) == (row["lambda"] == row["alpha"] == 0)
        assert cell["seeds"] == row["seeds"]
    assert len(drawn["skipped"]) == 12
    assert len(drawn["missing"]) == 3


def test_thresholds_are_left_out_where_there_is_too_much(broken_result: Aggregate, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn_of(broken_result)
    count = sum(values_of(block, whole).size for block in whole["blocks"])
    monkeypatch.setattr(module, "LARGEST", count)
    assert drawn_of(broken_result) == whole
    monkeypatch.setattr(module, "LARGEST", count - 1)
    less = drawn_of(broken_result)
    assert less["blocks"][0] == whole["blocks"][0]
    assert less["blocks"][1]["metrics"] == ["area", "centre"]  # beside which results are read
    assert set(less["labels"]) == {name for block in less["blocks"] for name in block["metrics"]}


def test_a_control_for_what_varies_and_for_sigma_always() -> None:
    row = {"model": "toy", "noise": "gaussian", "sigma": 0.2, "pcoder": "all", "beta": 1.0, "lambda": 0.0, "alpha": 0.0}
    rows = [row, {**row, "beta": 0.5, "alpha": 0.01, "model.seed": 3}, {**row, "alpha": None, "pcoder.alpha": "[0.1, 0.2]"}]
    found = selectors(rows, ["model.seed", "pcoder.alpha"])
    assert [each.name for each in found] == ["sigma", "alpha", "model.seed"]
    assert [each.label for each in found] == ["σ", "α", "model.seed"]
    assert found[1].values == [0.0, 0.01, "[0.1, 0.2]"]
    assert [each.place(rows[1]) for each in found] == [0, 1, 0]


def test_several_noises_with_parameters_of_their_own_share_a_control() -> None:
    row = {"model": "toy", "pcoder": "all", "beta": 1.0, "lambda": 0.0, "alpha": 0.0}
    shot = {**row, "noise": "shot", "sigma": None, "noise.severity": 3, "noise.c": 12.0}
    rows = [
        {**row, "noise": "gaussian", "sigma": 0.18, "noise.severity": 3, "noise.c": None},
        shot,
        {**shot, "noise.severity": 1, "noise.c": 60.0},
        {**row, "noise": "none", "sigma": 0.0, "noise.severity": None, "noise.c": None},
    ]
    (found,) = selectors(rows, ["noise.severity", "noise.c"])
    assert (found.name, found.label) == ("noise", "noise")
    assert found.values == [
        "gaussian, severity = 3, σ = 0.18",
        "no noise",
        "shot, severity = 1, c = 60",
        "shot, severity = 3, c = 12",
    ]
    assert [found.place(each) for each in rows] == [0, 3, 2, 1]
    with_sigma = [{**each, "noise.c": None, "noise.severity": None} for each in rows]
    assert [each.name for each in selectors(with_sigma, ["noise.severity", "noise.c"])] == ["sigma", "noise"]


@pytest.mark.parametrize(
    ("changed", "name", "values"),
    [
        ({"model__name": "other"}, "model", ["other", "toy"]),
        ({"pcoder__active": [2]}, "pcoder", ["2", "all"]),
        ({"pcoder__alpha": [0.1, 0.2]}, "alpha", ["0", "[0.1 0.2]"]),
        ({"noise__space": "normalized"}, "noise.space", ["normalized", "pixel"]),
    ],
)
def test_what_varies_in_a_study_is_chosen_by_name(tmp_path: Path, changed: dict[str, Any], name: str, values: list[str]) -> None:
    for point in (settings(0.5, 0.1), settings(0.5, 0.1, **changed)):
        put(tmp_path, point)
    drawn = drawn_of(aggregate(tmp_path, 2))
    assert [(each["name"], each["values"]) for each in drawn["selectors"]] == [("sigma", ["0.2"]), (name, values)]
    assert sorted(cell["at"] for cell in drawn["cells"]) == [[0, 0], [0, 1]]


def test_coefficients_per_pcoder_have_a_place_on_the_axes(tmp_path: Path) -> None:
    for point in (settings(0.5, 0.1), settings(0.5, 0.1, pcoder__beta=[0.8, 0.4])):
        put(tmp_path, point)
    drawn = drawn_of(aggregate(tmp_path, 2))
    assert drawn["axes"][0]["y"]["values"] == ["0.5", "[0.8 0.4]"]
    assert sorted(cell["y"] for cell in drawn["cells"]) == [0, 1]


def test_a_missing_noise_seed_does_not_hide_its_cell(tmp_path: Path, gather: Callable[..., Any]) -> None:
    points = [settings(0.5, 0.1, noise__seed=seed) for seed in (0, 1)]
    put(tmp_path, points[0])
    plan(tmp_path, points)
    drawn = gather(tmp_path).drawn["grid"]
    assert [(cell["at"], cell["y"], cell["x"], cell["seeds"]) for cell in drawn["cells"]] == [([0], 0, 0, 1)]


def test_what_a_spreadsheet_would_compute_is_written_as_text(tmp_path: Path) -> None:
    for name in ("=cmd|' /C calc'!A0", "gaussian"):
        for shift in (-0.1, 0.2):
            put(tmp_path, settings(0.5, 0.1, noise__name=name, noise__shift=shift))
    chosen = {each["name"]: each for each in drawn_of(aggregate(tmp_path, 2))["selectors"]}
    assert chosen["noise"]["values"] == ["=cmd|' /C calc'!A0", "gaussian"]
    assert chosen["noise"]["written"] == ["'=cmd|' /C calc'!A0", "gaussian"]
    assert chosen["noise.shift"]["values"] == chosen["noise.shift"]["written"] == ["-0.1", "0.2"]
