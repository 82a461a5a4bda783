"""The CSV beside a figure holds exactly the numbers that are drawn: they are held against what matplotlib has in its panels."""

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from toy_cells import MISSING, ROWS, SKIPPED, cell, only_page, place

from pcsweep.figures.curves import curves
from pcsweep.figures.differences import differences
from pcsweep.figures.files import save
from pcsweep.figures.heatmap import heatmap, recovery, single_pcoders
from pcsweep.figures.layers import LayersOverTime, layers_over_time
from pcsweep.figures.lines import abscissa, lines
from pcsweep.figures.numbers import NumberedFigure, table_of
from pcsweep.figures.overlays import overlays
from pcsweep.figures.pages import Page, Results, pages
from pcsweep.figures.panels import COLORMAP, colours
from pcsweep.figures.plane import in_plane
from pcsweep.figures.presets import presets
from pcsweep.figures.ranking import ranking
from pcsweep.measure.exhibit import Exhibit, Exhibition
from pcsweep.statistics.quantity import DIFFERENCE


def rows_of(figure: Figure) -> list[dict[str, Any]]:
    assert isinstance(figure, NumberedFigure)
    return table_of(figure).to_pylist()


def bars(panel: Axes) -> list[tuple[tuple[float, float, float, float], ...]]:
    """Each line's points with error bars, `(rounded x, y, low, high)`."""
    found = []
    for container in panel.containers:
        line, _, (segments,) = container.lines
        assert isinstance(segments, LineCollection)
        ends = [segment[:, 1] if segment.ndim == 2 else (math.nan, math.nan) for segment in segments.get_segments()]
        points = zip(np.round(np.asarray(line.get_xdata(), float)), line.get_ydata(), ends, strict=True)
        found.append(tuple((x, y, low, high) for x, y, (low, high) in points))
    return found


def noted(rows: list[dict[str, Any]], quantity: str, low: str = "low", high: str = "high") -> list[Any]:
    """The same of the rows of each series, in their order."""
    series: dict[str, list[Any]] = {}
    for row in rows:
        if row["quantity"] == quantity and row.get(low) is not None:
            ends = (row["value"] - row["std"], row["value"] + row["std"]) if low == "std" else (row[low], row[high])
            series.setdefault(row["series"], []).append((row["timestep"], row["value"], *ends))
    return [tuple(each) for each in series.values()]


def test_every_square_of_a_heatmap() -> None:
    page = only_page()
    figure = heatmap(page)
    rows = rows_of(figure)
    (panel,) = figure.axes[:1]
    across, down = page.axis("lambda"), page.axis("beta")
    assert len(rows) == len(across) * len(down)
    values, states = np.full((len(down), len(across)), np.nan), np.full((len(down), len(across)), "", "U9")
    for row in rows:
        at = down.index(row["beta"]), across.index(row["lambda"])
        values[at] = math.nan if row["value"] is None else row["value"]
        states[at] = "" if row["state"] == "not asked for" else row["state"]
    np.testing.assert_array_equal(panel.images[0].get_array(), colours(values, states, recovery(page).norm))
    dots = [each for each in panel.collections if isinstance(each, PathCollection)]
    marked = {(across[int(x)], down[int(y)]) for each in dots for x, y in each.get_offsets()}
    assert marked == {(row["lambda"], row["beta"]) for row in rows if row["q"] is not None and row["q"] < 0.05} == {(0.5, 0.0)}
    assert {row["state"] for row in rows} == {"value", "undefined", "skipped", "missing"}
    assert {row["timestep"] for row in rows} == {1}


def test_every_panel_of_a_heatmap_says_where_it_is() -> None:
    rows = [*cell(0.2, 0.0, sigma=0.1), *cell(0.4, 0.5, sigma=0.3)]
    (page,) = pages(Results(rows))
    found = rows_of(heatmap(page))
    assert {row["sigma"] for row in found} == {0.1, 0.3}
    (only,) = (row for row in found if row["state"] == "value" and row["sigma"] == 0.3)
    assert (only["beta"], only["lambda"], only["value"], only["quantity"]) == (0.4, 0.5, 1.2, "normalized")
    pcoders = [*cell(0.2, 0.0, pcoder="1"), *cell(0.4, 0.5, pcoder="2")]
    (page,) = pages(Results(pcoders), "pcoder")
    assert {row["pcoder"] for row in rows_of(single_pcoders(page))} == {"1", "2"}


