"""IoU over time: which lines are coloured, and what the error bars are."""

import numpy as np
import pytest
from toy_cells import ROWS, cell, only_page

from pcsweep.figures.curves import COLOURS, best, curves
from pcsweep.figures.pages import Results, pages
from pcsweep.figures.presets import label, presets


def test_the_best_cells_are_coloured_and_the_control_is_black() -> None:
    page = only_page([*ROWS, *(row for index in range(1, 9) for row in cell(0.0, index / 10, 1.3 + index / 10))])
    assert best(page, 2) == [(0.0, 0.8), (0.0, 0.7)]
    figure = curves(page)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "feedforward control: λ = 0, α = 0" in labels
    assert "other β, λ" in labels
    assert len(labels) == len(COLOURS) + 2
    assert "black" in {line.get_color() for line in figure.axes[0].get_lines()}


def test_the_gains_of_the_best_cells_stand_below_with_their_paired_intervals() -> None:
    page = only_page()
    above, below = curves(page).axes
    assert above.get_ylabel().startswith("IoU")
    assert below.get_ylabel() == "gain on t = 0, paired\n95 % interval"
    rows = {row["timestep"]: row for row in ROWS if (row["beta"], row["lambda"]) == (0.0, 0.5)}
    line, _, (bars,) = below.containers[0].lines  # of the best
    assert line.get_ydata() == pytest.approx([rows[step]["difference"] for step in (0, 1)])
    ends = [[rows[step]["difference_low"], rows[step]["difference_high"]] for step in (0, 1)]
    assert np.array([segment[:, 1] for segment in bars.get_segments()]) == pytest.approx(np.array(ends))


def test_without_a_control_the_start_stands_for_it() -> None:
    (page,) = pages(Results([*cell(0.5, 0.3), *cell(0.5, 0.5)]))
    labels = [text.get_text() for text in curves(page).legends[0].get_texts()]
    assert "feedforward: the value at t = 0" in labels


def test_with_error_correction_there_is_no_control() -> None:
    (page,) = pages(Results(cell(1.0, 0.0, 1.0, alpha=0.01)))
    assert best(page) == [(1.0, 0.0)]


def test_figure_2_shows_the_tables_bootstrap_mean_and_standard_deviation_under_each_name() -> None:
    first = cell(0.8, 0.1, 1.1, 3, hyperparameter="hps_1", alpha=0.01)
    lists = {"pcoder.beta": "[0.2, 0.6]", "pcoder.lambda": "[0.1, 0.0]"}
    second = cell(None, None, 1.2, 3, hyperparameter="hps_0", **lists)
    (page,) = pages(Results(first + second, facets=tuple(lists)), "noise", ("alpha",))
    figure = presets(page)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["hps_0: β = [0.2 0.6], λ = [0.1 0], α = 0", "hps_1: β = 0.8, λ = 0.1, α = 0.01"]
    drawn = {container.lines[0].get_color(): container for container in figure.axes[0].containers}
    for colour, rows in zip(COLOURS[:2], (second, first), strict=True):
        line, _, (bars,) = drawn[colour].lines
        means, deviations = (np.array([row[name] for row in rows]) for name in ("bootstrap_mean", "bootstrap_std"))
        assert line.get_ydata() == pytest.approx(means)
        assert [round(x) for x in line.get_xdata()] == [0, 1, 2, 3]
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert ends == pytest.approx(np.stack([means - deviations, means + deviations], axis=1))
    assert figure.get_supylabel().startswith("IoU, bootstrap over images")
    assert "n = 7 images" in figure.get_suptitle()


def test_the_names_of_long_lists_of_coefficients_stay_within_the_figure() -> None:
    lists = {key: f"[{', '.join(['0.0786'] * 8)}]" for key in ("pcoder.beta", "pcoder.lambda")}
    rows = cell(None, None, 1.2, 3, hyperparameter="hps_0", **lists)
    (page,) = pages(Results(rows, facets=tuple(lists)), "noise", ("alpha",))
    figure = presets(page)
    figure.canvas.draw()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_a_set_of_coefficients_that_is_uniform_has_no_name() -> None:
    assert label(cell(0.8, 0.1, hyperparameter="uniform")[0]) == "β = 0.8, λ = 0.1, α = 0"
    assert label(cell(0.8, 0.1, pcoder="1+3")[0]) == "β = 0.8, λ = 0.1, α = 0, pcoder 1+3"
