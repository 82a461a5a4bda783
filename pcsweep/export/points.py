"""The grid points of a study, one for each shard: settings, what is noted of how it was computed, and its place in a cell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.table import column
from pcsweep.config.labelling import Labelling
from pcsweep.console.progress import progress
from pcsweep.study import axes, plans, shards, spent
from pcsweep.study.labels import describe
from pcsweep.study.spent import Spent, spent_of

_UNTOLD = {
    "settings",
    "config",
    "digest",
    "further",
    "identity",
    spent.KEY,
}  # told otherwise, or where the files lie on this machine
_WHOLE, _NUMBERS = {"rows", "schema_version"}, {"seconds"}
# What every table has, and shards of other programs may lack.
_USUAL = ("seconds", "host", "device", "job", "code_version", "git", "libraries", "python", "hyperparameter", "figure")


@dataclass(frozen=True)
class ExportPoint:
    """One shard, without its rows.

    Args:
        path: of the shard.
        cell: identity of the cell that it belongs to.
        settings: canonical.
        texts: of its metadata, without the configuration.
        cost: what it took to compute, where the shard says that.
        written: when, in seconds since 1970.
        size: in bytes.
        label: for people.
        labelling: what was said of it.
    """

    path: Path
    cell: str
    settings: Mapping[str, Any]
    texts: Mapping[str, str]
    written: float
    size: int
    label: str = ""
    labelling: Labelling = Labelling()
    cost: Spent | None = None

    @property
    def identity(self) -> str:
        """Of the grid point."""
        return self.path.stem


def points_of(folder: Path, result: Aggregate) -> list[ExportPoint]:
    """Those of the shards in the tables of a study, in the order of their identities; what has gone meanwhile is left out."""
    table = result.table.group_by(["identity", "shards"]).aggregate([])
    cells = {name: row["identity"] for row in table.to_pylist() for name in row["shards"].split()}
    planned = {point.identity: point for point in plans.planned(folder / "planned")}
    found = []
    with progress("reading metadata", len(cells), "shards") as advance:
        for identity in sorted(cells):
            if point := _point(shards.place(folder / "shards", identity), cells[identity]):
                asked = planned.get(identity)
                label = asked.label if asked and asked.label else describe(axes.coordinates(point.settings))
                found.append(replace(point, label=label, labelling=asked.labelling if asked else Labelling()))
            advance(1)
    return found


def _point(path: Path, cell: str) -> ExportPoint | None:
    texts = shards.metadata(path)
    settings = shards.settings(texts)
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    if settings is None:
        return None
    told = {name: text for name, text in texts.items() if name not in _UNTOLD}
    return ExportPoint(path, cell, settings, told, status.st_mtime, status.st_size, cost=spent_of(texts))


def point_table(points: Sequence[ExportPoint]) -> pa.Table:
    """A row for each point: its identity, its cell, its place on the axes, its metadata, and all settings under dotted names.

    A setting that is a list is JSON, and one that is a number in some points and text in others is text.
    """
    rows = [_row(point) for point in points]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    columns["seconds"] = columns["seconds"].cast(pa.float64())
    columns["written"] = pa.array([round(point.written * 1e6) for point in points], pa.timestamp("us", "UTC"))
    return pa.table(columns)


def _column(values: Sequence[Any]) -> pa.Array:
    found = column(values, None)
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found


def _row(point: ExportPoint) -> dict[str, Any]:
    said = {"note": point.labelling.note or None, "tags": ", ".join(point.labelling.tags) or None}
    own = {"identity": point.identity, "cell": point.cell, "label": point.label, **said, **axes.coordinates(point.settings)}
    told = {name: number_in(name, point.texts.get(name, "")) for name in dict.fromkeys((*_USUAL, *sorted(point.texts)))}
    cost = {f"spent.{name}": value for name, value in axes.leaves(asdict(point.cost)).items()} if point.cost else {}
    return own | {"written": None, "bytes": point.size} | told | cost | flat(point.settings)


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under dotted names; a list is JSON."""
    return {name: json.dumps(value) if isinstance(value, list) else value for name, value in axes.leaves(settings).items()}


def number_in(name: str, text: str) -> Any:
    """What a text of the metadata says: a number where it is to be one and is; None where it says nothing."""
    try:
        return int(text) if name in _WHOLE else float(text) if name in _NUMBERS else text or None
    except ValueError:
        return None
