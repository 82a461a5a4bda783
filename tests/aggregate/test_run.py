"""Aggregation against plain loops: the numbers, what may not be mixed, what is missing, and the command."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import toy_study
from toy_study import NAMES, THRESHOLDS, columns, identifier, plan, put

from pcsweep.aggregate.__main__ import main
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.terminal import summary
from pcsweep.aggregate.words import parse
from pcsweep.study import identity, shards

IMAGES, STEPS, RESAMPLES = 7, 3, 50


def settings(beta: float, lambda_: float, sigma: float = 0.2, **changed: Any) -> dict[str, Any]:
    """Of one grid point with few images and timesteps."""
    return toy_study.settings(beta, lambda_, sigma, **{"selection__count": IMAGES, "timesteps": STEPS - 1, **changed})


def statistics(folder: Path, metric: str = "iou") -> list[dict[str, Any]]:
    """The rows of one metric."""
    return by_metric(folder)[metric]


def by_metric(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of every metric."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in aggregate(folder, RESAMPLES).table.to_pylist():
        found.setdefault(row["metric"], []).append(row)
    return found


def grid(values: dict[str, Any], column: Any) -> np.ndarray:
    """A shard's column as (images, timesteps), by plain search."""
    found = np.full((IMAGES, STEPS), np.nan)
    for image, timestep, value in zip(values["image_id"], values["timestep"], column, strict=True):
        found[int(image.split()[1]), timestep] = value
    return found


def mean(values: Any) -> float:
    """Of what is defined; NaN of nothing."""
    some = [value for value in values if value == value]
    return sum(some) / len(some) if some else float("nan")


def ratio(value: float, start: float) -> float:
    """NaN where the start is not above 0."""
    return value / start if start > 0 else float("nan")


