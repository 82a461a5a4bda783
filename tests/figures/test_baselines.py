"""What every figure of a metric says beside its values: model, data, how many images, and what the values are compared with."""

import doctest
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text
from toy_cells import BASELINES, cell

from pcsweep.figures import baselines, draw
from pcsweep.figures.baselines import apart
from pcsweep.figures.curves import curves
from pcsweep.figures.heatmap import heatmap, single_pcoders
from pcsweep.figures.lines import abscissa, lines
from pcsweep.figures.pages import Page, Results, pages
from pcsweep.figures.presets import presets

SIGMAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
Rows = list[dict[str, Any]]


def grid(sigmas: tuple[float, ...], **changed: Any) -> Rows:
    """Cells of four pairs of coefficients; what the network has at t = 0 falls with σ."""
    pairs = [(beta, lambda_) for beta in (0.2, 0.4) for lambda_ in (0.1, 0.3)]
    rows = [row for sigma in sigmas for pair in pairs for row in cell(*pair, sigma=sigma, **changed)]
    return [{**row, "baselines": {**BASELINES, "at t = 0": 0.6 - row["sigma"] / 2}} for row in rows]


def page_of(rows: Rows, split: str = "validation") -> Page:
    (page,) = pages(Results(rows, split=split))
    return page


def along(page: Page) -> Figure:
    found = abscissa(page)
    assert found
    return lines(page, found)


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def said(figure: Figure) -> str:
    """In one line, whatever lines it was broken into."""
    return " ".join(texts(figure).split())


KINDS = {"heatmap": heatmap, "fig3": single_pcoders, "curves": curves, "fig2": presets}


@pytest.mark.parametrize("sigmas", [SIGMAS[:1], SIGMAS], ids=["one σ", "eight σ"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_says_model_data_images_and_baselines(kind: str, sigmas: tuple[float, ...]) -> None:
    found = said(KINDS[kind](page_of(grid(sigmas))))
    assert "toy on shapes validation, n = 7 images" in found
    for label in ("centred Gaussian: 0.44", "uniform map: 0.21", "t = 0: 0.55" if len(sigmas) == 1 else "t = 0: 0.20"):
        assert label in found


def test_lines_say_them_as_well() -> None:
    rows = [row for row in grid(SIGMAS) if (row["beta"], row["lambda"]) == (0.2, 0.1)]
    found = said(along(page_of(rows)))
    assert (
        "toy on shapes validation, n = 7 images IoU at t = 0: 0.20 to 0.55 · centred Gaussian: 0.44 · uniform map: 0.21" in found
    )


def test_what_differs_stands_over_its_panels_and_what_does_not_in_the_title() -> None:
    figure = heatmap(page_of(grid(SIGMAS[:2])))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["σ = 0.1\nt = 0: 0.55", "σ = 0.2\nt = 0: 0.50"]
    assert figure.get_suptitle().endswith("IoU at t = 0: above each · centred Gaussian: 0.44 · uniform map: 0.21")
    alone = heatmap(page_of(grid(SIGMAS[:1])))
    assert alone.axes[0].get_title() == "σ = 0.1"
    assert "IoU at t = 0: 0.55 · centred Gaussian: 0.44" in " ".join(alone.get_suptitle().split())


@pytest.mark.parametrize("kind", ["curves", "fig2"])
def test_a_line_lies_at_each_maps_level_in_every_panel(kind: str) -> None:
    page = page_of(grid(SIGMAS))
    figure = KINDS[kind](page)
    levels = [{line.get_ydata()[0] for line in axes.get_lines() if len(set(line.get_ydata())) == 1} for axes in figure.axes]
    above = [found for found in levels if 0.44 in found]
    assert len(above) == len(SIGMAS)
    assert all(0.21 in found for found in above)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("left", [{}, {"at t = 0": 0.5, "uniform map": 0.21}])
def test_a_study_without_them_is_drawn_without(kind: str, left: dict[str, float]) -> None:
    rows = [{**row, "baselines": left} for row in grid(SIGMAS[:2])]
    found = said(KINDS[kind](page_of(rows, split="")))
    assert "toy on shapes, n = 7 images" in found
    assert "Gaussian" not in found
    assert ("uniform map: 0.21" in found) == bool(left)


def test_rows_that_know_nothing_of_baselines_are_drawn(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "baselines"} for row in grid(SIGMAS[:2])]
    assert draw(Results(rows), ("fig2", "fig3"), tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigmas", [SIGMAS[:1], SIGMAS], ids=["one σ", "eight σ"])
def test_no_text_lies_over_another_or_beyond_the_edge(kind: str, sigmas: tuple[float, ...]) -> None:
    figure = KINDS[kind](page_of(grid(sigmas)))
    figure.draw_without_rendering()
    titles = [axes.title for axes in figure.axes] + [text for axes in figure.axes for text in axes.texts]
    boxes = [text.get_window_extent() for text in titles if text.get_text()] + [figure._suptitle.get_window_extent()]  # type: ignore[attr-defined]
    width, height = figure.bbox.size
    for number, box in enumerate(boxes):
        assert box.x0 >= -1
        assert box.x1 <= width + 1
        assert box.y0 >= -1
        assert box.y1 <= height + 1
        assert not any(box.overlaps(other) for other in boxes[:number])


@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=5))
def test_names_beside_a_panel_keep_their_distance_and_their_order(heights: list[float]) -> None:
    moved = apart(heights)
    assert all(-1e-9 <= height <= 1 + 1e-9 for height in moved)
    ordered = sorted(range(len(heights)), key=lambda place: heights[place])
    gaps = [moved[above] - moved[below] for below, above in zip(ordered, ordered[1:], strict=False)]
    assert all(gap >= 0.16 - 1e-9 for gap in gaps)


def test_doctests() -> None:
    assert doctest.testmod(baselines) == (0, 1)
