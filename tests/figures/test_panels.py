"""One panel: which cell is where, in which colour."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from toy_cells import cell, only_page

from pcsweep.figures import panels
from pcsweep.figures.heatmap import heatmap
from pcsweep.figures.pages import Page, Results, pages


def test_a_panel_has_beta_down_the_rows_and_lambda_along_the_columns() -> None:
    values, states = panels.matrix(only_page(), (0.2,), 1)
    np.testing.assert_array_equal(values, [[0.9, 1.3], [np.nan, np.nan], [1.0, np.nan]])
    assert states.tolist() == [["value", "value"], ["missing", "undefined"], ["value", "skipped"]]


def test_skipped_cells_are_dark_undefined_ones_grey_and_no_change_is_pale() -> None:
    page = only_page()
    values, states = panels.matrix(page, (0.2,), 1)
    rgba = panels.colours(values, states, panels.scale(page))
    assert rgba[2, 1].tolist() == pytest.approx(to_rgba(panels.DARK))
    assert rgba[1, 1].tolist() == pytest.approx(to_rgba(panels.PALE))
    assert rgba[2, 0, :3].min() > 0.95
    assert rgba[0, 1, 0] > rgba[0, 1, 2]  # above 1 is orange
    assert rgba[0, 0, 2] > rgba[0, 0, 0]  # below 1 is purple


def test_skipped_cells_are_darker_than_any_value() -> None:
    assert min(np.asarray(panels.COLORMAP(value))[:3].max() for value in (0.0, 1.0)) > 2 * to_rgba(panels.DARK)[0]


def test_the_scale_is_symmetrical_about_one_and_shows_the_highest_rise() -> None:
    norm = panels.scale(only_page())
    assert (norm.vmin, norm.vmax) == pytest.approx((0.7, 1.3))


def one_collapse() -> Page:
    """Twenty cells rise by up to 19 %, one falls to a tenth."""
    rows = [row for index in range(20) for row in cell(0.0, index / 20, 1 + index / 100)] + cell(1.0, 0.0, 0.1)
    (page,) = pages(Results(rows))
    return page


def test_one_deep_fall_does_not_pale_the_rest_and_the_bar_says_so() -> None:
    page = one_collapse()
    norm = panels.scale(page)
    assert (norm.vmin, norm.vmax) == pytest.approx((0.81, 1.19))
    for shown, extend in ((page, "min"), (only_page(), "neither")):
        assert panels.beyond(shown) == extend
        assert heatmap(shown).axes[-1]._colorbar.extend == extend


@pytest.mark.parametrize(("count", "side", "expected"), [(6, 0.93, [0, 2, 4]), (11, 0.75, [0, 5, 10]), (3, 1.0, [0, 1, 2])])
def test_as_many_ticks_as_there_is_room_for(count: int, side: float, expected: list[int]) -> None:
    (page,) = pages(Results([row for index in range(count) for row in cell(0.0, index / 100)]))
    panel = Figure().subplots()
    panels.tick(panel, page, side, 1.0)
    assert panel.get_xticks().tolist() == expected
