"""The best cells, and what calls for a second look, of studies made by hand."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from toy_study import identifier, put, settings

from pcsweep.aggregate.best import headlines, suspicions
from pcsweep.aggregate.best_table import best_cells, confirmed_cells, confirmed_columns, confirmed_rows
from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.run import aggregate
from pcsweep.report.__main__ import main
from pcsweep.statistics.confirmation import confirming_half

IMAGES, STEPS = 24, 4


def studied(folder: Path) -> Aggregate:
    return aggregate(folder, 20, 99)


def gains(amount: float, seed: int = 0) -> np.ndarray:
    """IoU of every image over time: `amount` more at every step, roughly."""
    generator = np.random.default_rng(seed)
    start = generator.uniform(0.3, 0.5, (IMAGES, 1))
    return (start + amount * np.arange(STEPS) * generator.uniform(0.5, 1.5, (IMAGES, 1))).astype(np.float32)


def test_a_cell_that_cannot_change_is_never_the_best(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.0), iou=gains(0.0))
    put(tmp_path, settings(0.5, 0.3), iou=gains(-0.02))
    (best,) = headlines(studied(tmp_path).table, ())
    assert (best.row["lambda"], best.row["timestep"]) == (0.3, 1)
    assert best.row["normalized"] < 1
    assert str(best) == "β = 0.5, λ = 0.3, t = 1"


def test_the_best_names_what_varies_in_the_study(tmp_path: Path) -> None:
    for alpha, amount in ((0.01, 0.02), (0.1, 0.01)):
        put(tmp_path, settings(0.5, 0.3, pcoder__alpha=[alpha] * 2), iou=gains(amount))
    found = headlines(studied(tmp_path).table, ())
    assert [str(each) for each in found] == ["β = 0.5, λ = 0.3, α = 0.01, t = 3"]


def test_another_metric_has_another_best_cell(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.3), iou=gains(0.02), mass=gains(0.01))
    put(tmp_path, settings(0.5, 0.4), iou=gains(0.01), mass=gains(0.02))
    table = studied(tmp_path).table
    assert [headlines(table, (), metric)[0].row["lambda"] for metric in ("iou", "mass")] == [0.3, 0.4]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 123, 130, 200])
def test_keys_and_numbers_are_whole_on_a_terminal_of_any_width(tmp_path: Path, width: int) -> None:
    for sigma in (0.2, 0.4):
        put(tmp_path, settings(0.123456, 0.3, sigma, noise__share=0.25), iou=gains(0.02))
        put(tmp_path, settings(0.123456, 0.3, sigma, noise__share=0.75, pcoder__active=[1]), iou=gains(0.03))
    result = studied(tmp_path)
    console = Console(width=width, file=StringIO())
    console.print(best_cells(headlines(result.table, result.facets), width))
    text = console.file.getvalue()
    assert "…" not in text
    for whole in ("σ", "β", "λ", "0.2", "0.4", "IoU(t)/IoU(0) [95 %]", *(("noise.share", "0.123456") if width >= 80 else ())):
        assert whole in text
    assert ("accuracy" in text) == (width >= 200)
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_what_is_confirmed_is_whole_on_a_terminal_of_any_width(tmp_path: Path, width: int) -> None:
    for sigma in (0.2, 0.4):
        put(tmp_path, settings(0.1, 0.3, sigma), iou=gains(0.02))
        put(tmp_path, settings(0.4, 0.3, sigma), iou=gains(0.03, 1))
    result = studied(tmp_path)
    console = Console(width=width, file=StringIO())
    console.print(confirmed_cells(found := headlines(result.table, result.facets), width))
    text = console.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for headline in found:
        assert headline.choice
        names = ("confirming_normalized", "confirming_normalized_low", "confirming_normalized_high")
        assert "{:.3f} [{:.3f}, {:.3f}]".format(*(headline.choice[name] for name in names)) in text
        assert f" {headline.choice['choosing_normalized']:.3f} " in text
    assert ("12 + 12" in text) == (width >= 80)
    assert ("gain [95 %]" in text) == (width >= 100)
    assert "chosen: IoU(t) / IoU(0), the highest on the half that chooses" in " ".join(text.split())


def test_where_nothing_is_defined_in_the_half_that_chooses_nothing_is_confirmed(tmp_path: Path) -> None:
    identifiers, classes = [identifier(number) for number in range(IMAGES)], np.zeros(IMAGES, int)
    values = gains(0.02)
    values[~confirming_half(identifiers, classes, 0)] = np.nan
    put(tmp_path, settings(0.5, 0.3), iou=values, categories=["one"] * IMAGES)
    found = headlines(studied(tmp_path).table, ())
    assert [headline.choice for headline in found] == [None]
    assert confirmed_rows(found) == [["0.2", "none", "none", "none", "NaN", "NaN", "NaN", "NaN", "none"]]
    assert len(confirmed_columns(found)) == 9


def test_halves_of_few_images_are_said_to_be_too_small(tmp_path: Path) -> None:
    put(tmp_path / "few", settings(0.5, 0.3, selection__count=19))
    put(tmp_path / "enough", settings(0.5, 0.3, selection__count=20))
    few, enough = (suspicions(studied(tmp_path / name).table, ()) for name in ("few", "enough"))
    said = "Only 19 images: intervals are too narrow, few p-values are possible, and halves are too small to confirm a best cell"
    assert said in few
    assert not any("too small" in line for line in enough)


def test_a_noise_without_sigma_has_no_column_of_it(tmp_path: Path) -> None:
    for share in (0.1, 0.3):
        put(tmp_path, settings(0.5, 0.3, None, noise__name="salt", noise__share=share), iou=gains(0.02))
    result = studied(tmp_path)
    console = Console(width=160, file=StringIO())
    console.print(best_cells(headlines(result.table, result.facets), 160))
    assert "Best cell of each noise.share, by" in console.file.getvalue()
    assert "none" not in console.file.getvalue()


def test_seeds_are_uneven_where_cells_have_others_only(tmp_path: Path) -> None:
    for number in range(4):
        for seed in (0, 1):
            put(tmp_path, settings(0.5, number / 10, noise__seed=seed), iou=gains(0.01, seed))
    assert not any("noise seeds" in line for line in suspicions(studied(tmp_path).table, ()))
    put(tmp_path, settings(0.5, 0.45, noise__seed=1), iou=gains(0.01, 1))
    assert any(
        "Cells have different noise seeds: 0 1 in 4 cells; 1 in 1 cell" in line
        for line in suspicions(studied(tmp_path).table, ())
    )


def test_where_most_is_undefined_is_said(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.3), iou=gains(0.01))
    bad = gains(0.01)
    bad[:6, 2] = np.nan
    put(tmp_path, settings(0.5, 0.4), iou=bad)
    (line,) = [line for line in suspicions(studied(tmp_path).table, ()) if "Undefined" in line]
    assert line == "Undefined (NaN) in IoU: 3.1%; 25% at σ=0.2, β=0.5, λ=0.4, t=2"


@pytest.mark.parametrize(("values", "strays"), [(gains(0.0), False), (gains(0.001), True)])
def test_a_control_that_is_not_flat_is_said(tmp_path: Path, values: np.ndarray, strays: bool) -> None:
    put(tmp_path, settings(0.7, 0.0), iou=values)
    assert any("is not flat" in line for line in suspicions(studied(tmp_path).table, ())) == strays


def test_accuracy_at_chance_is_said(tmp_path: Path) -> None:
    put(tmp_path, settings(0.5, 0.3), correct=np.ones((IMAGES, STEPS), bool))
    assert not any("chance" in line for line in suspicions(studied(tmp_path).table, ()))
    put(tmp_path, settings(0.5, 0.3, sigma=0.6), correct=np.zeros((IMAGES, STEPS), bool))
    assert any("Accuracy at chance at t=0, σ=0.6: 0.000" in line for line in suspicions(studied(tmp_path).table, ()))


def test_a_noise_without_sigma_is_told_by_its_own_parameters(tmp_path: Path) -> None:
    bad = gains(0.01)
    bad[:6, 2] = np.nan
    for share, wrong in ((0.1, False), (0.3, True)):
        own = {"name": "salt", "share": share, "source_sha256": f"{share * 10:.0f}" * 64}
        point = settings(0.5, 0.3, sigma=None, **{f"noise__{key}": value for key, value in own.items()})
        put(tmp_path, point, iou=bad if wrong else gains(0.01), correct=np.full((IMAGES, STEPS), not wrong))
    result = studied(tmp_path)
    lines = suspicions(result.table, result.facets)
    (undefined,) = [line for line in lines if "Undefined" in line]
    assert undefined == "Undefined (NaN) in IoU: 3.1%; 25% at noise.share=0.3, noise.source_sha256=33333333, β=0.5, λ=0.3, t=2"
    (chance,) = [line for line in lines if "chance" in line]
    assert chance.startswith("Accuracy at chance at t=0, noise.share=0.3, noise.source_sha256=33333333: 0.000")


def test_the_report_tests_the_threshold_that_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "s", settings(0.5, 0.3))
    words = ["study=s", f"output_root={tmp_path}", "gallery=0", "resamples=20", "permutations=99"]
    assert main([*words, "metric=iou@0.25"]) == 0
    assert "Best cell of each σ, by IoU at threshold 0.25(t)" in capsys.readouterr().out
    page = (tmp_path / "s" / "report.html").read_text()
    assert '"metric":"iou@0.25"' in page
    row = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert row.count("<td>") > 10
    assert "NaN" not in row


@pytest.mark.parametrize(("permutations", "said"), [(9, True), (999, False)])
def test_too_few_permutations_are_said(tmp_path: Path, permutations: int, said: bool) -> None:
    """Every image gains in every cell: with nine permutations no p is below 0.1."""
    for number in range(5):
        put(tmp_path, settings(0.5, number / 10 + 0.1), iou=gains(0.05, number))
    lines = suspicions(aggregate(tmp_path, 2, permutations).table, ())
    assert any(line.startswith("No q of IoU") and "is below 0.05: the smallest p" in line for line in lines) == said
