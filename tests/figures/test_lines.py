"""Sweeps in which β and λ do not both vary are drawn as lines."""

from typing import Any

import numpy as np
import pytest
from toy_cells import cell, place

from pcsweep.figures.lines import abscissa, lines
from pcsweep.figures.pages import Page, Results, beside_alone, pages

SHARES = ("noise.share", "noise.severity")


def salty(share: float, severity: int) -> list[dict[str, Any]]:
    return cell(0.5, 0.3, 1 + share, 2, sigma=None, **{"noise.share": share, "noise.severity": severity})


def page_of(rows: list[dict[str, Any]], **more: Any) -> Page:
    results = Results(rows, **more)
    (page,) = pages(results, together=beside_alone(results))
    return page


@pytest.mark.parametrize(
    ("rows", "facets", "name", "beside"),
    [
        ([row for value in (0.1, 0.2, 0.4) for row in cell(0.5, value)], (), "lambda", ("sigma",)),
        ([row for value in (0.1, 0.2) for sigma in (0.0, 0.4) for row in cell(value, 0.3, sigma=sigma)], (), "beta", ("sigma",)),
        ([row for value in (0.0, 0.2) for row in cell(0.5, 0.3, alpha=value)], (), "alpha", ("sigma",)),
        ([row for value in (0.0, 0.2) for row in cell(0.5, 0.3, sigma=value)], (), "sigma", ()),
        ([row for value in "123" for row in cell(0.5, 0.3, pcoder=value)], (), "pcoder", ()),
        ([row for value in (0.1, 0.2) for row in salty(value, 1)], SHARES, "noise.share", ()),
        ([row for a in (1, 2, 3) for b in (0.1, 0.2) for row in salty(b, a)], SHARES, "noise.severity", ("noise.share",)),
        (cell(0.5, 0.3, 1.2, 4), (), "timestep", ("sigma",)),
    ],
)
def test_what_varies_is_along_the_lines_and_the_rest_beside(
    rows: list[dict[str, Any]], facets: tuple[str, ...], name: str, beside: tuple[str, ...]
) -> None:
    page = page_of(rows, facets=facets)
    along = abscissa(page)
    assert along is not None
    assert (along.name, along.beside) == (name, beside)
    figure = lines(page, along)
    shown = [panel for panel in figure.axes if panel.get_visible()]
    assert len(shown) == len({tuple(row[each] for each in beside) for row in rows})


def test_a_grid_of_both_coefficients_is_a_heatmap() -> None:
    assert abscissa(page_of(cell(0.5, 0.3) + cell(0.2, 0.3) + cell(0.2, 0.1))) is None


def test_a_line_per_later_timestep_with_its_interval_and_filled_points_where_significant() -> None:
    rows = [row for value, peak in ((0.1, 1.1), (0.2, 1.4)) for row in cell(0.5, value, peak, 2)]
    page = page_of(rows, skipped=[place(0.5, 0.6)])
    along = abscissa(page)
    assert along is not None
    figure = lines(page, along)
    (panel,) = figure.axes
    assert [container.lines[0].get_ydata().tolist() for container in panel.containers] == [[1.1, 1.4], [1.1, 1.4]]
    _, _, (bars,) = panel.containers[0].lines
    assert np.array([segment[:, 1] for segment in bars.get_segments()]) == pytest.approx(np.array([[1.05, 1.15], [1.35, 1.45]]))
    faces = panel.collections[-1].get_facecolors()
    assert faces[0].tolist() == [1, 1, 1, 1]
    assert faces[1].tolist() != [1, 1, 1, 1]
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts[:3] == ["t = 1", "t = 2", "skipped: β + λ > 1"]
    assert texts[3].startswith("filled: q < 0.05")
    assert panel.get_xlabel() == "λ"
    assert figure.get_suptitle().startswith("β = 0.5\ntoy on shapes, n = 7 images")
