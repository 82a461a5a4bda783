"""Which row of a study's table is the best of each group: of cells that differ in coefficients and active pcoders alone."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.study.labels import DYNAMICS, LOWER

CHOOSING = "choosing_normalized"  # by which the choosing half of the images chooses
CHOSEN = "chosen"  # column that says which rows it chose


def group_columns(facets: Sequence[str]) -> list[str]:
    """The columns that tell groups of cells apart, σ the last; some may be the same throughout a study."""
    return ["model", "noise", *(name for name in facets if not is_coefficient(name)), "sigma"]


def is_coefficient(name: str) -> bool:
    """Whether a column is one of those in which the cells of a group may differ."""
    return name in DYNAMICS


def best_places(table: pa.Table, facets: Sequence[str], statistic: str) -> np.ndarray:
    """The place of the row with the best value of a statistic in each group and metric, the first of equal ones.

    The best is the highest, or the lowest of a metric of which lower is better.

    Cells that cannot change are left out, and so is t = 0; a group in which nothing is defined has no row.

    Args:
        table: of `aggregate`.
        facets: its columns beside the axes that tell cells apart.
        statistic: a column, such as normalized.
    """
    lower = pc.is_in(table["metric"], pa.array(LOWER, pa.string())).to_numpy()
    values = np.where(lower, -1.0, 1.0) * table[statistic].to_numpy()
    may_change = pc.and_(pc.greater(table["timestep"], 0), pc.invert(table["fixed"])).to_numpy()
    places = np.flatnonzero(may_change & ~np.isnan(values))
    codes = [_codes(table[name])[places] for name in ("metric", *group_columns(facets))]
    group = np.unique(np.stack(codes), axis=1, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((places, -values[places], group))
    firsts = np.unique(group[order], return_index=True)[1]
    return np.sort(places[order[firsts]])


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """A number for each different value, the same for the same; one for none as well."""
    indices = column.combine_chunks().dictionary_encode().indices
    found: np.ndarray = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
    return found


def with_choice(table: pa.Table, facets: Sequence[str]) -> pa.Table:
    """The table, and a column that says which rows the choosing half of the images chooses.

    Args:
        table: one row per cell × timestep × metric.
        facets: its columns beside the axes that tell cells apart.
    """
    chosen = np.zeros(table.num_rows, bool)
    chosen[best_places(table, facets, CHOOSING)] = True
    return table.append_column(CHOSEN, pa.array(chosen))
