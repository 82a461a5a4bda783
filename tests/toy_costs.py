"""Shards that say what they cost, of packs made by hand."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from toy_study import put, settings

from pcsweep.report.packs import ShardCost
from pcsweep.study.spent import KEY, Spent, text_of

GIB = 2**30
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
BETAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SPENT = Spent(
    started=START,
    ended=START + timedelta(seconds=80),
    points=1,
    rows=64,
    batch_size="auto",
    seconds={"decoding": 2.0, "dynamics": 60.0, "attribution": 6.0, "metrics": 10.0, "other": 2.0},
    cores=4,
    threads=2,
    process=7,
    memory=2 * GIB,
    memory_before=GIB,
    memory_limit=16 * GIB,
)


def of_pack(points: int, begun: float = 0.0, lasted: float = 80.0, **changed: Any) -> Spent:
    """Of any point of a pack that began so many seconds after `START`."""
    start = START + timedelta(seconds=begun)
    return replace(SPENT, started=start, ended=start + timedelta(seconds=lasted), points=points, **changed)


def cost(spent: Spent = SPENT, beta: float = 0.1, **changed: Any) -> ShardCost:
    """What a shard of that β says; `host`, `device` and `job` are its own, all else of its settings."""
    own = {name: changed.pop(name, usual) for name, usual in (("host", "node1"), ("device", "cpu"), ("job", ""))}
    return ShardCost(spent, settings=settings(beta, 0.1, **changed), **own)


def put_packs(folder: Path, packs: Sequence[tuple[str, Spent]], **texts: str) -> None:
    """Writes the shards of packs, each on a machine; the points follow one another in β, then in the seed of the noise."""
    number = 0
    for host, spent in packs:
        for _ in range(spent.points):
            seed, place = divmod(number, len(BETAS))
            put(folder, settings(BETAS[place], 0.1, noise__seed=seed), {"host": host, KEY: text_of(spent), **texts})
            number += 1
