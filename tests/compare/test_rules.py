"""Update rules of one study, and of two, best against best."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from toy_rules import IMAGES, numbers, point, put
from toy_study import damage

from pcsweep.aggregate.rules.table import curves, differences
from pcsweep.aggregate.run import aggregate
from pcsweep.compare.__main__ import main
from pcsweep.compare.rules import RuleComparison, are_rules, compare_rules
from pcsweep.compare.study import study_in
from pcsweep.config.errors import BadSetting
from pcsweep.statistics.drawing import drawn_once

DRAWN = drawn_once(20, 199, 0)
RULES = ("predictive_coding", "adaptation", "surround divisive")


def filled(folder: Path, *rules: str, sigma: float = 0.2, images: int = IMAGES) -> Path:
    """A study of these rules, with two cells each."""
    for rule in rules:
        for strength in (0.2, 0.4):
            seed = 10 * RULES.index(rule) + int(10 * strength)
            put(folder, point(rule, strength, sigma, images=images), numbers(seed, 2, images=images))
    return folder


def compared(*folders: Path, metric: str = "iou") -> RuleComparison:
    return compare_rules([study_in(folder) for folder in folders], metric, DRAWN)


def test_one_study_is_compared_as_it_is_aggregated(tmp_path: Path) -> None:
    filled(tmp_path, *RULES)
    contrast = aggregate(tmp_path, 20, 199).contrast
    assert contrast
    found = compared(tmp_path).contrast
    assert repr(differences(found)) == repr(differences(contrast))
    assert repr(curves(found)) == repr(curves(contrast))


def test_two_studies_are_compared_as_one_with_the_cells_of_both(tmp_path: Path) -> None:
    filled(tmp_path / "all", *RULES)
    filled(tmp_path / "a", "predictive_coding")
    filled(tmp_path / "b", "adaptation", "surround divisive")
    assert repr(differences(compared(tmp_path / "a", tmp_path / "b").contrast)) == repr(
        differences(compared(tmp_path / "all").contrast)
    )


def test_rules_are_compared_only_where_no_cell_can_have_a_partner(tmp_path: Path) -> None:
    a, b = filled(tmp_path / "a", "predictive_coding"), filled(tmp_path / "b", "adaptation")
    both = filled(tmp_path / "both", "predictive_coding", "adaptation")
    of = {path.name: study_in(path) for path in (a, b, both)}
    assert are_rules([of["a"], of["b"]])
    assert are_rules([of["both"]])
    assert not are_rules([of["a"], of["both"]])
    assert not are_rules([of["a"]])


def test_halves_are_of_the_images_that_both_have(tmp_path: Path) -> None:
    a = filled(tmp_path / "a", "predictive_coding", images=IMAGES)
    b = filled(tmp_path / "b", "adaptation", images=10)
    found = compared(a, b)
    assert found.images == (10, IMAGES - 10, 0)
    halves = found.contrast.halves
    assert (len(halves.images), halves.confirming.sum()) == (10, 5)
    assert found.different["selection.count"] == [("14", "10")]


def test_a_damaged_shard_is_named_and_left_where_it_is(tmp_path: Path) -> None:
    filled(tmp_path, *RULES)
    path = put(tmp_path, point("adaptation", 0.3), numbers(5, gain=1.0))
    damage(path)
    found = compared(tmp_path)
    assert [path.name in text for text in found.damaged] == [True]
    assert path.exists()
    assert {best.cells for best in found.contrast.bests} == {2}


def test_a_metric_that_one_study_lacks_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, *RULES)
    with pytest.raises(BadSetting, match="Expected `metric` to be one that .* measured .*iou.*, but got 'pxap'"):
        compared(tmp_path, metric="pxap")


def test_studies_under_other_noise_have_nothing_in_common(tmp_path: Path) -> None:
    a, b = filled(tmp_path / "a", "predictive_coding"), filled(tmp_path / "b", "adaptation", sigma=0.6)
    with pytest.raises(
        BadSetting, match="Expected rules of a and b under the same noise and model, but they have none in common"
    ):
        compared(a, b)


def test_another_model_is_said_and_compared_all_the_same(tmp_path: Path) -> None:
    a = filled(tmp_path / "a", "predictive_coding")
    for strength in (0.2, 0.4):
        settings = point("adaptation", strength)
        settings["model"]["weights_sha256"] = "cd"
        put(tmp_path / "b", settings, numbers(1))
    found = compared(a, tmp_path / "b")
    assert found.different == {"model.weights_sha256": [("ab", "cd")]}
    assert len(found.contrast.pairs) == 1


def test_networks_drawn_anew_are_left_out(tmp_path: Path) -> None:
    filled(tmp_path, "predictive_coding", "adaptation")
    (before,) = differences(compared(tmp_path).contrast)
    settings = point("adaptation", 0.3)
    settings["model"]["randomized"] = "head"
    put(tmp_path, settings, numbers(5, gain=1.0))
    (row,) = differences(compared(tmp_path).contrast)
    assert repr({name: row[name] for name in before}) == repr(before)


def test_the_command_writes_tables_and_pictures_and_says_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path / "a", "predictive_coding")
    filled(tmp_path / "b", "adaptation")
    assert main(["study=a", "study=b", f"output_root={tmp_path}", "resamples=20", "permutations=199"]) == 0
    told = capsys.readouterr().out
    folder = tmp_path / "compare" / "a_vs_b"
    names = {f"{stem}.{ending}" for stem in ("rules", "rule_differences") for ending in ("csv", "parquet")}
    assert {path.name for path in folder.iterdir()} == {*names, "rules.png", "rules.pdf", "rules_drawn.csv"}
    assert "a and b: no rule is in both studies" in told
    assert "σ = 0.2: " in told
    assert pq.read_table(folder / "rule_differences.parquet")["rule_b"].to_pylist() == ["adaptation"]
    filled(tmp_path / "b", "predictive_coding")
    assert main(["study=b", f"output_root={tmp_path}", "resamples=20", "permutations=199"]) == 0
    assert (tmp_path / "compare" / "b" / "rules.csv").exists()


def test_a_study_with_nothing_but_controls_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path / "a", "predictive_coding")
    put(tmp_path / "b", point("adaptation", 0.0), np.repeat(numbers(1)[:, :1], 4, axis=1))
    assert main(["study=a", "study=b", f"output_root={tmp_path}", "resamples=20", "permutations=199"]) == 0
    assert "adaptation has nothing but its control" in capsys.readouterr().out.replace("\n", " ")