def expect_like_loops(row: dict[str, Any], values: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    draws = [generator.integers(0, IMAGES, IMAGES) for _ in range(RESAMPLES)]
    step = row["timestep"]
    means = [mean(values[draw, step]) for draw in draws]
    both, starts = (np.where(np.isnan(values[:, step] + values[:, 0]), np.nan, values[:, t]) for t in (step, 0))
    ratios = [ratio(mean(both[draw]), mean(starts[draw])) for draw in draws]
    expected = {
        "mean": mean(values[:, step]),
        "bootstrap_mean": mean(means),
        "bootstrap_std": np.nanstd(means, ddof=1),
        "low": np.nanpercentile(means, 2.5),
        "high": np.nanpercentile(means, 97.5),
        "n": sum(value == value for value in values[:, step]),
        "nan": sum(value != value for value in values[:, step]),
        "normalized": ratio(mean(both), mean(starts)),
        "normalized_low": np.nanpercentile(ratios, 2.5),
        "normalized_high": np.nanpercentile(ratios, 97.5),
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("undefined", [0, 2, 6])
def test_statistics_are_those_of_plain_loops(tmp_path: Path, undefined: int) -> None:
    point = settings(0.5, 0.3)
    put(tmp_path, point, undefined=undefined)
    values, found = columns(point, undefined=undefined), by_metric(tmp_path)
    for name in (*NAMES, "correct"):
        rows = found[name]
        assert [row["timestep"] for row in rows] == [0, 1, 2]
        for row in rows:
            expect_like_loops(row, grid(values, values[name]))
    for index, threshold in enumerate(THRESHOLDS):
        for row in found[f"iou@{threshold}"]:
            expect_like_loops(row, grid(values, [each[index] for each in values["iou_at"]]))


def test_a_mean_of_nothing_is_nan_and_counted(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.3), undefined=IMAGES)
    first, second, _ = statistics(tmp_path)
    assert (first["n"], first["nan"], second["n"], second["nan"]) == (IMAGES, 0, 0, IMAGES)
    assert all(np.isnan(second[name]) for name in ("mean", "bootstrap_mean", "bootstrap_std", "low", "high", "normalized"))


def test_a_metric_that_was_not_asked_for_is_left_out(tmp_path: Path) -> None:
    point = settings(0.5, 0.3)
    nothing = {name: [None] * (IMAGES * STEPS) for name in ("iou_at", "found_at", "rank", "correct")}
    shards.write(tmp_path / "shards", point, {**columns(point), **nothing}, {})
    metrics = set(aggregate(tmp_path, 2).table["metric"].to_pylist())
    assert metrics == {"area", "centre", "iou", "pointing", "mass", "target_logit", "target_probability"}


def test_a_cell_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    point = settings(0.5, 0.3)
    put(tmp_path / "alone", point)
    for beta in (0.1, 0.5, 0.9):
        put(tmp_path / "among", settings(beta, 0.3 if beta == 0.5 else 0.0))
    name = shards.identity(point)
    alone, among = statistics(tmp_path / "alone"), [row for row in statistics(tmp_path / "among") if row["identity"] == name]
    for one, other in zip(alone, among, strict=True):
        own = [key for key in one if key != "q"]  # which controls false discoveries over the whole grid
        assert repr([one[key] for key in own]) == repr([other[key] for key in own])


def test_rows_are_in_the_order_of_the_coordinates(tmp_path: Path) -> None:
    for beta, sigma in ((0.9, 0.1), (0.1, 0.6), (0.1, 0.1), (0.5, 0.6)):
        put(tmp_path, settings(beta, 0.1, sigma))
    places = [(row["sigma"], row["beta"]) for row in statistics(tmp_path)][::STEPS]
    assert places == [(0.1, 0.1), (0.1, 0.9), (0.6, 0.1), (0.6, 0.5)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"threshold": 0.6}, r"`threshold` is 0\.5 in 2 shards, 0\.6 in 1 shard\. .*study=NAME"),
        ({"dataset__name": "other"}, r'`dataset\.name` is "other" in 1 shard, "shapes" in 2 shards'),
        ({"selection__count": 9}, r"`dataset\.limit` is 7 in 2 shards, 9 in 1 shard"),
        ({"timesteps": 9}, r"`timesteps`"),
    ],
)
def test_shards_that_must_not_be_mixed_are_refused(
    tmp_path: Path, changed: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "s", settings(0.5, 0.1))
    put(tmp_path / "s", settings(0.5, 0.2))
    put(tmp_path / "s", settings(0.5, 0.3, **changed))
    with pytest.raises(ValueError, match=message):
        aggregate(tmp_path / "s", 2)
    assert main(["study=s", f"output_root={tmp_path}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_other_images_under_the_same_settings_are_refused(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.1))
    point = settings(0.5, 0.2)
    values = columns(point)
    values["image_id"] = [f"other {name}" for name in values["image_id"]]
    shards.write(tmp_path / "shards", point, values, {})
    with pytest.raises(ValueError, match="`images` is .*7 images"):
        aggregate(tmp_path, 2)


def test_a_row_given_twice_is_damage(tmp_path: Path) -> None:
    point = settings(0.5, 0.2)
    values = columns(point)
    values["image_id"] = [identifier(1) if name == identifier(0) else name for name in values["image_id"]]
    shards.write(tmp_path / "shards", point, values, {})
    with pytest.raises(ValueError, match="none but damaged ones.*expected one row per image and timestep"):
        aggregate(tmp_path, 2)


def test_one_part_of_a_mixed_study_is_read_by_its_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [settings(0.5, 0.1), settings(0.5, 0.2), settings(0.5, 0.3, selection__count=5, thresholds=[0.3, 0.6])]
    for point in parts:
        put(tmp_path / "s", point)
    plan(tmp_path / "s", [*parts, settings(0.6, 0.2, selection__count=5), settings(0.6, 0.1)])
    for where, names, missing in (({"dataset.limit": 7}, parts[:2], 1), ({"thresholds": [0.6, 0.3]}, parts[2:], 0)):
        result = aggregate(tmp_path / "s", 2, where=where)
        assert set(result.table["identity"].to_pylist()) == set(map(shards.identity, names))
        assert len(result.gaps.missing) == missing
    words = ["study=s", f"output_root={tmp_path}", "resamples=2", "permutations=9"]
    assert main([*words, "dataset.limit=5"]) == 0
    assert set(pq.read_table(tmp_path / "s" / "aggregate.parquet")["images"].to_pylist()) == {5}
    capsys.readouterr()
    for word, said in (
        ("dataset.limit=9", "Expected `dataset.limit` to be 5 or 7, as in the shards, but got 9"),
        ("dataset.limmit=9", "but got 'dataset.limmit'"),
        ("timestep=9", "Expected one of study="),
    ):
        assert main([*words, word]) == 2
        assert said in capsys.readouterr().err


def test_a_damaged_shard_is_named_moved_and_missing(tmp_path: Path) -> None:
    good, bad = settings(0.5, 0.1), settings(0.5, 0.2)
    put(tmp_path, good)
    path = put(tmp_path, bad)
    plan(tmp_path, [good, bad])
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    result = aggregate(tmp_path, 2)
    assert path.name in result.damaged[0]
    assert len(list((tmp_path / "damaged").glob(f"{path.name}*"))) == 1
    assert not path.exists()
    assert set(result.table["identity"].to_pylist()) == {shards.identity(good)}
    assert [place["lambda"] for place in result.gaps.missing] == [0.2]


def test_only_damaged_shards_are_an_error_that_names_them(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.1)).write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="none but damaged ones, moved aside: .*not a whole Parquet file"):
        aggregate(tmp_path, 2)


