"""Every kind of study gets its files."""

from pathlib import Path
from typing import Any

import pytest
from toy_cells import cell

from pcsweep import figures
from pcsweep.figures.pages import Results


@pytest.mark.parametrize(
    ("rows", "facets", "names"),
    [
        (cell(0.5, 0.5), (), ["curves", "lines"]),
        (cell(0.5, 0.5) + cell(0.2, 0.0), (), ["curves", "heatmap"]),
        (cell(1.0, 0.0, 1.0, sigma=None), (), ["curves", "lines"]),
        (cell(0.5, 0.5, pcoder="1") + cell(0.5, 0.5, pcoder="2"), (), ["curves", "lines"]),
        (cell(0.5, 0.5) + cell(0.5, 0.5, alpha=0.1), (), ["curves", "lines"]),
        (
            [row for pcoder in "12" for sigma in (0.1, 0.2) for row in cell(0.5, 0.5, pcoder=pcoder, sigma=sigma)],
            (),
            ["curves_pcoder-1", "curves_pcoder-2", "lines_pcoder-1", "lines_pcoder-2"],
        ),
        (
            cell(0.5, 0.5, **{"model.seed": 0}) + cell(0.5, 0.5, **{"model.seed": 1}),
            ("model.seed",),
            ["curves_model.seed-0", "curves_model.seed-1", "lines_model.seed-0", "lines_model.seed-1"],
        ),
        (
            cell(None, 0.5, **{"pcoder.beta": "[0.8, 0.4]"}) + cell(0.5, 0.5, **{"pcoder.beta": None}),
            ("pcoder.beta",),
            ["curves", "lines"],
        ),
        (cell(0.5, 0.5, float("nan")) + cell(0.2, 0.0), (), ["curves", "heatmap"]),
    ],
)
def test_every_kind_of_study_gets_its_files(
    tmp_path: Path, rows: list[dict[str, Any]], facets: tuple[str, ...], names: list[str]
) -> None:
    paths = figures.draw(Results(rows, facets=facets), (), tmp_path / "figures")
    files = {*(path.name for path in paths), *(f"{name}.csv" for name in names)}
    assert files == {path.name for path in (tmp_path / "figures").iterdir()}
    assert sorted({path.name[: -len(path.suffix)] for path in paths}) == names
    assert {path.read_bytes()[:4] for path in paths} == {b"\x89PNG", b"%PDF"}


def test_the_papers_figures_are_drawn_where_asked_for(tmp_path: Path) -> None:
    rows = cell(0.5, 0.5, pcoder="1") + cell(0.5, 0.5, pcoder="2", alpha=0.01)
    paths = figures.draw(Results(rows), ("fig1", "fig2", "fig3"), tmp_path)
    assert {path.stem for path in paths if path.suffix == ".pdf" and path.stem.startswith("fig")} >= {"fig2"}
    assert {path.name for path in paths if path.name.startswith("fig3") and path.suffix == ".png"} == {
        "fig3.png",
    }


def test_without_iou_there_is_no_picture(tmp_path: Path) -> None:
    assert figures.draw(Results([]), ("fig3",), tmp_path / "figures") == []
    assert not (tmp_path / "figures").exists()
