"""The pictures: which cell is where, in which colour, and that every kind of study gets its files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from pcsweep import figures, pages


def place(beta: Any, lambda_: Any, **changed: Any) -> dict[str, Any]:
    axes = {"model": "toy", "dataset": "shapes", "noise": "gaussian", "sigma": 0.2, "pcoder": "all"}
    return {**axes, "beta": beta, "lambda": lambda_, "alpha": 0.0, **changed}


def cell(beta: Any, lambda_: Any, peak: float = 1.2, **changed: Any) -> list[dict[str, Any]]:
    """Rows at t = 0 and 1."""
    name = f"{beta} {lambda_} {changed}"
    numbers = [{"mean": 0.5 * value, "bootstrap_std": 0.01, "normalized": value} for value in (1.0, peak)]
    return [{**place(beta, lambda_, **changed), "identity": name, "timestep": step, **row} for step, row in enumerate(numbers)]


ROWS = [*cell(0.0, 0.0, 0.9), *cell(0.0, 0.5, 1.3), *cell(0.5, 0.5, float("nan")), *cell(1.0, 0.0, 1.0)]
SKIPPED = [place(1.0, 0.5)]
MISSING = [place(0.5, 0.0)]


def only_page(rows: list[dict[str, Any]] = ROWS) -> pages.Page:
    (page,) = pages.pages(rows, SKIPPED, MISSING, ())
    return page


def test_a_panel_has_beta_down_the_rows_and_lambda_along_the_columns() -> None:
    values, states = figures.matrix(only_page(), 0.2, 1)
    np.testing.assert_array_equal(values, [[0.9, 1.3], [np.nan, np.nan], [1.0, np.nan]])
    assert states.tolist() == [["value", "value"], ["missing", "undefined"], ["value", "skipped"]]


def test_skipped_cells_are_dark_undefined_ones_grey_and_no_change_is_pale() -> None:
    page = only_page()
    values, states = figures.matrix(page, 0.2, 1)
    rgba = figures.colours(values, states, figures.scale(page))
    assert rgba[2, 1].tolist() == pytest.approx(to_rgba(figures.DARK))
    assert rgba[1, 1].tolist() == pytest.approx(to_rgba(figures.PALE))
    assert rgba[2, 0, :3].min() > 0.95
    assert rgba[0, 1, 0] > rgba[0, 1, 2]  # above 1 is orange
    assert rgba[0, 0, 2] > rgba[0, 0, 0]  # below 1 is purple


def test_the_scale_is_symmetrical_about_one() -> None:
    norm = figures.scale(only_page())
    assert (norm.vmin, norm.vmax) == pytest.approx((0.7, 1.3))


def test_the_heatmap_draws_dark_cells_hatches_and_its_legend() -> None:
    figure = figures.heatmap(only_page())
    panels = figure.axes[:2]
    assert [panel.get_ylabel() for panel in panels] == ["t = 0\nβ", "t = 1\nβ"]
    assert panels[0].get_title() == "σ = 0.2"
    drawn = panels[1].get_images()[0]
    assert drawn.origin == "lower"
    assert np.asarray(drawn.get_array())[2, 1].tolist() == pytest.approx(to_rgba(figures.DARK))
    (hatched,) = panels[1].collections
    assert hatched.get_hatch()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(figures.LABELS.values())
    assert figure.axes[-1].get_ylabel() == "IoU(t) / IoU(0)"


def test_the_best_cells_are_coloured_and_the_control_is_black() -> None:
    page = only_page([*ROWS, *(row for index in range(1, 9) for row in cell(0.0, index / 10, 1.3 + index / 10))])
    assert figures.best(page, 2) == [(0.0, 0.8), (0.0, 0.7)]
    figure = figures.curves(page)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "feedforward control: β = 1, λ = 0" in labels
    assert "other β, λ" in labels
    assert len(labels) == len(figures.COLOURS) + 2
    assert "black" in {line.get_color() for line in figure.axes[0].get_lines()}


@pytest.mark.parametrize(
    ("rows", "facets", "names"),
    [
        (cell(0.5, 0.5), (), ["curves", "heatmap"]),
        (cell(1.0, 0.0, 1.0, sigma=None), (), ["curves", "heatmap"]),
        (cell(0.5, 0.5, pcoder="1") + cell(0.5, 0.5, pcoder="2"), (), ["curves", "heatmap"]),
        (
            [row for pcoder in "12" for sigma in (0.1, 0.2) for row in cell(0.5, 0.5, pcoder=pcoder, sigma=sigma)],
            (),
            ["curves_pcoder-1", "curves_pcoder-2", "heatmap_pcoder-1", "heatmap_pcoder-2"],
        ),
        (
            cell(0.5, 0.5, **{"noise.seed": 0}) + cell(0.5, 0.5, **{"noise.seed": 1}),
            ("noise.seed",),
            ["curves_noise.seed-0", "curves_noise.seed-1", "heatmap_noise.seed-0", "heatmap_noise.seed-1"],
        ),
        (cell(None, 0.5, **{"pcoder.beta": "[0.8, 0.4]"}) + cell(0.5, 0.5, **{"pcoder.beta": None}), ("pcoder.beta",), None),
        (cell(0.5, 0.5, float("nan")), (), ["curves", "heatmap"]),
    ],
)
def test_every_kind_of_study_gets_its_files(
    tmp_path: Path, rows: list[dict[str, Any]], facets: tuple[str, ...], names: list[str] | None
) -> None:
    paths = figures.draw(rows, [], [], facets, tmp_path / "figures")
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert sorted({path.stem if path.suffix == ".png" else path.name[:-4] for path in paths}) == (names or ["curves", "heatmap"])
    assert {path.read_bytes()[:4] for path in paths} == {b"\x89PNG", b"%PDF"}


def test_without_iou_there_is_no_picture(tmp_path: Path) -> None:
    assert figures.draw([], [], [], (), tmp_path / "figures") == []
    assert not (tmp_path / "figures").exists()