def test_what_is_planned_is_found_skipped_or_missing(tmp_path: Path) -> None:
    points = [settings(beta, lambda_) for beta in (0.2, 0.7) for lambda_ in (0.2, 0.7)]
    plan(tmp_path, points, "python -m pcsweep -m study=s")
    for point in points[:2]:
        put(tmp_path, point)
    result = aggregate(tmp_path, 2)
    assert [(place["beta"], place["lambda"]) for place in result.gaps.skipped] == [(0.7, 0.7)]
    assert [(place["beta"], place["lambda"]) for place in result.gaps.missing] == [(0.7, 0.2)]
    assert result.gaps.commands == ["python -m pcsweep -m study=s"]


def test_without_a_plan_the_product_of_the_coefficients_is_expected(tmp_path: Path) -> None:
    for beta, lambda_ in ((0.2, 0.2), (0.7, 0.2), (0.1, 0.7), (0.3, 0.7)):
        put(tmp_path, settings(beta, lambda_))
    result = aggregate(tmp_path, 2)
    assert [(place["beta"], place["lambda"]) for place in result.gaps.skipped] == [(0.7, 0.7)]
    assert [(place["beta"], place["lambda"]) for place in result.gaps.missing] == [(0.1, 0.2), (0.2, 0.7), (0.3, 0.2)]


def test_an_unreadable_plan_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, settings(0.5, 0.1))
    (tmp_path / "planned").mkdir()
    (tmp_path / "planned" / "half.json").write_text('{"command"')
    assert aggregate(tmp_path, 2).gaps.missing == []
    assert "half.json is passed over, for it is no readable plan" in caplog.text


def test_noise_seeds_are_a_level_within_the_images_of_one_cell(tmp_path: Path) -> None:
    points = [settings(0.5, 0.1, noise__seed=seed) for seed in (0, 1)]
    for point in points:
        put(tmp_path, point)
    plan(tmp_path, [*points, settings(0.5, 0.1, noise__seed=2)])
    result = aggregate(tmp_path, RESAMPLES)
    assert result.facets == ()
    assert [place["noise.seed"] for place in result.gaps.missing_seeds] == [2]
    assert result.gaps.missing == []
    rows = [row for row in result.table.to_pylist() if row["metric"] == "pointing"]
    assert {(row["seeds"], row["noise_seeds"]) for row in rows} == {(2, "0 1")}
    assert {row["shards"] for row in rows} == {" ".join(map(shards.identity, points))}
    assert len(rows) == STEPS
    each = [grid(values, values["pointing"]) for values in map(columns, points)]
    for row in rows:
        expect_like_loops(row, (each[0] + each[1]) / 2)
        within = np.std([values[:, row["timestep"]] for values in each], axis=0, ddof=1)
        assert row["seed_std"] == pytest.approx(np.sqrt(np.mean(within**2)), rel=1e-6)


def test_a_damaged_noise_seed_leaves_the_others(tmp_path: Path) -> None:
    paths = [put(tmp_path, settings(0.5, 0.1, noise__seed=seed)) for seed in (0, 1, 2)]
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    result = aggregate(tmp_path, 2)
    assert set(result.table["seeds"].to_pylist()) == {2}
    assert len(result.damaged) == 1


def test_what_follows_from_the_name_is_no_column(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.1))
    put(tmp_path, settings(0.5, 0.1, model={"name": "other", "weights_sha256": "cd"}))
    assert aggregate(tmp_path, 2).facets == ()


@pytest.mark.parametrize(("active", "inert"), [([1, 2], False), ([1], False), ([2], True)])
def test_lambda_is_inert_where_only_the_last_pcoder_is_active(
    tmp_path: Path, active: list[int], inert: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "s", settings(0.5, 0.1, pcoder__active=active))
    assert main(["study=s", f"output_root={tmp_path}", "resamples=2"]) == 0
    assert ("λ is inert in 1 cell: only the last pcoder is active" in capsys.readouterr().out) == inert
    assert set(pq.read_table(tmp_path / "s" / "aggregate.parquet")["lambda_inert"].to_pylist()) == {inert}


