"""Two studies compared, against plain loops: which cells and images are paired, the numbers, and the command."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from toy_settings import replaced

from pcsweep.aggregate.run import aggregate
from pcsweep.compare.__main__ import main, parse
from pcsweep.compare.comparison import Comparison, compare, results_of
from pcsweep.compare.contrast import statistics_of
from pcsweep.compare.matching import match
from pcsweep.compare.settings import differing, in_words, labels
from pcsweep.compare.study import study_in
from pcsweep.compare.verdict import distinct_tests, summary, verdict
from pcsweep.statistics.drawing import Drawing
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.statistics.quantity import DIFFERENCE, GAINS
from pcsweep.study import shards

IMAGES, STEPS, RESAMPLES, PERMUTATIONS = 12, 3, 60, 199
SHAPE = (IMAGES, STEPS)


def settings(beta: Any = 0.5, lambda_: Any = 0.2, sigma: float = 0.2, **changed: Any) -> dict[str, Any]:
    """Of one grid point; `changed` replaces leaves, `noise__seed=1` for those in a group."""
    pcoder = {name: value if isinstance(value, list) else [value] * 2 for name, value in (("beta", beta), ("lambda", lambda_))}
    point: dict[str, Any] = {
        "model": {"name": "toy", "weights_sha256": "ab" * 32},
        "dataset": {"name": "shapes"},
        "attribution": {"name": "grad_cam"},
        "noise": {"name": "gaussian", "sigma": sigma, "seed": 0, "space": "pixel"},
        "pcoder": {"active": [1, 2], **pcoder, "alpha": [0.0] * 2},
        "threshold": 0.5,
    }
    return replaced(point, changed)


def put(folder: Path, point: dict[str, Any], iou: np.ndarray, ids: list[str] | None = None) -> Path:
    """A shard of the study in `folder`, its rows shuffled; `iou` is (images, timesteps)."""
    images, steps = iou.shape
    rows = images * steps
    order = np.random.default_rng(len(str(folder))).permutation(rows)
    names = ids or [f"image {index:03}" for index in range(images)]
    pcoder = point["pcoder"]
    same = {name: pcoder[name][0] if len(set(pcoder[name])) == 1 else None for name in ("beta", "lambda", "alpha")}
    columns = {
        **{group: [point[group]["name"]] * rows for group in ("model", "dataset", "noise")},
        "sigma": [point["noise"].get("sigma")] * rows,
        "pcoder": ["all"] * rows,
        **{name: [value] * rows for name, value in same.items()},
        **{f"{name}_n": [pcoder[name]] * rows for name in same},
        "image_id": np.repeat(names, steps)[order],
        "class_index": np.zeros(rows, np.int32),
        "target": np.zeros(rows, np.int32),
        "timestep": np.tile(np.arange(steps, dtype=np.int32), images)[order],
        "iou": iou.astype(np.float32).ravel()[order],
        "area": np.full(rows, 0.1, np.float32),
        "pixels": np.full(rows, 100, np.int32),
    }
    return shards.write(folder / "shards", point, columns, {})


def numbers(seed: int, undefined: int = 0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Random, in single precision; `undefined` of them NaN."""
    generator = np.random.default_rng(seed)
    values = generator.random(shape).astype(np.float32)
    values.ravel()[generator.choice(values.size, undefined, replace=False)] = np.nan
    return values


def plan(folder: Path, points: list[dict[str, Any]]) -> None:
    """What a launcher leaves of its plan."""
    entries = []
    for point in points:
        skipped = point["pcoder"]["beta"][0] + point["pcoder"]["lambda"][0] > 1
        entries.append({"identity": None if skipped else shards.identity(point), "settings": point, "skipped": skipped})
    (folder / "planned").mkdir(parents=True)
    (folder / "planned" / "1.json").write_text(json.dumps({"command": "x", "points": entries}))


def comparison(folder: Path, a: str = "a", b: str = "b") -> Comparison:
    return compare(folder / a, folder / b, "iou", RESAMPLES, PERMUTATIONS)


def rows_of(folder: Path, a: str = "a", b: str = "b") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = comparison(folder, a, b).table.to_pylist()
    return rows


def mean(values: Any) -> float:
    """Of what is defined; NaN of nothing."""
    some = [float(value) for value in values if value == value]
    return sum(some) / len(some) if some else float("nan")


