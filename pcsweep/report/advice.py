"""What to change for the next sweep, from what shards say of their cost; nothing where it would not help.

Each sentence has a threshold, below which it is not said; docs/watching.md lists them.
"""

import math
from collections.abc import Mapping, Sequence

from pcsweep.console.text import gibibytes
from pcsweep.metric import TABLE
from pcsweep.report.packs import ComputedPack, ShardCost
from pcsweep.study.axes import USUAL_ATTRIBUTION
from pcsweep.study.spent import Sum

DECODING = 0.15  # share of the time from which a cache is worth its space
LOADING = 0.2  # from which tasks are too short
METRICS, ATTRIBUTION = 0.4, 0.4  # from which it is said which
SAVED = 0.1  # of the time, that larger packs would save
PACK = 8  # points of a pack, as many as the launcher packs by itself
FEW_ROWS = 32  # computed at once, up to which more are faster
ROOM = 4  # times the memory that was used, that there is for more rows
MARGIN = 1.5  # times the memory that was used, to be asked for
LEAST = 1  # GiB to be asked for
TOO_MUCH = 2  # times what would be asked for, from which it is too much
TIGHT = 0.9  # of the memory asked for, above which it is too little
SHORTEST = 60.0  # seconds of a study, below which nothing is worth a change

_GIB = 2**30


def advice(costs: Sequence[ShardCost], computed: Sequence[ComputedPack], total: Sum) -> list[str]:
    """In a sentence each.

    Args:
        costs: of the shards.
        computed: their packs.
        total: their sum.
    """
    told = _memory(total)
    if sum(total.seconds.values()) < SHORTEST:
        return told
    shares = total.shares
    return [
        *_decoding(costs, computed, shares["decoding"]),
        *_loading(costs, shares["loading"]),
        *_larger_packs(costs),
        *_batch_size(costs),
        *_metrics(costs, shares["metrics"]),
        *_attribution(costs, shares["attribution"]),
        *told,
    ]


def _decoding(costs: Sequence[ShardCost], computed: Sequence[ComputedPack], share: float) -> list[str]:
    """Where images were decoded more than once, and are not kept."""
    times = sum(pack.seconds.get("decoding", 0.0) > 0 for pack in computed)
    if share < DECODING or times < 2 or any(each.spent.cached for each in costs):
        return []
    return [f"Decoding images took {share:.0%} of the time, {times} times over: dataset.cache=FOLDER keeps them decoded."]


def _loading(costs: Sequence[ShardCost], share: float) -> list[str]:
    tasks = len({each.spent.task for each in costs} - {""})
    if share < LOADING or tasks < 2:
        return []
    return [
        f"Loading weights and checking images took {share:.0%} of the time, once in each of {tasks} tasks: fewer and longer ones "
        "do it less often (hydra.launcher.target_minutes, or points_per_job)."
    ]


def _larger_packs(costs: Sequence[ShardCost]) -> list[str]:
    """Where points that could have shared a pack did not, as far as that costs time."""
    groups: dict[str, list[ShardCost]] = {}
    for each in costs:
        groups.setdefault(each.alike, []).append(each)
    saved = sum(_saved(each, min(PACK, len(group))) for group in groups.values() for each in group)
    share = saved / max(sum(each.spent.total for each in costs), 1e-9)
    if share < SAVED:
        return []
    small = min(each.spent.points for group in groups.values() for each in group if each.spent.points < min(PACK, len(group)))
    return [
        f"Points that differ in their coefficients alone were computed in packs of {small}: larger ones share t = 0, images and "
        f"noise, which would save about {share:.0%} of the time (hydra.launcher.points_per_pack={PACK}, with the launcher grid)."
    ]


def _saved(cost: ShardCost, most: int) -> float:
    """Seconds that this point would take less in a pack of so many: what is done once for a pack, by one point more each."""
    points, timesteps, seconds = cost.spent.points, cost.settings.get("timesteps"), cost.spent.seconds
    if points >= most or not isinstance(timesteps, int):
        return 0.0
    measured = sum(seconds.get(phase, 0.0) for phase in ("dynamics", "attribution", "metrics"))
    at_0 = measured / (1 / points + timesteps)  # t = 0 is done once, the others for each point
    once = points * seconds.get("noise", 0.0)
    return (at_0 + once) * (1 / points - 1 / most)


def _batch_size(costs: Sequence[ShardCost]) -> list[str]:
    """Where a number was given that leaves the device idle, and there is memory for more."""

    def has_room(cost: ShardCost) -> bool:
        spent = cost.spent
        used, there = (spent.most, spent.memory_asked or spent.memory_limit)
        if spent.gpu_memory is not None and spent.gpu_limit is not None:
            used, there = spent.gpu_memory, spent.gpu_limit
        return ROOM * used <= there

    few = [each for each in costs if each.spent.batch_size != "auto" and each.spent.rows <= FEW_ROWS and has_room(each)]
    if 2 * len(few) <= len(costs):
        return []
    rows = max(each.spent.rows for each in few)
    return [f"The network computed {rows} rows at once, with memory for more: batch_size=auto takes as many as make it faster."]


def _metrics(costs: Sequence[ShardCost], share: float) -> list[str]:
    if share < METRICS:
        return []
    names = sorted({name for each in costs for name in each.settings.get("metrics", ()) if isinstance(name, str)})
    asking = [name for name in names if name in TABLE and TABLE[name].variants]
    if asking:
        return [
            f"Metrics took {share:.0%} of the time. {' and '.join(asking)} ask the network about other images: fewer steps, "
            "timesteps or images of them take less (docs/faithfulness.md)."
        ]
    return [f"Metrics took {share:.0%} of the time: metrics=[…] names those that are needed, of {', '.join(names)}."]


def _attribution(costs: Sequence[ShardCost], share: float) -> list[str]:
    names = sorted({str(_part(each.settings, "attribution").get("name", "")) for each in costs} - {""})
    every = any(_part(each.settings, "attribution").get("layer") == "all" for each in costs)
    if share < ATTRIBUTION or (names == [USUAL_ATTRIBUTION] and not every):
        return []
    where = ", at every pcoder (attribution.layer=all)" if every else ""
    return [
        f"Maps took {share:.0%} of the time: {', '.join(names)}{where}; docs/attributions.md says which take how many passes."
    ]


def _part(settings: Mapping[str, object], group: str) -> Mapping[str, object]:
    found = settings.get(group)
    return found if isinstance(found, Mapping) else {}


def _memory(total: Sum) -> list[str]:
    """What to ask Slurm for."""
    if total.asked is None:
        return []
    enough = max(LEAST, math.ceil(MARGIN * total.memory / _GIB))
    used = f"{gibibytes(total.memory)} GiB of the {gibibytes(total.asked)} GiB that it asked for"
    if total.memory > TIGHT * total.asked:
        return [f"A task used {used}: ask for more, such as hydra.launcher.mem_gb={enough}."]
    if TOO_MUCH * enough * _GIB <= total.asked:
        return [
            f"A task used at most {used}: hydra.launcher.mem_gb={enough} is enough. If a large network gets slower with less, "
            "give some back (docs/speed.md, Memory)."
        ]
    return []