def test_the_plan_names_the_set_of_coefficients_and_the_figure(tmp_path: Path) -> None:
    points = [settings(0.5, 0.1), settings(0.5, 0.2)]
    for point in points:
        put(tmp_path, point)
    (tmp_path / "planned").mkdir()
    for number, name in enumerate(("hps_1", "neurips", "hps_1")):
        entry = {"identity": shards.identity(points[0]), "settings": points[0], "skipped": False}
        plan = {"command": "x", "points": [{**entry, "hyperparameter": name, "figure": "fig2"}]}
        (tmp_path / "planned" / f"{number}.json").write_text(json.dumps(plan))
    result = aggregate(tmp_path, 2)
    assert result.figures == ("fig2",)
    names = {row["lambda"]: row["hyperparameter"] for row in result.table.to_pylist()}
    assert names == {0.1: "hps_1, neurips", 0.2: None}


def test_without_a_plan_the_shard_names_them(tmp_path: Path) -> None:
    point = settings(0.5, 0.1)
    shards.write(tmp_path / "shards", point, columns(point), {"hyperparameter": "hps_1", "figure": "fig2"})
    put(tmp_path, settings(0.5, 0.2))
    result = aggregate(tmp_path, 2)
    assert result.figures == ("fig2",)
    assert {row["lambda"]: row["hyperparameter"] for row in result.table.to_pylist()} == {0.1: "hps_1", 0.2: None}


def test_pcoders_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    ten = {f"pcoder__{name}": [0.1] * 10 for name in ("beta", "lambda", "alpha")}
    for number in ("10", "2"):
        point = settings(0.5, 0.1, pcoder__active=[int(number)], **ten)
        values = columns(point)
        values["pcoder"] = [number] * len(values["pcoder"])
        shards.write(tmp_path / "shards", point, values, {})
    assert list(dict.fromkeys(row["pcoder"] for row in statistics(tmp_path))) == ["2", "10"]


def test_coefficients_per_pcoder_are_labelled(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.1))
    put(tmp_path, settings(0.5, 0.1, pcoder__beta=[0.8, 0.4]))
    rows = [row for row in statistics(tmp_path) if row["timestep"] == 0]
    assert [(row["beta"], row["pcoder.beta"]) for row in rows] == [(0.5, None), (None, "[0.8, 0.4]")]