def expected(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Statistics of one timestep by loops; both are (seeds, images)."""
    images = a.shape[1]
    pairs = [[(x, y) for x, y in zip(a[:, image], b[:, image], strict=True) if x == x and y == y] for image in range(images)]
    differences = np.array([mean([float(y) - float(x) for x, y in each]) for each in pairs])
    generator = np.random.default_rng(0)
    draws = [mean(differences[generator.integers(0, images, images)]) for _ in range(RESAMPLES)]
    some = [value for value in differences if value == value]
    signs = Drawing(images, RESAMPLES, PERMUTATIONS).signs
    filled = np.nan_to_num(differences)
    sums = [abs(sum(sign * value for sign, value in zip(pattern, filled, strict=True))) for pattern in signs]
    return {
        "a": mean([mean([x for x, _ in each]) for each in pairs]),
        "b": mean([mean([y for _, y in each]) for each in pairs]),
        "difference": mean(differences),
        "difference_low": float(np.nanpercentile(draws, 2.5)),
        "difference_high": float(np.nanpercentile(draws, 97.5)),
        "effect": mean(some) / float(np.std(some, ddof=1)),
        "pairs": len(some),
        "p": sum(value >= sums[0] - 1e-6 for value in sums) / len(sums),
    }


def expect_like_loops(row: dict[str, Any], a: np.ndarray, b: np.ndarray) -> None:
    """`a` and `b` are (seeds, images, timesteps)."""
    step = row["timestep"]
    names = {"a": "mean_a", "b": "mean_b"}
    at = {names.get(name, name): value for name, value in expected(a[:, :, step], b[:, :, step]).items()}
    assert {name: row[name] for name in at} == pytest.approx(at, rel=1e-5, abs=1e-7)
    if step:
        gains = expected(a[:, :, step] - a[:, :, 0], b[:, :, step] - b[:, :, 0])
        assert {name: row[f"gain_{name}"] for name in gains} == pytest.approx(gains, rel=1e-5, abs=1e-7)
    else:
        assert row["gain_difference"] == 0
        assert np.isnan([row["gain_p"], row["gain_q"]]).all()


@pytest.mark.parametrize("undefined", [0, 5])
def test_statistics_are_those_of_plain_loops(tmp_path: Path, undefined: int) -> None:
    a, b = numbers(0, undefined), numbers(1, undefined)
    put(tmp_path / "a", settings(), a)
    put(tmp_path / "b", settings(threshold=0.6), b)
    rows = rows_of(tmp_path)
    assert [row["timestep"] for row in rows] == [0, 1, 2]
    for row in rows:
        expect_like_loops(row, a[None], b[None])
        assert row["nan_a"] == np.isnan(a[:, row["timestep"]]).sum()
        assert row["nan_b"] == np.isnan(b[:, row["timestep"]]).sum()


def test_two_studies_alike_differ_nowhere(tmp_path: Path) -> None:
    for number, beta in enumerate((0.2, 0.5)):
        for study in "ab":
            put(tmp_path / study, settings(beta), numbers(number, undefined=3))
    result = comparison(tmp_path)
    rows = result.table.to_pylist()
    assert len(rows) == 2 * STEPS
    names = ("difference", "difference_low", "difference_high", "gain_difference", "gain_difference_low", "gain_difference_high")
    assert {row[name] for row in rows for name in names} == {0}
    assert {row["q"] for row in rows} == {1}
    assert differing(result.matching) == {}
    said = summary(result)
    assert "No setting differs between partners" in said
    assert "  2 cells with the same shards in both studies: no difference is possible" in said
    assert verdict(result, DIFFERENCE, "Differences") == "Differences: 0 of 5 tests significant (q < 0.05)"


def test_a_shift_is_found_where_it_is(tmp_path: Path) -> None:
    shape = (80, STEPS)
    for number, beta in enumerate((0.2, 0.4, 0.6)):
        values = numbers(number, shape=shape)
        put(tmp_path / "a", settings(beta), values)
        shifted = values + np.float32(0.05) * (numbers(9 + number, shape=shape) - 0.5)
        if beta == 0.4:
            shifted[:, 2] += np.float32(0.1)
        put(tmp_path / "b", settings(beta, attribution__name="other"), shifted)
    result = comparison(tmp_path)
    for quantity in (DIFFERENCE, GAINS):
        found = [row for row in distinct_tests(result, quantity) if row[quantity.q] < SIGNIFICANT]
        assert [(row["beta"], row["timestep"]) for row in found] == [(0.4, 2)]
        assert found[0][quantity.value] == pytest.approx(0.1, abs=0.01)
        assert verdict(result, quantity, "x").endswith(", 1 above 0 and 0 below")


def test_without_a_difference_there_are_few_discoveries(tmp_path: Path) -> None:
    for number in range(30):
        for study, name in (("a", "grad_cam"), ("b", "other")):
            point = settings(number / 100, attribution__name=name)
            put(tmp_path / study, point, numbers(number + 100 * (study == "b"), shape=(40, STEPS)))
    result = comparison(tmp_path)
    for quantity, count in ((DIFFERENCE, 30 * STEPS), (GAINS, 30 * (STEPS - 1))):
        rows = distinct_tests(result, quantity)
        assert len(rows) == count
        assert sum(row[quantity.q] < SIGNIFICANT for row in rows) <= 1
        assert np.mean([row[quantity.p] < 0.05 for row in rows]) == pytest.approx(0.05, abs=0.045)


def test_the_order_of_the_studies_turns_the_signs(tmp_path: Path) -> None:
    for number, beta in enumerate((0.2, 0.5)):
        put(tmp_path / "a", settings(beta), numbers(number, undefined=4))
        put(tmp_path / "b", settings(beta, threshold=0.6), numbers(number + 10, undefined=4))
    for one, other in zip(rows_of(tmp_path), rows_of(tmp_path, "b", "a"), strict=True):
        for prefix in ("", "gain_"):
            for name in ("difference", "effect"):
                assert repr(one[prefix + name] + 0.0) == repr(-other[prefix + name] + 0.0)
            for name in ("p", "q", "pairs"):
                assert repr(one[prefix + name]) == repr(other[prefix + name])
            low, high = one[f"{prefix}difference_low"], one[f"{prefix}difference_high"]
            turned = (-other[f"{prefix}difference_high"], -other[f"{prefix}difference_low"])
            assert (low, high) == pytest.approx(turned, rel=1e-5, abs=1e-7)
        assert (one["mean_a"], one["nan_a"], one["shards_a"]) == (other["mean_b"], other["nan_b"], other["shards_b"])


def test_images_are_paired_by_identifier_and_others_left_out(tmp_path: Path) -> None:
    a, b = numbers(0), numbers(1)
    put(tmp_path / "a", settings(), a)
    names = [f"image {index:03}" for index in range(4, 4 + IMAGES)]
    put(tmp_path / "b", settings(attribution__name="other"), b, ids=names)
    result = comparison(tmp_path)
    for row in result.table.to_pylist():
        assert (row["images"], row["images_only_a"], row["images_only_b"]) == (IMAGES - 4, 4, 4)
        expect_like_loops(row, a[None, 4:], b[None, :-4])
    assert f"Images: {IMAGES - 4} in both; left out: 4 images only in a, 4 images only in b" in summary(result)
    assert any(line.startswith("Only 8 images") for line in summary(result))


def test_no_image_in_common_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "a", settings(), numbers(0))
    put(tmp_path / "b", settings(), numbers(1), ids=[f"x{index}" for index in range(IMAGES)])
    with pytest.raises(ValueError, match=r"a and b to have images in common, but none of 12 in a \(such as image 000\)"):
        comparison(tmp_path)


def test_timesteps_are_those_of_both(tmp_path: Path) -> None:
    put(tmp_path / "a", settings(), numbers(0))
    put(tmp_path / "b", settings(), numbers(1, shape=(IMAGES, STEPS + 2)))
    result = comparison(tmp_path)
    assert result.table["timestep"].to_pylist() == [0, 1, 2]
    assert "Timesteps: 0 to 2 in both" in summary(result)


def test_cells_without_a_partner_are_named_and_missing_in_the_picture(tmp_path: Path) -> None:
    for beta in (0.2, 0.4, 0.7):
        put(tmp_path / "a", settings(beta), numbers(0))
    for beta in (0.2, 0.6):
        put(tmp_path / "b", settings(beta, attribution__name="other"), numbers(1))
    for study in "ab":
        plan(tmp_path / study, [settings(beta, lambda_) for beta in (0.2, 0.9) for lambda_ in (0.2, 0.1)])
    result = comparison(tmp_path)
    assert set(result.table["beta"].to_pylist()) == {0.2}
    said = summary(result)
    assert "Cells: 1 compared, 2 only in a, 1 only in b" in said
    assert "  only in b: model=toy dataset=shapes noise=gaussian σ=0.2 pcoder=all β=0.6 λ=0.2 α=0.0 attribution=other" in said
    shown = results_of(result)
    places = [[(place["beta"], place["lambda"]) for place in places] for places in (shown.skipped, shown.missing)]
    assert places[0] == [(0.9, 0.2)]
    assert sorted(places[1]) == [(0.2, 0.1), (0.4, 0.2), (0.6, 0.2), (0.7, 0.2), (0.9, 0.1)]


def test_at_most_twenty_cells_without_a_partner_are_named(tmp_path: Path) -> None:
    for number in range(22):
        put(tmp_path / "a", settings(number / 100), numbers(0))
    put(tmp_path / "b", settings(0.0), numbers(1))
    said = summary(comparison(tmp_path))
    assert sum(line.startswith("  only in a") for line in said) == 20
    assert "  … and 1 more only in a" in said


def test_no_cell_in_common_is_an_error(tmp_path: Path) -> None:
    for sigma, beta in ((0.1, 0.2), (0.2, 0.3)):
        put(tmp_path / "a", settings(beta, sigma=sigma), numbers(0))
        put(tmp_path / "b", settings(0.5 - beta, sigma=sigma), numbers(0))
    with pytest.raises(ValueError, match="none of 2 in a is where one of 2 in b is; such as model=toy"):
        comparison(tmp_path)


def test_common_noise_seeds_are_paired_and_others_left_out(tmp_path: Path) -> None:
    a, b = ([numbers(seed + start, undefined=4) for seed in range(3)] for start in (0, 10))
    for seed in range(3):
        put(tmp_path / "a", settings(noise__seed=seed), a[seed])
    for seed, values in ((1, b[1]), (2, b[2]), (5, b[0])):
        put(tmp_path / "b", settings(noise__seed=seed, threshold=0.6), values)
    result = comparison(tmp_path)
    for row in result.table.to_pylist():
        assert (row["seeds_a"], row["seeds_b"], row["seeds_paired"]) == (2, 2, True)
        expect_like_loops(row, np.stack(a[1:]), np.stack(b[1:]))
    said = summary(result)
    assert "Different: noise.seed is [0, 1, 2] in a, [1, 2, 5] in b" in said
    assert "Noise seeds only in b, left out: 1 per cell, in 1 cell" in said
    assert not any("partners did not see" in line for line in said)


def test_other_noise_seeds_are_averaged_before_they_are_paired(tmp_path: Path) -> None:
    a, b = [numbers(seed) for seed in range(2)], numbers(10)
    for seed in range(2):
        put(tmp_path / "a", settings(noise__seed=seed), a[seed])
    put(tmp_path / "b", settings(noise__seed=7), b)
    result = comparison(tmp_path)
    for row in result.table.to_pylist():
        assert (row["seeds_a"], row["seeds_b"], row["seeds_paired"]) == (2, 1, False)
        expect_like_loops(row, ((a[0] + a[1]) / 2)[None], b[None])
    assert any(line.startswith("No noise seed in common in 1 cell: partners did not see") for line in summary(result))


def test_identities_are_those_of_the_aggregates(tmp_path: Path) -> None:
    for study, threshold in (("a", 0.5), ("b", 0.6)):
        for seed in range(2):
            put(tmp_path / study, settings(noise__seed=seed, threshold=threshold), numbers(seed))
    (row, *_) = rows_of(tmp_path)
    for study in "ab":
        whole = aggregate(tmp_path / study, 2).table
        assert [row[f"identity_{study}"]] == whole["identity"].unique().to_pylist()
        assert [row[f"shards_{study}"]] == whole["shards"].unique().to_pylist()


def test_an_axis_without_a_common_value_is_what_is_compared(tmp_path: Path) -> None:
    for beta in (0.2, 0.5):
        put(tmp_path / "a", settings(beta), numbers(0))
        put(tmp_path / "b", settings(beta, pcoder__alpha=[0.01, 0.02], model__name="net", noise__space="normalized"), numbers(1))
    result = comparison(tmp_path)
    assert result.matching.compared == ["model", "alpha", "pcoder.alpha"]
    (first, *_) = result.table.to_pylist()
    assert (first["alpha_a"], first["alpha_b"], first["pcoder.alpha_b"]) == (0.0, None, "[0.01, 0.02]")
    assert "alpha" not in first
    said = in_words(differing(result.matching), "a", "b")
    assert "Different: pcoder.alpha is 0.0 in a, [0.01 0.02] in b" in said
    assert "Different: model.name is toy in a, net in b" in said
    assert "Different: noise.space is pixel in a, normalized in b" in said
    assert "Note: the noise differs, so partners did not see the same noisy images" in said
    assert labels(result.matching)["alpha"] == "0 → 0.01 0.02"


def test_settings_beside_the_axes_are_matched_where_they_vary(tmp_path: Path) -> None:
    """Two trainings in each study, known by a setting; their weights are never the same."""
    for study, letter in (("a", "c"), ("b", "d")):
        for seed in range(2):
            model = {"name": "toy", "seed": seed, "weights_sha256": f"{letter}{seed}" * 32}
            put(tmp_path / study, settings(model=model), numbers(seed))
    result = comparison(tmp_path)
    assert "model.seed" in result.matching.columns
    assert result.matching.compared == ["model.weights_sha256"]
    assert {row["difference"] for row in result.table.to_pylist()} == {0}
    values = differing(result.matching)["model.weights_sha256"]
    assert values == [("c0" * 6, "d0" * 6), ("c1" * 6, "d1" * 6)]


def test_what_is_compared_must_not_vary_within_a_study(tmp_path: Path) -> None:
    for sigma in (0.1, 0.2):
        put(tmp_path / "a", settings(sigma=sigma), numbers(0))
    put(tmp_path / "b", settings(sigma=0.3), numbers(0))
    with pytest.raises(ValueError, match="no value of `noise.sigma` in common, and several in one of them"):
        comparison(tmp_path)


def test_coefficients_per_pcoder_are_matched_as_lists(tmp_path: Path) -> None:
    lists = ([0.8, 0.4], [0.4, 0.8], 0.5)
    for number, beta in enumerate(lists):
        put(tmp_path / "a", settings(beta), numbers(number))
        put(tmp_path / "b", settings(beta, threshold=0.6), numbers(number) + np.float32(number))
    rows = [row for row in rows_of(tmp_path) if row["timestep"] == 0]
    found = {(row["beta"], row["pcoder.beta"]): row["difference"] for row in rows}
    assert found == pytest.approx({(None, "[0.8, 0.4]"): 0, (None, "[0.4, 0.8]"): 1, (0.5, None): 2})


def test_shards_that_must_not_be_mixed_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "a", settings(0.2), numbers(0))
    put(tmp_path / "b", settings(0.2), numbers(0))
    put(tmp_path / "b", settings(0.3, threshold=0.6), numbers(0))
    with pytest.raises(ValueError, match=r"Study b: Expected the shards of one study .*`threshold` is 0\.5 in 1 shard"):
        comparison(tmp_path)


@pytest.mark.parametrize("where", [0.3, 0.98])
def test_a_damaged_shard_is_named_left_out_and_left_where_it_is(tmp_path: Path, where: float) -> None:
    """In its pages, or in its footer."""
    for beta in (0.2, 0.5):
        put(tmp_path / "a", settings(beta), numbers(0))
        path = put(tmp_path / "b", settings(beta, threshold=0.6), numbers(1))
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 0xFF
    path.write_bytes(content)
    before = sorted(path for path in tmp_path.rglob("*"))
    result = comparison(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*")) == before
    assert set(result.table["beta"].to_pylist()) == {0.2}
    assert [path.name in text for text in result.damaged] == [True]
    assert any(line.startswith("  damaged, left out:") and path.name in line for line in summary(result))
    assert [place["beta"] for place in results_of(result).missing] == [0.5]


def test_only_damaged_shards_are_an_error(tmp_path: Path) -> None:
    put(tmp_path / "a", settings(), numbers(0))
    put(tmp_path / "b", settings(), numbers(0)).write_bytes(b"no parquet")
    with pytest.raises(ValueError, match="there are none but damaged ones: .*not a whole Parquet file"):
        comparison(tmp_path)
    path = next((tmp_path / "a" / "shards").iterdir())
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 0xFF
    (tmp_path / "b" / "shards" / path.name).write_bytes(content)
    with pytest.raises(ValueError, match="all have damaged shards: "):
        comparison(tmp_path)


def test_the_feedforward_network_is_tested_once(tmp_path: Path) -> None:
    """At t = 0 all cells of one σ are the same comparison; false discoveries are controlled over the others and one of them."""
    start = {sigma: (numbers(int(10 * sigma)), numbers(50 + int(10 * sigma))) for sigma in (0.2, 0.4)}
    for sigma in (0.2, 0.4):
        for number, beta in enumerate((0.2, 0.5, 0.7)):
            for side, (study, threshold) in enumerate((("a", 0.5), ("b", 0.6))):
                values = numbers(100 + 10 * number + side)
                values[:, 0] = start[sigma][side][:, 0]
                put(tmp_path / study, settings(beta, sigma=sigma, threshold=threshold), values)
    result = comparison(tmp_path)
    rows = result.table.to_pylist()
    counted = [row for row in rows if row["counted"]]
    assert [row["timestep"] for row in counted].count(0) == 2
    assert len(counted) == 2 + 6 * (STEPS - 1)
    ordered = sorted(counted, key=lambda row: row["p"])
    smallest = 1.0
    for rank in range(len(ordered), 0, -1):
        smallest = min(smallest, ordered[rank - 1]["p"] * len(ordered) / rank)
        assert ordered[rank - 1]["q"] == pytest.approx(smallest)
    for sigma in (0.2, 0.4):
        assert len({row["q"] for row in rows if row["sigma"] == sigma and row["timestep"] == 0}) == 1


def test_images_are_the_units_whatever_their_order() -> None:
    a, b = numbers(0, undefined=4).T[None], numbers(1, undefined=4).T[None]
    drawing = Drawing(IMAGES, RESAMPLES, 2**IMAGES)  # every pattern of signs: exact
    order = np.random.default_rng(2).permutation(IMAGES)
    one = statistics_of(a, b, drawing, paired=True)
    other = statistics_of(a[:, :, order], b[:, :, order], drawing, paired=True)
    for name in one:
        if not name.endswith(("low", "high", "digest")):  # of other resamples, and of the order itself
            np.testing.assert_allclose(one[name], other[name], rtol=1e-6, atol=1e-9)


def test_the_command_writes_tables_and_pictures_and_says_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for beta in (0.2, 0.5):
        values = numbers(0, shape=(40, STEPS))
        put(tmp_path / "a", settings(beta), values)
        later = values + np.array([0, 0.1, 0.2], np.float32) * (1 + numbers(int(10 * beta), shape=(40, 1)))
        put(tmp_path / "b", settings(beta, attribution__name="other"), later)
    plan(tmp_path / "a", [settings(beta, 0.2) for beta in (0.2, 0.5, 0.9)])
    assert main(["study=a", "study=b", f"output_root={tmp_path}", "resamples=10", "permutations=99", "seed=3"]) == 0
    told = capsys.readouterr().out
    for text in (
        "iou, b less a",
        "Different: attribution.name is grad_cam in a, other in b",
        "Cells: 2 compared, 0 only in a, 0 only in b",
        "Differences: 4 of 5 tests significant (q < 0.05), 4 above 0 and 0 below",
        "Differences of gains on t = 0: 4 of 4 tests significant",
        "the largest significant ones",
        "gain of b",
        "+0.3",
    ):
        assert text in told
    folder = tmp_path / "compare" / "a_vs_b"
    table = pq.read_table(folder / "compare.parquet")
    assert table.column_names[:3] == ["study_a", "identity_a", "shards_a"]
    assert (folder / "compare.csv").read_text().count("\n") == table.num_rows + 1
    assert json.loads(table.schema.metadata[b"pcsweep.different"]) == {"attribution.name": [["grad_cam", "other"]]}
    pictures = {f"{name}.{ending}" for name in ("difference", "gain_difference") for ending in ("png", "pdf")}
    beside = {"difference.csv", "gain_difference.csv"}
    assert {path.name for path in folder.iterdir()} == {"compare.parquet", "compare.csv", *pictures, *beside}
    assert all(str(folder / name) in told for name in pictures)
    assert main(["study=b", "study=a", f"output_root={tmp_path}", f"output={tmp_path / 'x'}", "resamples=2"]) == 0
    assert (tmp_path / "x" / "compare.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["study=a", "study=nope"], "(there: a, b), but got 'nope'"),
        (["study=a", "study=../b"], "but got '../b'"),
        (["study=a", "study=a"], "Expected two different studies, study=A study=B, but got study=a study=a."),
        (["study=a"], "Expected a second study, study=a study=B, or a study of several update rules, but a has cells of "),
        ([], "but got none."),
        (["study=a", "study=b", "study=c"], "but got study=a study=b study=c."),
        (["study=a", "study=b", "metric=mass"], "`metric` to be one that a and b measured (iou), but got 'mass'"),
        (["study=a", "study=b", "metric=area"], "measured (iou), but got 'area'"),
        (["study=a", "study=b", "resamples=1"], "Expected `resamples` to be a whole number of at least 2, but got '1'"),
        (["study=a", "study=b", "permutations=0"], "Expected `permutations` to be a whole number of at least 1, but got '0'"),
        (["study=a", "study=b", "seed=x"], "Expected `seed` to be a whole number of at least 0, but got 'x'"),
        (["study=a", "study=b", "sede=1"], "Expected one of study=, output_root=, output=, metric=, "),
        (["study=a", "study=b", "output={root}/file"], "Expected `output` to be a folder that can be written, but got "),
        (["study=a", "study=b", "output={root}/file/below"], "Expected `output` to be a folder that can be written, but got "),
    ],
)
def test_a_bad_command_is_one_line_and_exit_code_2(
    tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for study in "ab":
        put(tmp_path / study, settings(), numbers(0))
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert main([*(word.format(root=tmp_path) for word in words), f"output_root={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_help_teaches_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    for word in (
        "study=A study=B",
        "output_root=outputs",
        "metric=iou",
        "resamples=2000",
        "permutations=4999",
        "seed=0",
        "Examples",
    ):
        assert word in told
    options = parse(["study=a", "seed=2", "study=b"])
    assert (options.studies, options.seed, options.folder) == (("a", "b"), 2, Path("outputs/compare/a_vs_b"))


def test_matching_reads_metadata_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for study in "ab":
        put(tmp_path / study, settings(), numbers(0))
    monkeypatch.setattr(shards, "read", None)
    assert len(match(study_in(tmp_path / "a"), study_in(tmp_path / "b")).pairs) == 1


def test_gains_of_noise_seeds_that_are_not_shared_are_each_on_their_own_start(tmp_path: Path) -> None:
    """Nothing changes over time; one seed is undefined later, for images that were low in the other."""
    flat = np.repeat(numbers(0, shape=(IMAGES, 1)), STEPS, axis=1)
    for study, seeds in (("a", (0, 1)), ("b", (2, 3))):
        put(tmp_path / study, settings(noise__seed=seeds[0]), flat)
        other = flat + np.float32(0.3)
        other[: IMAGES // 2, 1:] = np.nan
        put(tmp_path / study, settings(noise__seed=seeds[1], threshold=0.5), other if study == "a" else flat)
    rows = rows_of(tmp_path)
    assert [row["gain_difference"] for row in rows] == [0] * STEPS
    assert [row["gain_a"] for row in rows] == pytest.approx([0] * STEPS, abs=1e-7)


def test_the_same_test_is_counted_once_at_every_timestep(tmp_path: Path) -> None:
    flat, more = (np.repeat(numbers(seed, shape=(40, 1)), STEPS, axis=1) for seed in (0, 1))
    for beta in (0.2, 0.5):
        put(tmp_path / "a", settings(beta), flat)
        put(tmp_path / "b", settings(beta, threshold=0.6), flat + more)
    result = comparison(tmp_path)
    assert "1 of 1 test significant" in verdict(result, DIFFERENCE, "x")
    assert sum(row["counted"] for row in result.table.to_pylist()) == 1
