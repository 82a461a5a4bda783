"""The pictures of a search, of two coefficients and of eight pcoders with two each."""

import csv
from pathlib import Path

import numpy as np
import pytest
from toy_search import KEYS, LEVELS, record, search, trial

from pcsweep.figures.search import draw_search
from pcsweep.figures.search_front import front
from pcsweep.figures.search_history import history
from pcsweep.figures.search_importance import importance
from pcsweep.figures.search_parallel import parallel
from pcsweep.search.told import SearchShown


@pytest.mark.parametrize(("objectives", "keys"), [(1, KEYS), (2, KEYS), (1, LEVELS), (2, LEVELS)])
def test_every_picture_of_which_there_is_something_to_show_is_written(
    tmp_path: Path, objectives: int, keys: tuple[str, ...]
) -> None:
    paths = draw_search(search(objectives, keys), tmp_path / "figures")
    names = {"search_history", "search_importance", "search_parallel", *(["search_front"] if objectives == 2 else [])}
    assert {path.stem for path in paths} == names
    assert {path.read_bytes()[:4] for path in paths} == {b"\x89PNG", b"%PDF"}
    assert {path.stem for path in (tmp_path / "figures").glob("*.csv")} == names


def test_the_numbers_of_every_mark_stand_beside_it(tmp_path: Path) -> None:
    found = search(objectives=2)
    draw_search(found, tmp_path)

    def rows(name: str) -> list[dict[str, str]]:
        with (tmp_path / f"search_{name}.csv").open() as file:
            return list(csv.DictReader(file))

    count, front_count = len(found.record.complete), len(found.record.best)
    assert len(rows("history")) == 2 * (count + front_count)
    assert len(rows("parallel")) == count
    assert len(rows("front")) == 2 * (count + front_count)
    first = rows("history")[0]
    trial = found.record.trials[int(first["trial"])]
    assert (float(first["value"]), float(first["pcoder.beta"])) == (trial.values[0], trial.coefficients["pcoder.beta"])
    shares = [float(row["value"]) for row in rows("importance") if row["objective"] == "mass at t=T"]
    assert sum(shares) == pytest.approx(1)


def test_the_history_marks_where_trials_stopped_and_what_the_best_became() -> None:
    found = search()
    figure = history(found)
    (panel,) = figure.axes
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(labels) == [
        "best so far",
        "on all 100 images ± standard error",
        "on images that it was not chosen by, 95 % interval",
        "stopped on 20 images",
        "stopped on 50 images",
    ]
    early = {len(each.get_offsets()) for each in panel.collections if each.get_label().startswith("stopped")}
    assert early == {10}
    (best,) = (line for line in panel.lines if line.get_label() == "best so far")
    heights = np.asarray(best.get_ydata(), float)
    assert (np.diff(heights) >= 0).all()
    assert heights[-1] == max(each.values[0] for each in found.record.complete)
    assert figure.get_suptitle() == "iou gain at t=T\ntoy on shapes, 30 trials, 10 on all 100 images"


def test_bars_are_in_the_order_of_importance() -> None:
    found = search(keys=LEVELS, trials=90)
    figure = importance(found)
    assert figure is not None
    (panel,) = figure.axes
    widths = [patch.get_width() for patch in panel.patches]
    assert widths == sorted(widths, reverse=True)
    labels = [text.get_text() for text in panel.get_yticklabels()]
    assert len(labels) == 16
    assert {"β₁", "λ₈"} <= set(labels)


def test_a_line_crosses_every_axis_at_its_coefficient() -> None:
    found = search(keys=LEVELS)
    figure = parallel(found)
    assert figure is not None
    panel = figure.axes[0]
    (best,) = found.record.best
    thick = max(panel.lines, key=lambda line: line.get_linewidth())
    assert list(thick.get_ydata()) == pytest.approx([found.record.trials[best].coefficients[key] for key in LEVELS])
    assert [text.get_text() for text in panel.get_xticklabels()] == [f"{each}{n}" for each in "βλ" for n in "₁₂₃₄₅₆₇₈"]


def test_the_front_is_joined_and_confirmed() -> None:
    found = search(objectives=2)
    figure = front(found)
    assert figure is not None
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "other trials"
    assert labels[1].startswith("Pareto front ± standard error")
    assert labels[2].startswith("the same trials on images that they were not chosen by")


def test_where_there_is_nothing_there_is_no_picture(tmp_path: Path) -> None:
    one = record([trial(0, {"pcoder.beta": 0.5}, [0.1])], [0], keys=("pcoder.beta",))
    paths = draw_search(SearchShown(one, ({},)), tmp_path)
    assert {path.stem for path in paths} == {"search_history"}
    early = record([trial(0, {"pcoder.beta": 0.5}, [0.1], state="pruned", images=20)], [])
    assert {path.stem for path in draw_search(SearchShown(early, ({},)), tmp_path)} == {"search_history"}


def test_numbers_of_the_front_do_not_cover_each_other() -> None:
    values = [(0.1, 0.9), (0.5, 0.501), (0.501, 0.5), (0.9, 0.1)]
    trials = [trial(number, {"pcoder.beta": 0.1 * number, "pcoder.lambda": 0.1}, pair) for number, pair in enumerate(values)]
    found = record(trials, range(4), objectives=("iou gain at t=T", "mass at t=T"))
    figure = front(SearchShown(found, ({}, {})))
    assert figure is not None
    written = [text.get_text() for text in figure.axes[0].texts]
    assert len(written) == 3
    assert {"0", "3"} < set(written)
