"""Maps of networks drawn anew beside those of the network as it is: the numbers by plain loops, and what is said of them."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from toy_study import IMAGES, STEPS, columns, plan, settings

from pcsweep.aggregate.__main__ import main
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.sanity import DEPENDS, SURVIVES, UNCHANGED, UNDECIDED, UNDEFINED, depth_of, verdict
from pcsweep.aggregate.sanity_words import findings, sentences
from pcsweep.report.sanity import panels, sanity_table
from pcsweep.study import shards

SIDE = 5
DEPTHS = (None, "head", 1, 2)


def point(how, name="grad_cam", sigma=0.2, seed=0, **changed):
    own = {} if how is None else {"randomized": how, "randomized_seed": seed}
    model = {"name": "toy", "weights_sha256": f"{how} {seed}", **own}
    return settings(0.6, 0.2, sigma, model=model, attribution={"name": name}, **changed)


def put(folder, given, maps):
    """A shard with a map (SIDE, SIDE) of each image and timestep; None where it has none."""
    values = columns(given)
    numbers = [int(image.rsplit(" ", 1)[1]) for image in values["image_id"]]
    flat = [maps(number, step) for number, step in zip(numbers, values["timestep"], strict=True)]
    values["map"] = [None if each is None else each.tolist() for each in flat]
    return shards.write(folder / "shards", given, values, {})


def drawn(*key):
    return np.random.default_rng(key)


def toy_map(how, name):
    """Of an attribution that does not look at the network, or of one that shows nothing else; image 3 has no variation."""

    def made(number, step):
        if number == 3:
            return np.zeros((SIDE, SIDE), np.float32)
        own = drawn(number, step).random((SIDE, SIDE))
        other = drawn(number, step, depth_of(None if how is None else str(how))).random((SIDE, SIDE))
        return (own if name == "blind" or how is None else other).astype(np.float32)

    return made


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("outputs") / "s"
    for name in ("blind", "looking"):
        for how in DEPTHS:
            for sigma in (0.0, 0.2):
                put(folder, point(how, name, sigma), toy_map(how, name))
    return folder


def aggregated(folder):
    return aggregate(folder, 200, 9)


def test_correlations_and_iou_are_those_of_plain_loops(study):
    result = aggregated(study)
    assert set(result.facets) == {"attribution.name", "model.randomized"}
    rows = {(row["attribution.name"], row["sigma"], row["depth"], row["timestep"]): row for row in result.sanity.to_pylist()}
    assert len(rows) == 2 * 2 * len(DEPTHS) * STEPS == result.sanity.num_rows
    for (name, sigma, depth, timestep), row in rows.items():
        before, after = (toy_map(how, name) for how in (None, DEPTHS[depth]))
        ranks = [
            [each(number, timestep).ravel().argsort().argsort() for each in (before, after)]
            for number in range(IMAGES)
            if number != 3
        ]
        expected = np.mean([np.corrcoef(*pair)[0, 1] for pair in ranks])
        assert row["rank_correlation"] == pytest.approx(expected, abs=1e-9)
        assert (row["rank_correlation_n"], row["rank_correlation_nan"], row["maps"]) == (IMAGES - 1, 1, IMAGES)
        assert row["rank_correlation_low"] <= row["rank_correlation"] <= row["rank_correlation_high"]
        table = result.table.to_pylist()
        how = DEPTHS[depth] and str(DEPTHS[depth])
        (of_table,) = (
            each
            for each in table
            if (each["attribution.name"], each["sigma"], each["model.randomized"]) == (name, sigma, how)
            and (each["metric"], each["timestep"]) == ("iou", timestep)
        )
        for end in ("", "_low", "_high"):
            assert row[f"iou{end}"] == pytest.approx(of_table[end.removeprefix("_") or "mean"], abs=1e-6)
    gain = rows["blind", 0.0, 2, 1]["iou_difference"]
    ious = {}
    for how in (None, 1):
        read = shards.read(shards.place(study / "shards", shards.identity(point(how, "blind", 0.0)))).table.to_pylist()
        ious[how] = {row["image_id"]: row["iou"] for row in read if row["timestep"] == 1}
    differences = np.array([ious[1][image] - ious[None][image] for image in ious[1]], float)
    assert gain == pytest.approx(np.nanmean(differences), abs=1e-6)


def test_what_is_said_follows_from_the_bound(study):
    told = aggregated(study).sanity
    found = {(each.place["attribution.name"], each.place["sigma"], each.timestep): each for each in findings(told)}
    assert set(found) == {(name, sigma, t) for name in ("blind", "looking") for sigma in (0.0, 0.2) for t in (0, STEPS - 1)}
    assert {verdict(each.first) for (name, *_), each in found.items() if name == "blind"} == {UNCHANGED}
    assert {verdict(each.first) for (name, *_), each in found.items() if name == "looking"} == {DEPENDS}
    first, second = sentences(told)
    said = "blind does not change at all when the head is drawn anew, and so is no evidence for a class (ρ = 1.000)"
    assert first.startswith(said)
    still = r"; most of it is there as well with the head and 2 stages drawn anew \(ρ = \d\.\d{3}( to \d\.\d{3})?\)\.$"
    assert re.search(still, first)
    assert second.startswith("looking depends on what is learned in the head (ρ = ")
    assert sentences(None) == []


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1.0, 1.0, 1.0), UNCHANGED),
        ((1.0 - 1e-9, 0.99, 1.0), SURVIVES),
        ((0.7, 0.51, 0.8), SURVIVES),
        ((0.5, 0.4, 0.6), UNDECIDED),
        ((0.5, 0.5, 0.6), UNDECIDED),
        ((0.3, 0.1, 0.49), DEPENDS),
        ((-0.8, -0.9, -0.7), DEPENDS),
        ((float("nan"),) * 3, UNDEFINED),
        ((None,) * 3, UNDEFINED),
    ],
)
def test_verdicts(numbers, expected):
    names = ("rank_correlation", "rank_correlation_low", "rank_correlation_high")
    assert verdict(dict(zip(names, numbers, strict=True))) == expected


def test_noise_seeds_are_paired_with_themselves_and_averaged_within_an_image(tmp_path):
    def flipping(how, seed):  # of seed 0 the same map, of seed 1 the reverse
        def made(number, step):
            own = drawn(number, step, seed).permutation(SIDE * SIDE).reshape(SIDE, SIDE).astype(np.float32)
            return own.max() - own if how and seed else own

        return made

    for how in (None, "head"):
        for seed in (0, 1):
            put(tmp_path, point(how, noise__seed=seed), flipping(how, seed))
    rows = aggregated(tmp_path).sanity.to_pylist()
    assert all(row["rank_correlation"] == pytest.approx(0, abs=1e-12) for row in rows if row["depth"])
    assert all(row["rank_correlation"] == 1 for row in rows if not row["depth"])


def test_several_draws_are_several_curves_from_one_beginning(tmp_path):
    for how, seed in ((None, 0), ("head", 0), ("head", 1), (1, 0), (1, 1)):
        put(tmp_path, point(how, seed=seed), toy_map(how, "looking"))
    result = aggregated(tmp_path)
    assert set(result.facets) == {"model.randomized", "model.randomized_seed"}
    curves = panels(result.sanity)[0]["curves"]
    assert [curve["depth"] for curve in curves] == [[0, 1, 2]] * 2
    assert len({curve["name"] for curve in curves}) == 2
    found = findings(result.sanity)
    assert [(each.place["model.randomized_seed"], each.timestep) for each in found] == [(0, 0), (0, 3), (1, 0), (1, 3)]
    assert [each.first["model.randomized_seed"] for each in found] == [0, 0, 1, 1]
    assert len(sentences(result.sanity)) == 1  # of all draws
    assert sanity_table(result.sanity).columns[:3] == ["σ", "randomized seed", "t"]


def test_without_maps_there_is_no_correlation_but_iou(tmp_path):
    for how in (None, "head"):
        put(tmp_path, point(how), lambda number, step: None)
    told = aggregated(tmp_path).sanity
    assert set(told["verdict"].to_pylist()) == {UNDEFINED}
    assert told["iou"].null_count == 0
    assert sentences(told) == ["The map has no rank correlation: no maps that vary were kept."]
    assert sanity_table(told).rows[0][4] == "NaN [NaN, NaN]"
    json.dumps(panels(told), allow_nan=False)


def test_only_the_images_of_which_both_have_maps_are_correlated(tmp_path):
    def some(how, kept):
        return lambda number, step: toy_map(how, "blind")(number, step) if number < kept else None

    for how, kept in ((None, 10), ("head", 6)):
        put(tmp_path, point(how), some(how, kept))
    rows = [row for row in aggregated(tmp_path).sanity.to_pylist() if row["depth"]]
    assert {(row["rank_correlation_n"], row["rank_correlation_nan"]) for row in rows} == {(5, 1)}


def test_maps_without_any_of_the_network_as_it_is_are_compared_with_nothing(tmp_path):
    for how in ("head", 1):
        put(tmp_path, point(how), toy_map(how, "blind"))
    assert aggregated(tmp_path).sanity is None


def test_a_study_that_draws_nothing_anew_has_no_such_table(tmp_path, capsys):
    put(tmp_path / "s", point(None), toy_map(None, "blind"))
    assert main(["study=s", f"output_root={tmp_path}", "resamples=20", "permutations=9"]) == 0
    assert not (tmp_path / "s" / "sanity.csv").exists()
    assert "drawn anew" not in capsys.readouterr().out


def test_the_command_writes_the_table_and_what_is_drawn_anew_is_never_best(study, capsys):
    plan(study, [point(how, name, sigma) for how in DEPTHS for name in ("blind", "looking") for sigma in (0.0, 0.2)])
    assert main(["study=s", f"output_root={study.parent}", "resamples=200", "permutations=9"]) == 0
    said = capsys.readouterr().out
    assert "blind does not change at all when the head is drawn anew" in " ".join(said.split())
    assert "randomized" not in said
    table = pq.read_table(study / "sanity.parquet")
    assert set(table["model.randomized"].to_pylist()) == {"none", "head", "1", "2"}
    assert (study / "sanity.csv").read_text().count("\n") == table.num_rows + 1
    assert {path.stem for path in (study / "figures").glob("curves*.png")} == {
        "curves_attribution.name-blind",
        "curves_attribution.name-looking",
    }
