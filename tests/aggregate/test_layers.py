"""A metric at every pcoder: the table, the picture, and what the page draws."""

import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from toy_study import IMAGES, STEPS, columns, settings

from pcsweep.aggregate.layers import shown_layers
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.saved import save
from pcsweep.config.errors import BadSetting
from pcsweep.study import shards

LAYERS = 3


def at_layers(point, undefined=0):
    """The IoU of the last layer is the metric itself; further down something else."""
    found = columns(point, undefined=2)
    draws = np.random.default_rng(int(shards.identity(point)[:8], 16))
    below = draws.random((len(found["timestep"]), LAYERS - 1)).astype(np.float32)
    below[: undefined or 0, 0] = np.nan
    found["iou_n"] = list(np.concatenate([below, np.asarray(found["iou"])[:, None]], axis=1))
    return found


def put(folder, point, **how):
    texts = {"code_version": "0.1.0", "host": "node1", "device": "cpu", "seconds": "36", "job": "", "config": "study: s"}
    return shards.write(folder / "shards", point, at_layers(point, **how), texts)


@pytest.fixture
def study(tmp_path):
    for sigma in (0.2, 0.6):
        for lambda_ in (0.0, 0.2):
            put(tmp_path, settings(0.6, lambda_, sigma))
    return tmp_path


def test_the_table_has_a_row_for_each_layer_and_its_last_is_the_metric_itself(study):
    result = aggregate(study, resamples=50, permutations=99)
    assert result.layers.num_rows == 4 * LAYERS * STEPS
    names = ("sigma", "lambda", "timestep", "mean", "difference", "difference_low", "difference_high", "nan", "n")
    whole = {tuple(row[n] for n in names[:3]): row for row in result.table.to_pylist() if row["metric"] == "iou"}
    last = [row for row in result.layers.to_pylist() if row["layer"] == LAYERS]
    assert len(last) == 4 * STEPS
    for row in last:
        for name in names[3:]:
            assert row[name] == pytest.approx(whole[tuple(row[n] for n in names[:3])][name], nan_ok=True), name


def test_its_means_and_gains_are_those_of_the_shards_own_values(study):
    result = aggregate(study, resamples=50, permutations=99)
    point = settings(0.6, 0.2, 0.6)
    found = at_layers(point)
    values = np.full((LAYERS, STEPS, IMAGES), np.nan)
    names = sorted(set(found["image_id"]))
    for row, each in enumerate(found["iou_n"]):
        values[:, found["timestep"][row], names.index(found["image_id"][row])] = each
    for row in result.layers.to_pylist():
        if (row["sigma"], row["lambda"]) != (0.6, 0.2):
            continue
        own = values[row["layer"] - 1, row["timestep"]]
        assert row["mean"] == pytest.approx(np.nanmean(own), abs=1e-6)
        assert row["difference"] == pytest.approx(np.nanmean(own - values[row["layer"] - 1, 0]), abs=1e-6)
        assert row["nan"] == np.isnan(own).sum()


def test_noise_seeds_are_averaged_before_images_are(tmp_path):
    for seed in (0, 1):
        put(tmp_path, settings(0.6, 0.2, noise__seed=seed))
    result = aggregate(tmp_path, resamples=50, permutations=99)
    both = [at_layers(settings(0.6, 0.2, noise__seed=seed)) for seed in (0, 1)]
    expected = np.mean(
        [each["iou_n"][row][0] for each in both for row in range(len(each["timestep"])) if each["timestep"][row] == 1]
    )
    (row,) = [row for row in result.layers.to_pylist() if (row["layer"], row["timestep"]) == (1, 1)]
    assert row["mean"] == pytest.approx(expected, abs=1e-6)
    assert row["seeds"] == 2


def test_the_best_cell_of_each_noise_level_is_shown_with_what_is_undefined(study):
    put(study, settings(1.0, 0.0, 0.6), undefined=5)
    result = aggregate(study, resamples=50, permutations=99)
    found = shown_layers(result, "iou")
    assert [each.where for each in found] == ["σ = 0.2", "σ = 0.6"]
    assert found[0].cell == "β = 0.6, λ = 0.2"
    for each in found:
        assert each.mean.shape == each.gain.shape == (LAYERS, STEPS)
        assert (each.gain[:, 0] == 0).all()
        assert each.clear.dtype == bool
        assert not each.clear[:, 0].any()
        assert each.undefined == 2 * (STEPS - 1)  # images without an IoU after t = 0, at the last layer
    assert shown_layers(result, "mass") == []


def test_they_are_written_and_drawn_beside_the_rest(study):
    result = aggregate(study, resamples=50, permutations=99)
    pictures = save(result, study)
    assert {"layers.png", "layers.pdf"} <= {path.name for path in pictures}
    assert pq.read_table(study / "layers.parquet").num_rows == result.layers.num_rows
    assert (study / "layers.csv").read_text().count("\n") == result.layers.num_rows + 1


def test_a_study_without_layers_has_neither(tmp_path):
    point = settings(0.6, 0.2)
    shards.write(tmp_path / "shards", point, columns(point), {"config": "study: s"})
    result = aggregate(tmp_path, resamples=50, permutations=99)
    assert result.layers is None
    assert shown_layers(result, "iou") == []
    assert not [path for path in save(result, tmp_path) if "layers" in path.name]
    assert not (tmp_path / "layers.csv").exists()


def test_rows_with_different_numbers_of_layers_are_refused(tmp_path):
    point = settings(0.6, 0.2)
    found = at_layers(point)
    found["iou_n"] = [*found["iou_n"][:-1], np.float32([math.nan])]
    shards.write(tmp_path / "shards", point, found, {"config": "study: s"})
    with pytest.raises(BadSetting, match="expected iou_n to have one value per pcoder in every row"):
        aggregate(tmp_path, resamples=50, permutations=99)
