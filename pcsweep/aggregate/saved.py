"""A study's table and pictures, written to its folder."""

from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc

from pcsweep import figures
from pcsweep.aggregate.baselines import baselines
from pcsweep.aggregate.layers import shown_layers
from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.rules.table import save as save_rules
from pcsweep.aggregate.rules.table import shown_curves
from pcsweep.aggregate.search import save as save_search
from pcsweep.console.progress import stage
from pcsweep.figures.pages import Results
from pcsweep.figures.rules import draw_rules
from pcsweep.measure.exhibit import exhibition
from pcsweep.study import shards
from pcsweep.study.axes import RANDOMIZED
from pcsweep.study.spreadsheet import write_both


def save(result: Aggregate, folder: Path, metric: str = "iou", to: Path | None = None) -> list[Path]:
    """Writes `aggregate.parquet`, `aggregate.csv`, the same of `layers`, and `figures/`, of one metric; the pictures' paths.

    Args:
        result: what is written.
        folder: of the study.
        metric: of the pictures.
        to: where they go; the study's folder if it is not given.
    """
    with stage("drawing"):
        return _saved(result, folder, metric, to or folder)


def _saved(result: Aggregate, folder: Path, metric: str, to: Path) -> list[Path]:
    write_both(result.table, to / "aggregate")
    if result.layers:
        write_both(result.layers, to / "layers")
    if result.contrast:
        save_rules(result.contrast, to)
    if result.sanity:
        write_both(result.sanity, to / "sanity")
    beside = baselines(result.table, metric)
    rows = result.learned.filter(pc.field("metric") == metric).to_pylist()
    rows = [{**row, "baselines": beside.get(row["identity"], {})} for row in rows]
    skipped, missing = (
        [place for place in each if place.get(RANDOMIZED) is None] for each in (result.gaps.skipped, result.gaps.missing)
    )
    results = Results(rows, skipped, missing, result.facets, metric, result.unit, result.split)
    pictures = figures.draw(results, result.figures, to / "figures")
    if result.layers:
        pictures += figures.draw_layers(shown_layers(result, metric), metric, to / "figures")
    if result.contrast:
        results = replace(results, rows=shown_curves(result.contrast), skipped=(), missing=())
        pictures += draw_rules(results, result.contrast.rules, result.contrast.columns, to / "figures")
    if result.search:
        pictures += save_search(result.search, to)
    if "fig1" in result.figures:
        names = dict.fromkeys(name for each in result.table["shards"].unique().to_pylist() for name in each.split())
        places = [shards.place(folder / "shards", name) for name in names]
        pictures += figures.draw_exhibitions([found for path in places if (found := exhibition(path))], to / "figures")
    return pictures
