"""The mosaics: which panel is where."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from toy_cells import cell, only_page, place

from pcsweep.figures import panels
from pcsweep.figures.heatmap import MOST, chosen, heatmap, single_pcoders, under_noise
from pcsweep.pages import Page, Results, pages


def test_the_heatmap_draws_dark_cells_hatches_and_its_legend() -> None:
    figure = heatmap(only_page())
    drawn = figure.axes[:2]
    assert [panel.get_ylabel() for panel in drawn] == ["t = 0\nβ", "t = 1\nβ"]
    assert drawn[0].get_title() == "σ = 0.2"
    image = drawn[1].get_images()[0]
    assert image.origin == "lower"
    assert np.asarray(image.get_array())[2, 1].tolist() == pytest.approx(to_rgba(panels.DARK))
    (hatched,) = drawn[1].collections
    assert hatched.get_hatch() == panels.HATCHES["missing"]
    expected = [panels.LABELS[state] for state in ("skipped", "missing", "undefined")]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == expected


def single(pcoder: str, inert: bool = False) -> list[dict[str, Any]]:
    """A pcoder's cells, of which β = λ = 0.5 rises by its number in tenths."""
    rows = cell(0.5, 0.5, 1 + int(pcoder) / 10, 3, pcoder=pcoder) + cell(0.5, 0.0, 1.0, 3, pcoder=pcoder)
    return [{**row, "lambda_inert": inert} for row in rows]


def of_pcoders(numbers: tuple[str, ...]) -> Page:
    rows = [row for number in numbers for row in single(number, inert=number == numbers[-1])]
    skipped = [place(1.0, 0.5, pcoder=number) for number in numbers]
    (page,) = pages(Results(rows, skipped), "pcoder")
    return page


def test_figure_3_has_a_row_per_pcoder_and_a_column_per_timestep() -> None:
    page = of_pcoders(("1", "2", "10"))
    figure = single_pcoders(page)
    drawn = np.array(figure.axes[:9]).reshape(3, 3)
    assert [panel.get_title() for panel in drawn[0]] == ["t = 1", "t = 2", "t = 3"]
    assert [row[0].get_ylabel() for row in drawn] == ["pcoder 1\nβ", "pcoder 2\nβ", "pcoder 10\n(λ inert)\nβ"]
    norm = panels.scale(page)
    for row, rise in zip(drawn, (1.1, 1.2, 2.0), strict=True):
        for panel in row:
            rgba = np.asarray(panel.get_images()[0].get_array())
            assert rgba[0, 1].tolist() == pytest.approx(panels.COLORMAP(norm(rise)))
            assert rgba[0, 0].tolist() == pytest.approx(panels.COLORMAP(norm(1.0)))
            assert rgba[1, 1].tolist() == pytest.approx(to_rgba(panels.DARK))


def test_figure_3_of_several_noise_levels_is_one_page_each() -> None:
    rows = [row for sigma in (0.1, 0.2) for pcoder in "12" for row in cell(0.5, 0.5, sigma=sigma, pcoder=pcoder)]
    found = pages(Results(rows), "pcoder")
    assert [(page.name, page.columns) for page in found] == [("sigma-0.1", ["1", "2"]), ("sigma-0.2", ["1", "2"])]


def test_figure_4_has_a_row_per_later_timestep_and_a_column_per_sigma() -> None:
    rows = [row for sigma in (0.01, 0.6) for row in cell(0.5, 0.5, 1 + sigma, 2, sigma=sigma)]
    (page,) = pages(Results(rows), "sigma")
    figure = under_noise(page)
    drawn = np.array(figure.axes[:4]).reshape(2, 2)
    assert [panel.get_title() for panel in drawn[0]] == ["σ = 0.01", "σ = 0.6"]
    assert [row[0].get_ylabel() for row in drawn] == ["t = 1\nβ", "t = 2\nβ"]


def test_timesteps_are_thinned_evenly_and_the_last_is_kept() -> None:
    assert chosen(range(7)) == [1, 2, 3, 4, 5, 6]
    assert chosen([0]) == [0]
    some = chosen(range(31))
    assert len(some) == MOST
    assert (some[0], some[-1]) == (1, 30)


def test_lists_per_pcoder_are_short_labels_that_stand_upright_below() -> None:
    rows = cell(None, None, **{"pcoder.beta": "[0.2, 0.4666666667]", "pcoder.lambda": "[0.1, 0.0]"})
    rows += cell(0.5, 0.1, **{"pcoder.beta": None, "pcoder.lambda": None})
    (page,) = pages(Results(rows, facets=("pcoder.beta", "pcoder.lambda")))
    figure = heatmap(page)
    panel = figure.axes[1]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["0.5", "[0.2 0.467]"]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["0.1", "[0.1 0]"]
    assert {text.get_rotation() for text in panel.get_xticklabels()} == {90}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["not asked for"]