def test_the_command_writes_tables_and_pictures_and_says_what_they_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [settings(1.0, 0.0), settings(0.5, 0.2), settings(0.7, 0.7), settings(0.2, 0.2)]
    plan(tmp_path / "s", points, "python -m pcsweep -m study=s")
    put(tmp_path / "s", points[0], undefined=0, iou=np.full((IMAGES, STEPS), 0.4, np.float32))
    put(tmp_path / "s", points[1])
    assert main(["study=s", f"output_root={tmp_path}", "resamples=10", "seed=3"]) == 0
    told = capsys.readouterr().out
    assert "Cells: 2 found, 1 skipped (β + λ > 1), 1 missing, 0 damaged" in told
    assert "missing: model=toy dataset=shapes noise=gaussian σ=0.2 pcoder=all β=0.2 λ=0.2" in told
    assert "computed by: python -m pcsweep -m study=s" in told
    assert "Undefined (NaN) in IoU: " in told
    assert "Best cell of each σ" in told
    assert "Look at: Only 7 images" in told
    assert "The control (cells with λ=0, α=0) is flat" in told
    table = pq.read_table(tmp_path / "s" / "aggregate.parquet")
    assert (tmp_path / "s" / "aggregate.csv").read_text().count("\n") == table.num_rows + 1
    left = {path.name for path in (tmp_path / "s").iterdir()}
    assert left == {"aggregate.parquet", "aggregate.csv", "figures", "planned", "shards"}
    for name in ("heatmap.png", "heatmap.pdf", "curves.png", "curves.pdf"):
        assert (tmp_path / "s" / "figures" / name).stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study=nope"], "there: here), but got 'nope'"),
        ([], "there: here), but got ''"),
        (["study=../x"], "but got '../x'"),
        (["study=here"], "but there are none"),
        (["study=here", "resamples=1"], "Expected `resamples` to be a whole number of at least 2, but got '1'"),
        (["study=here", "seed=x"], "Expected `seed` to be a whole number of at least 0, but got 'x'"),
        (
            ["study=here", "sede=1"],
            "Expected one of study=, output_root=, to=, metric=, resamples=, permutations=, seed=, but got 'sede'",
        ),
    ],
)
def test_a_bad_command_is_one_line_and_exit_code_2(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here" / "shards").mkdir(parents=True)
    assert main([*words, f"output_root={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_help_teaches_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("study=NAME", "output_root=outputs", "resamples=2000", "permutations=4999", "seed=0"))
    assert parse(["study=a"]).resamples == 2000


def test_cells_that_cannot_change_are_not_tested_and_inert_ones_once(tmp_path: Path) -> None:
    """λ = 0 and α = 0 at β = 0.5 is a fixed point; λ of the last pcoder alone changes nothing."""
    put(tmp_path, settings(0.5, 0.0), undefined=0, iou=np.full((IMAGES, STEPS), 0.4, np.float32))
    for lambda_ in (0.0, 0.3):
        put(tmp_path, settings(0.4, lambda_, pcoder__active=[2], pcoder__alpha=[0.1, 0.1]), undefined=0)
    put(tmp_path, settings(0.3, 0.3), undefined=0)
    rows = statistics(tmp_path)
    fixed, inert = ([row for row in rows if row[name]] for name in ("fixed", "lambda_inert"))
    assert len(fixed) == STEPS
    assert all(np.isnan([row["p"], row["q"], row["p_grid"]]).all() for row in fixed)
    tests = {(row["beta"], row["timestep"]): row["p"] for row in rows if row["timestep"] and not row["fixed"]}
    assert len(tests) == 4
    ordered = sorted(tests.values())
    for row in (row for row in rows if (row["beta"], row["timestep"]) in tests):
        assert row["q"] == pytest.approx(min(p * 4 / (rank + 1) for rank, p in enumerate(ordered) if p >= row["p"]))
        assert row["p_grid"] >= row["p"]
    assert {row["lambda"] for row in inert} == {0.0, 0.3}


def test_p_of_the_grid_is_that_of_the_strongest_test_anywhere(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((3, IMAGES, STEPS)).astype(np.float32)  # (cells, images, timesteps)
    for beta, iou in zip((0.2, 0.4, 0.6), values, strict=True):
        put(tmp_path, settings(beta, 0.3), undefined=0, iou=iou)
    gains = np.swapaxes(values - values[..., :1], 1, 2)[:, 1:]  # (cells, timesteps, images)
    strength = np.abs(gains @ np.array(list(product((-1, 1), repeat=IMAGES))).T) / np.sqrt((gains**2).sum(-1, keepdims=True))
    strongest = strength.max(axis=(0, 1))
    own = np.abs(gains.sum(-1)) / np.sqrt((gains**2).sum(-1))
    found = np.array([row["p_grid"] for row in statistics(tmp_path) if row["timestep"]]).reshape(3, STEPS - 1)
    np.testing.assert_allclose(found, (strongest >= own[..., None] - 1e-6).mean(axis=-1))


def test_a_further_threshold_is_tested_where_it_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.3))
    for metric, expected in (("iou", True), ("iou@0.25", False)):
        rows = [row for row in aggregate(tmp_path, 10, 9, 0, metric).table.to_pylist() if row["metric"] == "iou@0.25"]
        assert np.isnan([row["p"] for row in rows if row["timestep"]]).all() == expected


def test_shards_of_an_earlier_version_stay_and_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [settings(0.5, 0.3), settings(0.6, 0.3)]
    with monkeypatch.context() as patched:
        for module in (shards, identity):
            patched.setattr(module, "SCHEMA_VERSION", 1)
        paths = [put(tmp_path / "s", point) for point in old]
        plan(tmp_path / "s", old, "python -m pcsweep -m again=1")
    assert main(["study=s", f"output_root={tmp_path}"]) == 2
    assert "there are none but 2 of an earlier version; computed anew by: python -m pcsweep -m again=1" in capsys.readouterr().err
    put(tmp_path / "s", old[0])
    result = aggregate(tmp_path / "s", 2)
    assert (result.older, len(result.gaps.missing), result.damaged) == (2, 1, [])
    assert all(path.exists() for path in paths)
    assert "Left out: 2 shards of an earlier version" in "\n".join(summary(result))


@pytest.mark.parametrize("name", ["x[/red]y", "[not json", "a$_{b$c", "long" * 80, "a/b"])
def test_names_are_only_text(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in (name, f"{name} "):
        put(tmp_path / "s", settings(0.5, 0.3, model__kind=kind), undefined=0)
    assert main(["study=s", f"output_root={tmp_path}", "resamples=5", "permutations=9"]) == 0
    assert name[:10] in "".join(capsys.readouterr().out.split("\n"))
    pictures = list((tmp_path / "s" / "figures").glob("lines*.png"))
    assert len(pictures) == 2