def test_every_point_of_the_curves() -> None:
    page = only_page([*ROWS, *cell(0.2, 0.2, 1.4, sigma=0.2)])
    figure = curves(page)
    rows = rows_of(figure)
    above, below = figure.axes
    means = [tuple(sorted(line)) for line in bars(above)]
    for line in noted(rows, "mean", "std"):
        assert any(np.allclose(line, drawn, rtol=0, atol=1e-12, equal_nan=True) for drawn in means)
    assert len(noted(rows, "mean", "std")) == len(means)
    gains = noted(rows, "difference")
    assert len(gains) == len(bars(below))
    for line, drawn in zip(gains, bars(below), strict=True):
        np.testing.assert_allclose(line, drawn, rtol=0, atol=1e-12, equal_nan=True)
    level = [line for line in above.get_lines() if list(line.get_xdata()) == [0, 1] and line.get_marker() == "None"]
    baselines = {row["series"]: row["value"] for row in rows if row["quantity"] == "baseline"}
    assert baselines == {"at t = 0": 0.5, "centred Gaussian": 0.44, "uniform map": 0.21}
    assert {line.get_ydata()[0] for line in level if line.get_linestyle() != "-"} == {0.44, 0.21}


def test_every_point_of_figure_2() -> None:
    rows = [*cell(0.5, 0.2, 1.1, 3, hyperparameter="a"), *cell(0.4, 0.1, 1.3, 3, hyperparameter="b")]
    (page,) = pages(Results(rows), "noise")
    figure = presets(page)
    (panel,) = figure.axes
    found = noted(rows_of(figure), "bootstrap_mean", "std")
    assert len(found) == 2
    for line, drawn in zip(found, bars(panel), strict=True):
        np.testing.assert_allclose(line, drawn, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["beta", "sigma"])
def test_every_point_of_lines(name: str) -> None:
    varied = [("beta", 0.2), ("beta", 0.6)] if name == "beta" else [("sigma", 0.1), ("sigma", 0.3)]
    rows = [row for key, value in varied for row in cell(**{"beta": 0.5, "lambda_": 0.2, "peak": 1.0 + value, key: value})]
    (page,) = pages(Results(rows))
    along = abscissa(page)
    assert along is not None
    assert along.name == name
    figure = lines(page, along)
    found = [row for row in rows_of(figure) if row["state"] == "value"]
    (panel,) = figure.axes
    ((line, _, (segments,)),) = (container.lines for container in panel.containers)
    assert [row[name] for row in found] == pytest.approx(list(line.get_xdata()))
    assert [row["value"] for row in found] == list(line.get_ydata())
    ends = [tuple(segment[:, 1]) for segment in segments.get_segments()]
    np.testing.assert_allclose([(row["low"], row["high"]) for row in found], ends, rtol=0, atol=1e-12)


def test_every_circle_of_a_plane() -> None:
    scattered = [row for k in range(6) for row in cell(0.1 * k, 0.05 * (6 - k), 1.0 + 0.1 * k)]
    page = Page("", "", ("sigma",), scattered, [], [place(0.9, 0.02)])
    assert in_plane(page)
    figure = heatmap(page)
    rows = rows_of(figure)
    norm, drawn = recovery(page).norm, {}
    for each in figure.axes[0].collections:
        if isinstance(each, PathCollection) and each.get_sizes()[0] > 10:
            ((x, y),) = each.get_offsets()
            drawn[float(y), float(x)] = tuple(each.get_facecolor()[0])
    values = {(row["beta"], row["lambda"]): row["value"] for row in rows if row["state"] == "value"}
    assert len(values) == 6
    for at, value in values.items():
        assert drawn[at] == tuple(COLORMAP(norm(value)))
    assert [(row["beta"], row["lambda"], row["value"]) for row in rows if row["state"] == "missing"] == [(0.9, 0.02, None)]
    assert {(row["sigma"], row["timestep"]) for row in rows} == {(0.2, 1)}


