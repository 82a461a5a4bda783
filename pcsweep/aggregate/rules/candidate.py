"""The cells among which the best of a rule is chosen, and how they are laid side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float64

from pcsweep.aggregate.choice import CHOOSING, group_columns
from pcsweep.study import axes, shards
from pcsweep.study.axes import Coordinates
from pcsweep.study.labels import in_order
from pcsweep.study.variants import Key, Variants, is_of_variant, variants_of


@dataclass(frozen=True, eq=False)
class Candidate:
    """A cell of a rule.

    Args:
        paths: of its shards, one per noise seed.
        place: its coordinates.
        fixed: whether it cannot change over time: the control.
        choosing: value(t) / value(0) on the choosing half of the images, at all timesteps; NaN where it was not measured.
    """

    paths: tuple[Path, ...]
    place: Coordinates
    fixed: bool
    choosing: Float64[np.ndarray, " timesteps"]


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Candidates by condition and by rule.

    Args:
        columns: of conditions: what cells of several rules may share, such as model, noise and σ.
        variants: the rules, a rule with a shared setting of several values being several.
        candidates: in the order of their coordinates, whatever order they are given in.
    """

    columns: tuple[str, ...]
    variants: Variants
    candidates: list[Candidate]

    @property
    def conditions(self) -> list[dict[str, Any]]:
        """In order."""
        return [
            dict(zip(self.columns, values, strict=True))
            for values in in_order({self._condition(each) for each in self.candidates})
        ]

    def of(self, condition: Mapping[str, Any], variant: Key) -> list[Candidate]:
        """The cells of a rule under a condition."""
        wanted = tuple(condition.values()), variant
        return [each for each in self.candidates if (self._condition(each), self.variants.key_of(each.place)) == wanted]

    def _condition(self, candidate: Candidate) -> tuple[Any, ...]:
        return tuple(candidate.place[name] for name in self.columns)


def side_by_side(candidates: Sequence[Candidate], facets: Sequence[str], left_out: Sequence[str] = ()) -> SideBySide:
    """Lays cells out.

    Args:
        candidates: the cells.
        facets: the columns beside the axes that tell them apart.
        left_out: columns that are no condition, although cells differ in them.
    """
    ordered = sorted(candidates, key=lambda each: (axes.sortable(each.place), [path.stem for path in each.paths]))
    columns = tuple(name for name in group_columns(facets) if not is_of_variant(name) and name not in left_out)
    return SideBySide(columns, variants_of([each.place for each in ordered], facets), ordered)


def candidates_of(table: pa.Table, folder: Path, metric: str) -> list[Candidate]:
    """The cells of a study that have the metric.

    Args:
        table: of `aggregate`, in which a cell's rows are in the order of time.
        folder: of its shards.
        metric: by which cells are best.
    """
    rows = table.filter(pc.field("metric") == metric)
    coordinates = rows.column_names[: rows.column_names.index("identity")]
    timesteps = sorted(pc.unique(table["timestep"]).to_pylist())
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.select([*coordinates, "identity", "shards", "fixed", "timestep", CHOOSING]).to_pylist():
        found.setdefault(row["identity"], []).append(row)
    return [
        Candidate(
            paths=tuple(shards.place(folder, name) for name in of_cell[0]["shards"].split()),
            place={name: of_cell[0][name] for name in coordinates},
            fixed=of_cell[0]["fixed"],
            choosing=_at(timesteps, {row["timestep"]: row[CHOOSING] for row in of_cell}),
        )
        for of_cell in found.values()
    ]


def _at(timesteps: Sequence[int], values: Mapping[int, float]) -> Float64[np.ndarray, " timesteps"]:
    """NaN at those without a value."""
    return np.array([values.get(timestep, np.nan) for timestep in timesteps], np.float64)
