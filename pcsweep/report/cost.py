"""What a study has cost: sentences, and what the page draws of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pcsweep.console.text import duration, gibibytes, number_of
from pcsweep.report.advice import advice
from pcsweep.report.packs import ComputedPack, ShardCost, lane_of_failure, lanes, packs, summed
from pcsweep.study.failures import Failure
from pcsweep.study.spent import PHASES, Sum
from pcsweep.study.spreadsheet import plain

MOST_BARS = 2000  # of a timeline; of more packs, those that follow each other are drawn as one
IDLE = 3600.0  # seconds without a pack, after which another sitting begins


@dataclass(frozen=True)
class Cost:
    """Of the shards that say it.

    Args:
        told: sentences.
        advice: sentences.
        drawn: for the page's script.
    """

    told: list[str]
    advice: list[str]
    drawn: dict[str, Any]


def cost(costs: Sequence[ShardCost], shards: int, failed: Iterable[Failure] = ()) -> Cost | None:
    """None where no shard says it.

    Args:
        costs: what shards say.
        shards: how many there are.
        failed: points that raised.
    """
    if not costs:
        return None
    total, computed = Sum(), packs(costs)
    for each in costs:
        total.add(each.spent)
    return Cost(_told(costs, computed, total, shards), advice(costs, computed, total), _drawn(costs, computed, list(failed)))


def _told(costs: Sequence[ShardCost], computed: Sequence[ComputedPack], total: Sum, shards: int) -> list[str]:
    workers, hosts = {pack.worker for pack in computed}, {pack.first.host for pack in computed}
    sizes = sorted({len(pack.shards) for pack in computed})
    size = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    silent = shards - len(costs)
    lines = [
        f"{total.hours()}: {number_of(len(costs), 'point')} in {number_of(len(computed), 'pack')} of {size}, by "
        f"{number_of(len(workers), 'worker')} on {number_of(len(hosts), 'machine')}.",
        _when(computed),
        f"A process had at most {gibibytes(total.memory)} GiB in memory{_asked(total)}{_on_gpu(costs)}.",
    ]
    if silent:
        lines.append(f"{number_of(silent, 'shard')} of an earlier version {'says' if silent == 1 else 'say'} nothing of this.")
    return lines


def _asked(total: Sum) -> str:
    return f", of {gibibytes(total.asked)} GiB asked for" if total.asked else ""


def _on_gpu(costs: Sequence[ShardCost]) -> str:
    used = [(each.spent.gpu_memory, each.spent.gpu_limit) for each in costs if each.spent.gpu_memory is not None]
    if not used:
        return ""
    most, there = max(used)
    return f", and {gibibytes(most or 0)} GiB on the GPU{f', which has {gibibytes(there)} GiB' if there else ''}"


def _when(computed: Sequence[ComputedPack]) -> str:
    start, end = computed[0].start, max(pack.end for pack in computed)
    parts = len(sittings((pack.start, pack.end) for pack in computed))
    apart = f", in {parts} sittings with more than an hour between" if parts > 1 else ""
    return f"From {_minute(start)} to {_minute(end)} UTC{apart}: {duration((end - start).total_seconds())}."


def _minute(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def sittings(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """From when to when something was done, without the hours in which nothing was."""
    found: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if found and (start - found[-1][1]).total_seconds() <= IDLE:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found


def _drawn(costs: Sequence[ShardCost], computed: Sequence[ComputedPack], failed: Sequence[Failure]) -> dict[str, Any]:
    rows = lanes(computed)
    bars = [_bar(some, rows) for some in _together(computed)]
    when = [(each, stamp) for each in failed if (stamp := _time(each.when))]
    marks = [
        {"lane": lane_of_failure(each, computed, rows), "when": stamp.isoformat(), "label": each.label, "why": each.error}
        for each, stamp in when
    ]
    spans = [*((pack.start, pack.end) for pack in computed), *((stamp, stamp) for _, stamp in when)]
    devices: dict[str, list[ShardCost]] = {}
    for each in costs:
        devices.setdefault(each.device, []).append(each)
    return {
        "phases": list(PHASES),
        "lanes": list(dict.fromkeys([*rows.values(), *(mark["lane"] for mark in marks)])),
        "bars": bars,
        "failed": marks,
        "sittings": [{"from": start.isoformat(), "to": end.isoformat()} for start, end in sittings(spans)],
        "devices": [{"name": name, "seconds": _by_phase(each.spent.seconds for each in own)} for name, own in devices.items()],
    }


def _time(seconds: float) -> datetime | None:
    """A time that a note gives, if there is such a time."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (OverflowError, ValueError, OSError):
        return None


def _by_phase(several: Iterable[Mapping[str, float]]) -> list[float]:
    """The sum of several, in the order of `PHASES`; a later version's go to the last, `other`."""
    seconds = summed(several)
    found = [seconds.get(phase, 0.0) for phase in PHASES]
    found[-1] += sum(value for phase, value in seconds.items() if phase not in PHASES)
    return [round(value, 3) for value in found]


def _together(computed: Sequence[ComputedPack]) -> list[list[ComputedPack]]:
    """Packs that are drawn as one bar: each alone unless there are too many."""
    most = -(-len(computed) // MOST_BARS)
    workers: dict[tuple[str, str], list[ComputedPack]] = {}
    for pack in computed:
        workers.setdefault(pack.worker, []).append(pack)
    return [each[start : start + most] for each in workers.values() for start in range(0, len(each), most)]


def _bar(some: Sequence[ComputedPack], rows: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    costs = [each for pack in some for each in pack.shards]
    first = costs[0]
    gpu = [each.spent.gpu_memory for each in costs if each.spent.gpu_memory is not None]
    return {
        "lane": rows[some[0].worker],
        "host": plain(first.host),
        "task": plain(first.spent.task),
        "process": first.spent.process,
        "device": plain(first.device),
        "from": some[0].start.isoformat(),
        "to": max(pack.end for pack in some).isoformat(),
        "packs": len(some),
        "points": len(costs),
        "rows": first.spent.rows,
        "seconds": _by_phase(pack.seconds for pack in some),
        "memory": max(each.spent.memory for each in costs),
        "asked": first.spent.memory_asked,
        "gpu": max(gpu) if gpu else None,
    }
