"""The pictures of a comparison: colours, dots and cells without a value are where the table says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from toy_cells import place

from pcsweep.figures import panels
from pcsweep.figures.differences import differences, draw_differences, scale
from pcsweep.figures.pages import Page, Results, pages
from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.statistics.quantity import DIFFERENCE, GAINS

NAN = float("nan")


def rows(beta: float, lambda_: float, values: list[float], q: list[float], **changed: Any) -> list[dict[str, Any]]:
    """A row per timestep; gains are what there is on t = 0."""
    return [
        {
            **place(beta, lambda_, **changed),
            "timestep": step,
            "images": 7,
            "difference": value,
            "q": q[step],
            "gain_difference": value - values[0],
            "gain_q": q[step] if step else NAN,
        }
        for step, value in enumerate(values)
    ]


ROWS = [
    *rows(0.0, 0.0, [0.1, 0.3, -0.4], [0.04, 0.2, 0.001]),
    *rows(0.5, 0.0, [0.1, NAN, 0.1], [0.5, NAN, 0.5]),
    *rows(0.5, 0.5, [0.0, 0.2, 0.0], [1.0, 0.049, 0.05]),
]
RESULTS = Results(ROWS, skipped=[place(1.0, 0.5)], missing=[place(0.0, 0.5)])


def page_of(results: Results = RESULTS) -> Page:
    (page,) = pages(results)
    return page


def rgba(figure: Figure, panel: int) -> np.ndarray:
    return np.asarray(figure.axes[panel].get_images()[0].get_array())


def dots(figure: Figure, panel: int) -> list[tuple[float, float]]:
    """(β, λ) places in the panel."""
    found = [each for each in figure.axes[panel].collections if each.get_zorder() == 3]
    return sorted((float(y), float(x)) for each in found for x, y in np.asarray(each.get_offsets()))


def test_every_cell_has_the_colour_of_its_value() -> None:
    page = page_of()
    figure = differences(page, DIFFERENCE, "IoU: b − a", "IoU")
    norm = scale(page, DIFFERENCE)
    assert (norm.vmin, norm.vmax) == (-0.4, 0.4)
    for row in ROWS:
        drawn = rgba(figure, row["timestep"])[page.axis("beta").index(row["beta"]), page.axis("lambda").index(row["lambda"])]
        value = row["difference"]
        expected = to_rgba(panels.PALE) if value != value else panels.COLORMAP(norm(value))
        assert drawn.tolist() == pytest.approx(expected)
    assert [panel.get_ylabel() for panel in figure.axes[:3]] == ["t = 0\nβ", "t = 1\nβ", "t = 2\nβ"]
    assert figure.axes[0].get_title() == "σ = 0.2"
    assert figure.get_suptitle() == "IoU: b − a\ntoy on shapes, n = 7 images"
    assert figure.axes[3].get_ylabel() == "difference of IoU"


def test_no_difference_is_white_and_both_directions_are_as_far_from_it() -> None:
    norm = scale(page_of(), DIFFERENCE)
    middle = np.array(panels.COLORMAP(norm(0.0))[:3])
    assert middle.min() > 0.95
    assert float(norm(0.2)) - 0.5 == pytest.approx(0.5 - float(norm(-0.2)))


def test_dots_are_where_q_is_below_a_twentieth() -> None:
    figure = differences(page_of(), DIFFERENCE, "", "iou")
    assert [dots(figure, panel) for panel in range(3)] == [[(0, 0)], [(1, 1)], [(0, 0)]]
    for panel in figure.axes[:3]:
        assert panel.get_xlim() == (-0.5, 1.5)


def test_cells_without_a_value_are_dark_or_hatched_and_in_the_legend() -> None:
    figure = differences(page_of(), DIFFERENCE, "", "iou")
    assert rgba(figure, 1)[2, 1].tolist() == pytest.approx(to_rgba(panels.DARK))
    assert panels.HATCHES["missing"] in [each.get_hatch() for each in figure.axes[1].collections]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[:-1] == [panels.label_of_state(state, RULE) for state in ("skipped", "missing", "undefined", "")]
    assert texts[-1].startswith("q < 0.05: the studies differ\n")


def test_gains_begin_after_the_start() -> None:
    page = page_of()
    figure = differences(page, GAINS, "", "iou")
    norm = scale(page, GAINS)
    assert [panel.get_ylabel() for panel in figure.axes[:2]] == ["t = 1\nβ", "t = 2\nβ"]
    assert rgba(figure, 1)[0, 0].tolist() == pytest.approx(panels.COLORMAP(norm(-0.5)))
    assert dots(figure, 0) == [(1, 1)]


def test_two_studies_alike_are_white_everywhere() -> None:
    page = page_of(Results(rows(0.0, 0.0, [0.0, 0.0], [1.0, 1.0])))
    figure = differences(page, DIFFERENCE, "", "iou")
    assert rgba(figure, 1)[0, 0].tolist() == pytest.approx(panels.COLORMAP(0.5))
    assert [text.get_text() for text in figure.legends[0].get_texts()][0].startswith("q < 0.05: the studies differ (nowhere)")


def test_a_long_title_is_broken() -> None:
    figure = differences(page_of(), DIFFERENCE, f"iou: {'b' * 40} − {'a' * 40}", "iou")
    assert max(map(len, figure.get_suptitle().split("\n"))) < 70


def test_each_facet_has_its_pictures(tmp_path: Path) -> None:
    some = [row for alpha in (0.0, 0.1) for row in rows(0.0, 0.0, [0.1, 0.2], [0.5, 0.5], alpha=alpha)]
    written = draw_differences(Results(some), "b − a", "iou", tmp_path / "new")
    stems = [f"{name}_alpha-{alpha}" for alpha in ("0", "0.1") for name in ("difference", "gain_difference")]
    assert [path.name for path in written] == [f"{stem}.{ending}" for stem in stems for ending in ("png", "pdf")]
    files = {*(path.name for path in written), *(f"{stem}.csv" for stem in stems)}
    assert files == {path.name for path in (tmp_path / "new").iterdir()}


def test_without_a_later_timestep_there_are_no_gains(tmp_path: Path) -> None:
    written = draw_differences(Results(rows(0.0, 0.0, [0.1], [0.5])), "b − a", "iou", tmp_path)
    assert [path.name for path in written] == ["difference.png", "difference.pdf"]


def test_what_is_compared_may_be_sigma() -> None:
    page = page_of(Results(rows(0.0, 0.0, [0.1, 0.2], [0.5, 0.5], sigma="0.2 → 0.4")))
    assert differences(page, DIFFERENCE, "", "iou").axes[0].get_title() == "σ = 0.2 → 0.4"


def test_cells_of_lists_are_one_below_the_other(tmp_path: Path) -> None:
    ends = {f"{name}difference_{end}": 0.0 for name in ("", "gain_") for end in ("low", "high")}
    lists = [[0.1 * number, 0.5] for number in range(1, 6)]
    found = [
        {**row, **ends, "beta": None, "pcoder.beta": str(beta)}
        for number, beta in enumerate(lists)
        for row in rows(0.0, number / 10, [0.0, number / 10], [1.0, 0.01 if number == 4 else 0.5])
    ]
    (page,) = pages(Results(found))
    figure = differences(page, DIFFERENCE, "b - a", "IoU")
    panel = figure.axes[0]
    names = [text.get_text().replace("\n", " ") for text in panel.get_yticklabels()]
    assert names == [f"β = [{0.1 * number:.3g} 0.5], λ = {(number - 1) / 10:g}" for number in range(5, 0, -1)]
    assert panel.get_xlabel() == "difference of IoU,\n95 % interval"
    assert figure.get_suptitle().startswith("b - a\n")
