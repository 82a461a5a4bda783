"""The best cells that the page shows, with their images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate.best import Headline, headlines
from pcsweep.aggregate.result import Aggregate
from pcsweep.report.breakdown import Images, images
from pcsweep.study import axes
from pcsweep.study.labels import in_order


@dataclass(frozen=True, eq=False)
class BestCells:
    """The best cells of a study by one metric.

    Args:
        metric: by which they are best.
        headlines: the best cell of each group, such as of each σ.
        images: of each of these cells.
        by_pcoder: the best cell of each set of active pcoders in each group; empty where there is one set, or no best cell.
    """

    metric: str
    headlines: list[Headline]
    images: list[Images]
    by_pcoder: list[Headline]


def best_cells(shard_folder: Path, result: Aggregate, metric: str) -> BestCells:
    """The best cells of an aggregated study; nothing where the metric was not measured or is not defined.

    Args:
        shard_folder: where the study's shards are.
        result: its aggregate.
        metric: by which cells are best.
    """
    best = headlines(result.learned, result.facets, metric)
    of_cells = [images(shard_folder, headline) for headline in best]
    return BestCells(metric, best, of_cells, _by_pcoder(result.learned, result.facets, best))


def _by_pcoder(table: pa.Table, facets: Sequence[str], best: Sequence[Headline]) -> list[Headline]:
    sets = in_order(set(pc.unique(table["pcoder"]).to_pylist()))
    if len(sets) < 2 or not best:
        return []
    tables = [table.filter(pc.field("pcoder") == name) for name in sets]
    found = [headline for of_set in tables for headline in headlines(of_set, facets, best[0].metric)]
    found = [replace(headline, group={name: headline.row[name] for name in best[0].group}) for headline in found]
    return sorted(found, key=lambda headline: [axes.sort_key(value) for value in headline.group.values()])
