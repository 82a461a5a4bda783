"""Scattered cells: in the plane of two coefficients where they have a place there, else one below the other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from toy_cells import cell, place

from pcsweep import figures
from pcsweep.figures.heatmap import heatmap
from pcsweep.figures.pages import Page, Results, beside_alone, pages
from pcsweep.figures.panels import PALE
from pcsweep.figures.plane import crowded, in_plane, scattered
from pcsweep.figures.ranking import MOST, cell_text, ranked, ranking, recovery

PAIRS = [(0.13, 0.42), (0.27, 0.05), (0.44, 0.31), (0.58, 0.12), (0.66, 0.29)]
PEAKS = [0.9, 1.1, float("nan"), 1.4, 1.2]
SEVEN = [row for pair, peak in zip(PAIRS, PEAKS, strict=True) for row in cell(*pair, peak)]


def page_of(rows: list[dict[str, Any]], skipped: Any = (), missing: Any = ()) -> Page:
    results = Results(rows, skipped, missing)
    (page,) = pages(results, together=beside_alone(results))
    return page


def listed(*betas: Any, peak: float = 1.2, **changed: Any) -> list[dict[str, Any]]:
    """A cell with a list of β, one for each pcoder."""
    return cell(None, betas[0], peak, **{"pcoder.beta": str(list(betas)), **changed})


def test_a_scattered_cell_is_a_circle_at_its_coefficients() -> None:
    page = page_of(SEVEN, [place(0.91, 0.44)], [place(0.2, 0.2)])
    assert in_plane(page)
    panel, _ = heatmap(page).axes
    at = {tuple(each.get_offsets()[0]): each for each in panel.collections if each.get_sizes()[0] > 10}
    assert set(at) == {(lambda_, beta) for beta, lambda_ in [*PAIRS, (0.91, 0.44), (0.2, 0.2)]}
    assert to_hex(at[0.31, 0.44].get_facecolor()[0]) == PALE  # undefined
    best, worst = (np.asarray(at[pair].get_facecolor()[0])[:3] for pair in ((0.12, 0.58), (0.42, 0.13)))
    assert best[0] > best[2]  # orange
    assert worst[2] > worst[0]  # violet
    dots = {tuple(each.get_offsets()[0]) for each in panel.collections if each.get_sizes()[0] < 10}
    assert dots == {(0.12, 0.58)}  # q = 0.01
    assert panel.get_ylabel() == "t = 1\nβ"
    assert panel.get_xlabel() == "λ"
    texts = [text.get_text() for text in heatmap(page).legends[0].get_texts()]
    assert texts[:3] == ["skipped: β + λ > 1", "missing", "undefined (NaN)"]


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        (SEVEN, "plane"),
        (SEVEN + [row for pair in PAIRS for row in cell(*pair, sigma=0.4)], "plane"),
        ([row for number, pair in enumerate(PAIRS) for row in cell(*pair, alpha=number / 10)], "plane"),
        ([row for number, pair in enumerate([*PAIRS, PAIRS[0]]) for row in cell(*pair, alpha=number / 10)], "ranking"),
        ([row for number in range(5) for row in cell(0.1 * number, 0.2, alpha=number / 10)], "ranking"),
        ([row for number in range(5) for row in listed(0.1 * number, 0.3)], "ranking"),
        ([row for beta in (0.2, 0.6) for lambda_ in (0.0, 0.2) for row in cell(beta, lambda_)], "heatmap"),
        (cell(0.2, 0.0) + cell(0.6, 0.2), "heatmap"),  # two of four squares
        ([row for beta in (0.2, 0.4, 0.6) for row in cell(beta, 0.2)], "lines"),
    ],
)
def test_what_shows_the_cells_of_a_study(tmp_path: Path, rows: list[dict[str, Any]], kind: str) -> None:
    names = {path.stem for path in figures.draw(Results(rows), (), tmp_path)}
    assert names == {"curves", kind}


def test_a_whole_grid_is_not_scattered_whatever_of_it_is_there() -> None:
    there = [row for pair in PAIRS for row in cell(*pair)]
    missing = [place(beta, lambda_) for beta, _ in PAIRS for _, lambda_ in PAIRS]
    assert not scattered(page_of(there, missing=missing))
    assert not crowded(page_of(there))


def test_a_grid_with_several_alphas_keeps_a_page_for_each() -> None:
    rows = [row for pair in PAIRS for alpha in (0.0, 0.1) for row in cell(*pair, alpha=alpha)]
    assert beside_alone(Results(rows)) == ()
    assert len(pages(Results(rows), together=beside_alone(Results(rows)))) == 2


def test_lists_are_ranked_the_best_first_with_the_coefficients_that_differ() -> None:
    rows = [row for peak, beta in ((1.1, 0.1), (1.3, 0.2), (float("nan"), 0.3)) for row in listed(beta, 0.5, 0.7, 0.9, peak=peak)]
    page = page_of(rows, missing=[place(0.4, 0.4)])
    order, left_out = ranked(page, recovery(page))
    assert left_out == 0
    assert [cell_text(page, each) for each in order[:2]] == ["β = [0.2 0.5 0.7 0.9], λ = 0.2", "β = [0.1 0.5 0.7 0.9], λ = 0.1"]
    panel = ranking(page).axes[0]
    assert [text.get_text().replace("\n", " ") for text in panel.get_yticklabels()][0] == "β = [0.2 0.5 0.7 0.9], λ = 0.2"
    points = [tuple(line.get_data()[0]) for line in panel.lines if line.get_marker() == "o"]
    assert sorted(points) == [(1.1,), (1.3,)]


def test_of_many_cells_the_best_are_ranked() -> None:
    rows = [row for number in range(MOST + 5) for row in listed(number / 100, 0.5, peak=1 + number / 100)]
    page = page_of(rows)
    order, left_out = ranked(page, recovery(page))
    assert (len(order), left_out) == (MOST, 5)
    assert order[0][0] == str([(MOST + 4) / 100, 0.5])
    assert ranking(page).get_suptitle().startswith(f"the first {MOST} of {MOST + 5} cells")
