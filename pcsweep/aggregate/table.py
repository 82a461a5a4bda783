"""The statistics of all cells → one long table: a row per cell, timestep and metric, with the tests of the whole grid."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from pcsweep.aggregate.cell import Cell
from pcsweep.statistics.cell import STATISTICS
from pcsweep.statistics.confirmation import CONFIRMATIONS
from pcsweep.statistics.permutation import false_discovery, family_wise
from pcsweep.study import axes, shards
from pcsweep.study.axes import AXES, Coordinates

Family = dict[str, np.ndarray]  # the highest strength of any cell and timestep under each pattern of signs, by metric
_NONE = np.empty(0, np.float32)


def enter(family: Family, cell: Cell) -> Cell:
    """Enters a cell's tests into the family; returns the cell without what only the family needs, which is large."""
    for name, test in cell.tests.items():
        known = family.setdefault(name, test.strongest)
        if known.shape == test.strongest.shape:  # else other images, which are refused once all shards are read
            family[name] = np.maximum(known, test.strongest)
    return replace(cell, tests={name: replace(test, strongest=_NONE) for name, test in cell.tests.items()})


def table(found: Sequence[Cell], places: Sequence[Coordinates], presets: Mapping[str, str], family: Family) -> pa.Table:
    """A row for each cell, timestep and metric; cells in the order of their coordinates, whatever their files are called.

    A metric has no row at a timestep at which it was not measured.

    Args:
        found: the cells.
        places: theirs on the axes and further columns.
        presets: the names of the sets of coefficients, by the cells' identities.
        family: all tests.
    """
    found, places = _in_order(found, places)
    rows = [len(cell.metrics) * len(cell.timesteps) for cell in found]
    cell_of_row = pa.array(np.repeat(np.arange(len(found)), rows))
    of_cell = _coordinates(places) | _about_cells(found, presets)
    columns = {name: values.take(cell_of_row) for name, values in of_cell.items()}
    columns["timestep"] = pa.array(np.concatenate([np.repeat(cell.timesteps, len(cell.metrics)) for cell in found]), pa.int32())
    columns["metric"] = pa.array(np.concatenate([np.tile(cell.metrics, len(cell.timesteps)) for cell in found]))
    for name in STATISTICS:
        columns[name] = _by_row([getattr(cell.summary, name) for cell in found])
    for name, tested in _tests(found, family).items():
        columns[name] = _by_row(tested)
    for name in CONFIRMATIONS:
        columns[name] = _by_row([getattr(cell.confirmation, name) for cell in found])
    return pa.table(columns).filter(_by_row([cell.measured for cell in found]))


def layer_table(found: Sequence[Cell], places: Sequence[Coordinates], presets: Mapping[str, str]) -> pa.Table | None:
    """A row for each cell, timestep, metric and pcoder at which the attribution was taken; None where it was at one alone.

    Args:
        found, places, presets: as `table`.
    """
    found, places = _in_order(found, places)
    chosen = [number for number, cell in enumerate(found) if cell.layers]
    if not chosen:
        return None
    found, places = [found[number] for number in chosen], [places[number] for number in chosen]
    of_cell = _coordinates(places) | _about_cells(found, presets)
    parts = []
    for number, cell in enumerate(found):
        for metric, summary in cell.layers.items():
            layers = len(summary.mean)
            own = {
                "timestep": pa.array(np.tile(cell.timesteps, layers), pa.int32()),
                "metric": pa.array([metric] * summary.mean.size),
                "layer": pa.array(np.repeat(np.arange(1, layers + 1), len(cell.timesteps)), pa.int32()),
                **{name: pa.array(getattr(summary, name).ravel()) for name in STATISTICS},
            }
            repeated = pa.array([number] * summary.mean.size)
            parts.append(pa.table({name: values.take(repeated) for name, values in of_cell.items()} | own))
    return pa.concat_tables(parts)


def _in_order(found: Sequence[Cell], places: Sequence[Coordinates]) -> tuple[list[Cell], list[Coordinates]]:
    """Both in the order of the cells' coordinates."""
    order = sorted(range(len(found)), key=lambda index: (axes.sortable(places[index]), found[index].identity))
    return [found[index] for index in order], [places[index] for index in order]


