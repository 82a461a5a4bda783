"""Where a study's numbers come from: configurations, code, libraries, machines, hours; and what of it is not there."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pcsweep.report.packs import ShardCost, cost_of
from pcsweep.study import axes, shards
from pcsweep.study.damaged import damaged_folder

_TOLD = ("code_version", "git", "libraries", "python", "host", "device")
_HOUR = 3600


@dataclass(frozen=True)
class Origins:
    """Of the shards of a study.

    Args:
        told: for each kind of origin, such as `host`, how many shards have which.
        hours: that computing took, by device.
        jobs: how many Slurm jobs there were.
        common: settings that all shards share, by dotted name.
        varying: settings that differ, and all their values.
        config: the configuration of the first shard (YAML).
        costs: what the shards say that computing them took, those that say it.
    """

    told: dict[str, dict[str, int]]
    hours: dict[str, float]
    jobs: int
    common: dict[str, str]
    varying: dict[str, list[str]]
    config: str
    costs: list[ShardCost] = field(default_factory=list)


@dataclass(frozen=True)
class Damaged:
    """A file moved aside: its name, and whether its point has been computed anew."""

    name: str
    replaced: bool


def origins(folder: Path, identities: Sequence[str]) -> Origins:
    """From the metadata of the shards in `folder`, without their rows."""
    told: dict[str, Counter[str]] = {name: Counter() for name in _TOLD}
    hours: dict[str, float] = {}
    jobs = set()
    flats, config, costs = [], "", []
    for identity in identities:
        metadata = shards.metadata(shards.place(folder, identity))
        device = metadata.get("device") or "unknown"
        for name in _TOLD:
            told[name][metadata.get(name) or "unknown"] += 1
        hours[device] = hours.get(device, 0.0) + (shards.seconds(metadata) or 0.0) / _HOUR
        jobs.add(metadata.get("job"))
        flats.append(axes.leaves(json.loads(metadata.get("settings", "{}"))))
        costs += cost_of(metadata)
        config = config or metadata.get("config", "")
    common, varying = settings(flats)
    return Origins(
        {name: dict(counts.most_common()) for name, counts in told.items()},
        hours,
        len(jobs - {None, ""}),
        common,
        varying,
        config,
        costs,
    )


def settings(flats: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What all have in common, and what differs with all its values in order."""
    common, varying = {}, {}
    for key in sorted({key for flat in flats for key in flat}):
        values = {json.dumps(flat.get(key), ensure_ascii=False): flat.get(key) for flat in flats}
        if len(values) == 1:
            common[key] = next(iter(values))
        else:
            varying[key] = sorted(values, key=lambda text: axes.sort_key(values[text]))
    return common, varying


def damaged(folder: Path) -> list[Damaged]:
    """The files in `damaged/` beside the folder of shards, and where an earlier version has left them, inside it."""
    found = [path for kept in (damaged_folder(folder), folder / "damaged") for path in kept.glob("*.parquet.*")]
    paths = sorted(found, key=lambda path: path.name)
    return [Damaged(path.name, shards.place(folder, path.name.partition(".")[0]).exists()) for path in paths]
