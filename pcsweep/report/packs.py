"""Packs of grid points as they were computed: when, by which process of which machine, and in which row of a timeline."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pcsweep.pcoder import rule_of
from pcsweep.pcoder.rule import keys_of
from pcsweep.study import shards
from pcsweep.study.failures import Failure
from pcsweep.study.spent import Spent, spent_of


@dataclass(frozen=True)
class ShardCost:
    """What one shard says.

    Args:
        spent: by its point.
        host, device, job: where.
        settings: of the point.
    """

    spent: Spent
    host: str
    device: str
    job: str
    settings: Mapping[str, Any]

    @property
    def alike(self) -> str:
        """The same for points that could share a pack: those that differ in their coefficients or active pcoders alone."""
        pcoder = self.settings.get("pcoder", {})
        own = {*keys_of(rule_of(pcoder)), "active"}
        kept = {key: value for key, value in pcoder.items() if key not in own}
        return json.dumps([{**self.settings, "pcoder": kept}, self.device, self.spent.rows], sort_keys=True)


def cost_of(metadata: Mapping[str, str]) -> list[ShardCost]:
    """What a shard's metadata says; nothing of one that says nothing."""
    spent, settings = spent_of(metadata), shards.settings(metadata)
    if spent is None or settings is None:
        return []
    host, device, job = (metadata.get(name) or unknown for name, unknown in (("host", "?"), ("device", "cpu"), ("job", "")))
    return [ShardCost(spent, host, device, job, settings)]


@dataclass(frozen=True)
class ComputedPack:
    """The shards of one pack, of the same process and beginning."""

    shards: tuple[ShardCost, ...]

    @property
    def first(self) -> ShardCost:
        """Any of its shards."""
        return self.shards[0]

    @property
    def start(self) -> datetime:
        """When it began."""
        return self.first.spent.started

    @property
    def end(self) -> datetime:
        """When the last of its shards was to be written."""
        return max(each.spent.ended for each in self.shards)

    @property
    def worker(self) -> tuple[str, str]:
        """The machine, and which process or task there."""
        spent = self.first.spent
        return self.first.host, spent.task or str(spent.process)

    @property
    def seconds(self) -> dict[str, float]:
        """By phase, of all its points."""
        return summed(each.spent.seconds for each in self.shards)


def summed(several: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Seconds by phase, of several."""
    found: dict[str, float] = {}
    for each in several:
        for phase, seconds in each.items():
            found[phase] = found.get(phase, 0.0) + seconds
    return found


def packs(costs: Iterable[ShardCost]) -> list[ComputedPack]:
    """The packs, by when they began."""
    found: dict[tuple[str, int, datetime], list[ShardCost]] = {}
    for each in costs:
        found.setdefault((each.host, each.spent.process, each.spent.started), []).append(each)
    return sorted((ComputedPack(tuple(each)) for each in found.values()), key=lambda pack: pack.start)


def lanes(computed: Sequence[ComputedPack]) -> dict[tuple[str, str], str]:
    """For each worker the row in which it is drawn: workers of a machine that did not overlap in time share one.

    Args:
        computed: the packs, by when they began.
    """
    spans: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for pack in computed:
        start, end = spans.get(pack.worker, (pack.start, pack.end))
        spans[pack.worker] = min(start, pack.start), max(end, pack.end)
    free: dict[str, list[datetime]] = {}  # of each row of a machine, since when
    rows: dict[tuple[str, str], tuple[str, int]] = {}
    for worker, (start, end) in sorted(spans.items(), key=lambda item: item[1]):
        own = free.setdefault(worker[0], [])
        row = next((number for number, since in enumerate(own) if since <= start), len(own))
        own[row : row + 1] = [end]
        rows[worker] = worker[0], row
    names = {place: place[0] if len(free[place[0]]) == 1 else f"{place[0]} #{place[1] + 1}" for place in sorted(rows.values())}
    return {worker: names[place] for worker, place in sorted(rows.items(), key=lambda item: item[1])}


def lane_of_failure(failure: Failure, computed: Sequence[ComputedPack], rows: Mapping[tuple[str, str], str]) -> str:
    """The row of the job that failed, or else of its machine."""
    own = [pack for pack in computed if pack.first.host == failure.host and failure.job and pack.first.job == failure.job]
    return rows[own[0].worker] if own else failure.host or "?"
