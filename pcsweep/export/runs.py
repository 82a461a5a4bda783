"""Grid points as experiment trackers have them: a run each, with settings, tags, and a history over timesteps."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa

from pcsweep.aggregate.cell import Cell, reduced
from pcsweep.config.labelling import Labelling
from pcsweep.console.progress import progress
from pcsweep.export.points import ExportPoint
from pcsweep.export.study import ExportStudy
from pcsweep.export.wording import without_home
from pcsweep.study import axes, failures, shards
from pcsweep.study.mixing import planned_where

# Of the statistics of one cell, those that other cells and the choice of a best one have no say in.
STATISTICS = (
    *("mean", "low", "high", "n", "nan", "normalized", "normalized_low", "normalized_high"),
    *("difference", "difference_low", "difference_high", "pairs", "effect"),
)
_TAGS = ("seconds", "host", "device", "job", "code_version", "git", "libraries", "python", "hyperparameter", "figure")
_ODD = re.compile(r"[^\w. :/-]")

History = Mapping[int, Mapping[str, float]]  # by timestep, what is defined of `METRIC/STATISTIC`


@dataclass(frozen=True)
class ExportRun:
    """A grid point, done or failed.

    Args:
        identity: of the point.
        name: for people.
        settings: under dotted names; a list is one.
        tags: how and with what it was computed.
        history: of its own images and noise, also where its cell has other noise seeds.
        began, ended: in seconds since 1970; of points that were computed together, those of all of them.
        error: why it failed; empty if it did not.
        labelling: what was said of it.
    """

    identity: str
    name: str
    settings: Mapping[str, Any]
    tags: Mapping[str, str]
    history: History = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0
    error: str = ""
    labelling: Labelling = Labelling()

    @property
    def content(self) -> str:
        """A hash of all but the times: the same where an export would write the same again."""
        told = [
            self.identity,
            self.name,
            self.settings,
            self.tags,
            {str(t): each for t, each in self.history.items()},
            self.error,
        ]
        told += [self.labelling.note, self.labelling.tags] if self.labelling else []
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def runs_of(study: ExportStudy) -> Iterator[ExportRun]:
    """A run for each shard, in the order of their identities, then one for each point that failed."""
    failed = [run for run in _failed(study) if run.identity not in {point.identity for point in study.points}]
    cells = _rows_of_cells(study.result.table)
    with progress("exporting runs", len(study.points) + len(failed), "runs") as advance:
        for point in study.points:
            history = _history(study.result.table.slice(*cells[point.cell])) if point.cell == point.identity else None
            yield _run(point, _alone(study, point) if history is None else history)
            advance(1)
        for run in failed:
            yield run
            advance(1)


def _run(point: ExportPoint, history: History) -> ExportRun:
    told = {name: point.texts[name] for name in _TAGS if point.texts.get(name)}
    took = shards.seconds(point.texts) or 0.0
    began, ended = point.written - took, point.written
    if cost := point.cost:
        began, ended = cost.started.timestamp(), cost.ended.timestamp()
        told |= {"memory": str(cost.most), **({"gpu_memory": str(cost.gpu_memory)} if cost.gpu_memory else {})}
    return ExportRun(
        identity=point.identity,
        name=point.label,
        settings=axes.leaves(point.settings),
        tags={"identity": point.identity, "cell": point.cell, "status": "done", **told},
        history=history,
        began=began,
        ended=ended,
        labelling=point.labelling,
    )


def _failed(study: ExportStudy) -> list[ExportRun]:
    """Of the planned points that have a note that they raised."""
    planned = {point.identity: point for point in planned_where(study.folder, study.where) if point.identity}
    found = []
    for identity, failure in failures.read_all(study.folder).items():
        if identity in planned:
            error = without_home(failure.error)
            tags = {"identity": identity, "status": "failed", "error": error, "host": failure.host, "job": failure.job}
            found.append(
                ExportRun(
                    identity=identity,
                    name=failure.label or planned[identity].label,
                    settings=axes.leaves(planned[identity].settings),
                    tags={name: text for name, text in tags.items() if text},
                    began=failure.when,
                    ended=failure.when,
                    error=error,
                    labelling=planned[identity].labelling,
                )
            )
    return found


def _rows_of_cells(table: pa.Table) -> dict[str, tuple[int, int]]:
    """Where in the table the rows of each cell begin, and how many there are."""
    found, start = {}, 0
    for identity, rows in groupby(table["identity"].to_pylist()):
        found[identity] = (start, length := sum(1 for _ in rows))
        start += length
    return found


def _history(rows: pa.Table) -> History:
    """Of the rows of one cell."""
    found: dict[int, dict[str, float]] = {}
    for row in rows.select(["timestep", "metric", *STATISTICS]).to_pylist():
        found.setdefault(row["timestep"], {}).update(_defined(row["metric"], row))
    return found


def _alone(study: ExportStudy, point: ExportPoint) -> History:
    """Of one of the noise seeds of a cell, without the others."""
    cell, _ = reduced([point.path], study.drawn, ())
    return _of_cell(cell) if cell else {}


def _of_cell(cell: Cell) -> History:
    found: dict[int, dict[str, float]] = {}
    for number, metric in enumerate(cell.metrics):
        for place, timestep in enumerate(cell.timesteps):
            if cell.measured[number, place]:
                row = {name: getattr(cell.summary, name)[number, place].item() for name in STATISTICS}
                found.setdefault(timestep, {}).update(_defined(metric, row))
    return found


def _defined(metric: str, row: Mapping[str, Any]) -> dict[str, float]:
    """Such as `iou/mean` and `iou_at_0.15/difference`: names that every tracker takes."""
    name = _ODD.sub("_", metric.replace("@", "_at_"))
    values = {f"{name}/{statistic}": row[statistic] for statistic in STATISTICS}
    return {key: float(value) for key, value in values.items() if value is not None and math.isfinite(value)}
