"""A search as tables, for files."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from pcsweep.search.estimate import Estimate
from pcsweep.search.record import SearchRecord
from pcsweep.search.told import SearchShown


def trial_table(record: SearchRecord) -> pa.Table:
    """A row for each trial; settings are columns under the names by which they are typed; a second objective's end in `_2`."""
    best = set(record.best)
    columns: dict[str, list[Any]] = {
        "trial": [each.number for each in record.trials],
        "state": [each.state for each in record.trials],
        "best": [each.number in best for each in record.trials],
        **{key: [each.coefficients.get(key) for each in record.trials] for key in record.terms.space},
        "images": [each.images for each in record.trials],
    }
    for number in range(len(record.directions)):
        ending = f"_{number + 1}" if number else ""
        for prefix, estimates in (("", "estimates"), ("confirmed_", "confirmed")):
            found = [_at(getattr(each, estimates), number) for each in record.trials]
            columns[f"{prefix}value{ending}"] = [each.value if each else math.nan for each in found]
            columns[f"{prefix}error{ending}"] = [each.error if each else math.nan for each in found]
            columns[f"{prefix}images{ending}" if prefix else f"defined{ending}"] = [
                each.images if each else None for each in found
            ]
        columns[f"timestep{ending}"] = [
            each.timestep if each else None for each in (_at(t.estimates, number) for t in record.trials)
        ]
    columns |= {
        "image_timesteps": [each.image_timesteps for each in record.trials],
        "started": [_time(each.started) for each in record.trials],
        "ended": [_time(each.ended) for each in record.trials],
        "sampler": [each.sampler for each in record.trials],
        "why": [each.why for each in record.trials],
        "identities": [" ".join(each.identities) for each in record.trials],
    }
    names = {f"objective_{number}": words for number, words in enumerate(record.terms.objectives, start=1)}
    return pa.table(columns).replace_schema_metadata(names)


def importance_table(search: SearchShown) -> pa.Table:
    """A row for each objective and coefficient, the most important first."""
    rows = [
        {"objective": words, "coefficient": key, "importance": share}
        for words, shares in zip(search.record.terms.objectives, search.importance, strict=True)
        for key, share in shares.items()
    ]
    schema = pa.schema([("objective", pa.string()), ("coefficient", pa.string()), ("importance", pa.float64())])
    return pa.Table.from_pylist(rows, schema=schema)


def _at(estimates: Sequence[Estimate], number: int) -> Estimate | None:
    return estimates[number] if number < len(estimates) else None


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
