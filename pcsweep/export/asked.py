"""What was asked of a study and what became of it, as tables: what its plans name, what failed, what was sent to queues."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pcsweep.export.wording import without_home
from pcsweep.study import failures, submissions
from pcsweep.study.mixing import Where, planned_where

_TIME = pa.timestamp("us", "UTC")
_PLANNED = pa.schema(
    [
        ("identity", pa.string()),  # null where skipped
        ("label", pa.string()),
        ("skipped", pa.bool_()),
        ("hyperparameter", pa.string()),
        ("figure", pa.string()),
        ("command", pa.string()),
        ("note", pa.string()),
        ("tags", pa.string()),  # with commas between
        ("settings", pa.string()),  # JSON
    ]
)
_FAILURES = pa.schema(
    [
        ("identity", pa.string()),
        ("label", pa.string()),
        ("error", pa.string()),
        ("log", pa.string()),
        ("job", pa.string()),
        ("host", pa.string()),
        ("time", _TIME),
    ]
)
_SUBMISSIONS = pa.schema(
    [
        ("submission", pa.string()),
        ("time", _TIME),
        ("executor", pa.string()),
        ("host", pa.string()),
        ("command", pa.string()),
        ("name", pa.string()),  # of the job array
        ("job", pa.string()),
        ("tasks", pa.int64()),
        ("points", pa.int64()),
        ("cancelled", pa.bool_()),
    ]
)


def tables(folder: Path, where: Where) -> dict[str, pa.Table]:
    """`planned`, `failures` and `submissions` of the study in `folder`; a path in the user's own folder begins with `~`."""
    return {
        "planned": pa.Table.from_pylist(_planned(folder, where), _PLANNED),
        "failures": pa.Table.from_pylist(_failures(folder), _FAILURES),
        "submissions": pa.Table.from_pylist(_submissions(folder), _SUBMISSIONS),
    }


def _planned(folder: Path, where: Where) -> list[dict[str, Any]]:
    return [
        {
            "identity": point.identity,
            "label": point.label,
            "skipped": point.skipped,
            "hyperparameter": point.hyperparameter or None,
            "figure": point.figure,
            "command": without_home(point.command),
            "note": point.labelling.note or None,
            "tags": ", ".join(point.labelling.tags) or None,
            "settings": json.dumps(point.settings, sort_keys=True),
        }
        for point in planned_where(folder, where)
    ]


def _failures(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "identity": identity,
            "label": failure.label,
            "error": without_home(failure.error),
            "log": without_home(failure.log) if failure.log else None,
            "job": failure.job or None,
            "host": failure.host or None,
            "time": _time(failure.when),
        }
        for identity, failure in failures.read_all(folder).items()
    ]


def _submissions(folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "submission": each.name,
            "time": _time(each.when),
            "executor": each.executor,
            "host": each.by.partition(" ")[0] or None,
            "command": without_home(each.command),
            "name": array.name,
            "job": array.job,
            "tasks": len(array.tasks),
            "points": sum(map(len, array.tasks)),
            "cancelled": array.cancelled,
        }
        for each in submissions.read_all(folder)
        for array in each.arrays
    ]


def _time(when: float) -> datetime | None:
    return datetime.fromtimestamp(when, UTC) if when else None
