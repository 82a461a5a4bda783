"""The mosaics: which panel is where."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.textpath import TextPath
from toy_cells import ROWS, cell, only_page, place

from pcsweep.figures import panels
from pcsweep.figures.curves import curves
from pcsweep.figures.heatmap import MOST, chosen, heatmap, single_pcoders, under_noise
from pcsweep.figures.mosaic import heading_size
from pcsweep.figures.pages import Page, Results, pages
from pcsweep.figures.presets import presets
from pcsweep.pcoder.predictive_coding import RULE


def test_the_heatmap_draws_dark_cells_hatches_and_its_legend() -> None:
    figure = heatmap(only_page())
    panel, bar = figure.axes
    assert panel.get_ylabel() == "t = 1\nβ"
    assert panel.get_title() == "σ = 0.2"
    assert panel.get_aspect() == 1
    assert bar.get_ylabel() == "IoU(t) / IoU(0)"
    image = panel.get_images()[0]
    assert image.origin == "lower"
    assert np.asarray(image.get_array())[2, 1].tolist() == pytest.approx(to_rgba(panels.DARK))
    hatched, dots = panel.collections
    assert hatched.get_hatch() == panels.HATCHES["missing"]
    assert np.asarray(dots.get_offsets()).tolist() == [[1, 0]]  # λ = 0.5, β = 0: q = 0.01
    expected = [panels.label_of_state(state, RULE) for state in ("skipped", "missing", "undefined")]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:3] == expected
    assert texts[3].startswith("q < 0.05: the mean gain on t = 0 is not 0\n(sign-flip test over images, false discovery rate")


@pytest.mark.parametrize("texts", [["σ = 0.2"], ["shot,\nseverity = 3,\nc = 12", "no noise"], ["salt_and_pepper,\nshare = 0.2"]])
def test_headings_are_as_large_as_their_panels_allow(texts: list[str]) -> None:
    size = heading_size(texts, 0.7)
    widths = [TextPath((0, 0), line, size=size).get_extents().width / 72 for text in texts for line in text.splitlines()]
    assert max(widths) <= 0.7
    assert size == 8 or max(widths) > 0.55
    assert heading_size(["a line that no panel has room for" * 3], 0.7) == 4


def test_every_picture_says_model_data_images_and_the_unit_of_sigma() -> None:
    (page,) = pages(Results(ROWS, unit="normalised images"))
    told = "toy on shapes, n = 7 images, σ of normalised images"
    for drawn in (heatmap, under_noise, curves, presets):
        assert drawn(page).get_suptitle().startswith(told)


def test_no_significant_cell_is_said() -> None:
    (page,) = pages(Results([{**row, "q": 0.5} for row in ROWS]))
    assert heatmap(page).legends[0].get_texts()[-1].get_text().startswith("q < 0.05: the mean gain on t = 0 is not 0 (nowhere)")


def test_any_parameter_of_the_noise_that_varies_is_an_axis() -> None:
    facets = ("model.seed", "noise.share", "noise.severity")
    fixed = {"sigma": None, "model.seed": 0}
    rows = [
        row
        for share in (0.1, 0.3)
        for lambda_ in (0.0, 0.5)
        for beta in (0.0, 0.5)
        for row in cell(beta, lambda_, **fixed, **{"noise.share": share, "noise.severity": 1})
    ]
    (page,) = pages(Results(rows, facets=facets))
    assert (page.name, page.across, page.columns) == ("", ("noise.share",), [(0.1,), (0.3,)])
    assert [panel.get_title() for panel in heatmap(page).axes[:2]] == ["share = 0.1", "share = 0.3"]
    more = [{**row, "noise.severity": 2} for row in rows]
    (page,) = pages(Results(rows + more, facets=facets))
    assert page.across == ("noise.share", "noise.severity")
    titles = [panel.get_title().replace("\n", " ") for panel in heatmap(page).axes[:4]]
    assert titles == [f"share = {share}, severity = {severity}" for share in (0.1, 0.3) for severity in (1, 2)]


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
    assert [(page.name, page.columns) for page in found] == [("sigma-0.1", [("1",), ("2",)]), ("sigma-0.2", [("1",), ("2",)])]


def test_figure_4_has_a_row_per_later_timestep_and_a_column_per_sigma() -> None:
    rows = [row for sigma in (0.01, 0.6) for row in cell(0.5, 0.5, 1 + sigma, 2, sigma=sigma)]
    (page,) = pages(Results(rows), "noise")
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
    panel = figure.axes[0]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["0.5", "[0.2 0.467]"]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["0.1", "[0.1 0]"]
    assert {text.get_rotation() for text in panel.get_xticklabels()} == {90}
    assert figure.legends[0].get_texts()[0].get_text() == "not asked for"