def test_every_point_of_a_ranking() -> None:
    lists = [f"[{0.1 * k}, 0.2]" for k in range(6)]
    rows = [row for k, text in enumerate(lists) for row in cell(None, 0.1, 1.0 + 0.1 * k, **{"pcoder.beta": text})]
    (page,) = pages(Results(rows, facets=("pcoder.beta",)))
    figure = ranking(page)
    found = [row for row in rows_of(figure) if row["state"] == "value"]
    panel = figure.axes[0]
    points = [line for line in panel.get_lines() if line.get_marker() == "o"]
    assert [row["value"] for row in found] == [line.get_xdata()[0] for line in points]
    assert [row["rank"] - 1 for row in found] == [round(line.get_ydata()[0]) for line in points]
    intervals = [line for line in panel.get_lines() if line.get_marker() == "None" and line.get_color() != "#808080"]
    assert [(row["low"], row["high"]) for row in found] == [tuple(line.get_xdata()) for line in intervals]
    assert next(row for row in found if row["rank"] == 1)["series"] == "β = [0.5 0.2]"


def test_places_without_a_value_are_in_the_lines() -> None:
    page = Page("", "", ("sigma",), [*cell(0.0, 0.5), *cell(0.2, 0.5)], SKIPPED, [{**MISSING[0], "lambda": 0.5}])
    along = abscissa(page)
    assert along is not None
    rows = rows_of(lines(page, along))
    assert [(row["beta"], row["state"]) for row in rows if row["state"] != "value"] == [(1.0, "skipped"), (0.5, "missing")]


def test_every_square_of_the_layers() -> None:
    generator = np.random.default_rng(0)
    mean, gain = generator.random((3, 4)), generator.random((3, 4)) - 0.5
    gain[1, 2] = np.nan
    shown = LayersOverTime("σ = 0.2", "β = 0.5", [0, 1, 2, 3], mean, gain, gain - 0.1, gain + 0.1, 1, 7)
    figure = layers_over_time([shown], "iou")
    rows = rows_of(figure)
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.reshape([row["value"] for row in rows], (3, 4)), np.ma.filled(drawn, np.nan))
    assert [(row["layer"], row["timestep"]) for row in rows[:5]] == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]
    assert [row["start"] for row in rows[::4]] == list(mean[:, 0])
    clear = {(row["timestep"], row["layer"] - 1) for row in rows if row["low"] > 0 or row["high"] < 0}
    (dots,) = [each for each in figure.axes[0].collections if isinstance(each, PathCollection)]
    assert clear == {(int(x), int(y)) for x, y in dots.get_offsets()}


def test_every_number_of_figure_1() -> None:
    pixels, mask = np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=bool)
    saliency = {0: np.ones((4, 4)), 1: np.full((4, 4), np.nan)}
    exhibit = Exhibit("a/b", "cat", pixels, pixels, mask, ~mask, saliency, {0: 0.25, 1: math.nan}, {"uniform map": 0.3})
    rows = rows_of(overlays(Exhibition({}, "title", 0.5, [exhibit])))
    assert [(row["image_id"], row["timestep"], row["quantity"], str(row["value"]), row["map"]) for row in rows] == [
        ("a/b", None, "uniform map", "0.3", None),
        ("a/b", 0, "iou", "0.25", True),
        ("a/b", 1, "iou", "nan", False),
    ]


def test_differences_between_studies() -> None:
    rows = [{**row, "difference": 0.1 * row["timestep"], "difference_q": 0.5} for row in cell(0.2, 0.0) + cell(0.4, 0.5)]
    (page,) = pages(Results([{**row, DIFFERENCE.value: 0.25, DIFFERENCE.q: 0.01} for row in rows]))
    found = [row for row in rows_of(differences(page, DIFFERENCE, "B − A", "IoU")) if row["state"] == "value"]
    assert {(row["beta"], row["lambda"], row["value"], row["q"], row["quantity"]) for row in found} == {
        (beta, lambda_, 0.25, 0.01, DIFFERENCE.value) for beta, lambda_ in ((0.2, 0.0), (0.4, 0.5))
    }


def test_the_file_lies_beside_the_picture(tmp_path: Path) -> None:
    figure = heatmap(only_page())
    assert save(figure, tmp_path / "heatmap") == [tmp_path / "heatmap.png", tmp_path / "heatmap.pdf"]
    with (tmp_path / "heatmap.csv").open(newline="", encoding="utf-8") as lines:
        read = list(csv.DictReader(lines))
    for row, numbers in zip(read, rows_of(figure), strict=True):
        assert row.keys() == numbers.keys()
        for name, value in numbers.items():
            assert row[name] == ("" if value is None else value if isinstance(value, str) else row[name])
            if isinstance(value, float):
                assert float(row[name]) == value or (math.isnan(value) and row[name] == "nan")
    save(Figure(), tmp_path / "other")
    assert not (tmp_path / "other.csv").exists()  # a figure that keeps no numbers