def _coordinates(places: Sequence[Coordinates]) -> dict[str, pa.Array]:
    """The columns of coordinates, (cells,) each."""
    types = {name: shards.SCHEMA.field(name).type for name in AXES}
    return {name: column([place[name] for place in places], types.get(name)) for name in places[0]}


def _about_cells(found: Sequence[Cell], presets: Mapping[str, str]) -> dict[str, pa.Array]:
    """What is said once of a cell, (cells,) each."""
    return {
        "identity": pa.array([cell.identity for cell in found]),
        "shards": pa.array([" ".join(cell.shards) for cell in found]),
        "noise_seeds": pa.array([" ".join(str(seed) for seed in cell.seeds) for cell in found]),
        "hyperparameter": pa.array([presets.get(cell.identity) or None for cell in found], pa.string()),
        "lambda_inert": pa.array(["lambda" in axes.inert(cell.settings) for cell in found]),
        "fixed": pa.array([axes.is_fixed(cell.settings) for cell in found]),
        "images": pa.array([cell.images for cell in found], pa.int32()),
        "images_asked": pa.array([cell.settings.get("selection", {}).get("count") for cell in found], pa.int32()),
        "categories": pa.array([cell.categories for cell in found], pa.int32()),
        "seeds": pa.array([len(cell.shards) for cell in found], pa.int32()),
        "p_least": pa.array([cell.least_p for cell in found], pa.float64()),
    }


def _by_row(of_cells: Sequence[np.ndarray]) -> pa.Array:
    """Arrays (metrics, timesteps) of each cell → (rows,): of a cell all metrics at t = 0, then all at t = 1, and so on."""
    return pa.array(np.concatenate([values.T.ravel() for values in of_cells]))


def _tests(found: Sequence[Cell], family: Family) -> dict[str, list[np.ndarray]]:
    """The columns p, q and p_grid, (metrics, timesteps) of each cell: NaN at t = 0, and for what is not tested."""
    names = ("p", "q", "p_grid")
    columns = {name: [np.full((len(cell.metrics), len(cell.timesteps)), np.nan) for cell in found] for name in names}
    for metric, strongest in family.items():
        tested = [number for number, cell in enumerate(found) if metric in cell.tests]
        tests = [found[number].tests[metric] for number in tested]
        p = [test.p for test in tests]  # (timesteps after t = 0,) of each cell, as q and p_grid
        q = _false_discovery([found[number] for number in tested], p)
        p_grid = [family_wise(test.strength, strongest) for test in tests]
        for name, of_cells in (("p", p), ("q", q), ("p_grid", p_grid)):
            for number, values in zip(tested, of_cells, strict=True):
                columns[name][number][found[number].metrics.index(metric), 1:] = values
    return columns


def _false_discovery(found: Sequence[Cell], p: Sequence[np.ndarray]) -> list[np.ndarray]:
    """q of every cell's timesteps; cells that differ in an inert coefficient alone are one test.

    Args:
        found: the cells.
        p: of their timesteps.
    """
    names = [_test(cell, values) for cell, values in zip(found, p, strict=True)]
    once = dict(zip(names, p, strict=True))
    q = false_discovery(np.concatenate(list(once.values())) if once else np.empty(0))
    ends = np.cumsum([len(values) for values in once.values()])
    of_name = dict(zip(once, np.split(q, ends[:-1]), strict=True))
    return [of_name[name] for name in names]


def _test(cell: Cell, p: np.ndarray) -> str:
    """The same for cells that are one test: those that differ in an inert coefficient alone and have the same p.

    Equal p, because cells with other noise seeds are other tests.
    """
    inert = axes.inert(cell.settings)
    return f"{axes.key(axes.without_inert(cell.settings))} {p.tobytes().hex()}" if inert else cell.identity


def column(values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    """As their own type, or as text where they have none in common."""
    try:
        return pa.array(values, kind)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values])
