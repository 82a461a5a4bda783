"""What computing a grid point took: seconds by phase, memory, and where; a text in the metadata of its shard.

Shards of earlier versions do not say it, and nothing is said of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from pcsweep.console.text import hours_of

KEY = "spent"  # in a shard's metadata
# In the order in which they are told; what each means is in docs/watching.md.
PHASES = ("loading", "decoding", "noise", "dynamics", "attribution", "metrics", "writing", "other")


def _aware(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise ValueError("a time with its zone")
    return when


_Time = Annotated[datetime, AfterValidator(_aware)]
_Seconds = Annotated[float, Field(ge=0, lt=1e10, allow_inf_nan=False)]
_Bytes = Annotated[int, Field(ge=0, lt=2**63)]
_Count = Annotated[int, Field(ge=1, lt=2**31)]
_Name = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True)
class Spent:
    """Of one point of a pack.

    Args:
        started, ended: of the pack, until this point's shard was to be written.
        points: of the pack.
        rows: images times points that the network computed at once; 0 where all images were known.
        batch_size: the setting that decided that.
        seconds: by phase; the pack's, divided by its points. `writing` is the mean of the pack's shards that were written before,
            and is not there of the first.
        cores: that the process may use.
        threads: with which torch computes.
        process: its number.
        task: of Slurm, such as `12_3`; empty outside of it.
        memory: bytes that the process had in memory at most while this pack was computed.
        memory_before: at most before that, since the pack before it; more where the images are decoded, say.
        memory_whole: whether `memory` is of the process since its start, because the kernel does not forget what was before.
        memory_limit: bytes that the process may use.
        memory_asked: bytes that its job asked Slurm for.
        gpu_memory: bytes of tensors on the GPU at most while this pack was computed; None on a CPU.
        gpu_limit: bytes that the GPU has.
        cached: whether decoded images are kept in a folder (`dataset.cache`).
    """

    started: _Time
    ended: _Time
    points: _Count
    rows: Annotated[int, Field(ge=0, lt=2**31)]
    batch_size: _Count | _Name
    seconds: dict[_Name, _Seconds]
    cores: _Count
    threads: _Count
    process: _Count
    memory: _Bytes
    memory_before: _Bytes
    memory_limit: _Bytes
    task: _Name = ""
    memory_whole: bool = False
    memory_asked: _Bytes | None = None
    gpu_memory: _Bytes | None = None
    gpu_limit: _Bytes | None = None
    cached: bool = False

    @property
    def total(self) -> float:
        """Seconds of this point."""
        return sum(self.seconds.values())

    @property
    def most(self) -> int:
        """Bytes that the process had in memory at most, up to the end of this pack."""
        return max(self.memory, self.memory_before)

    @property
    def core_seconds(self) -> float:
        """Of this point: on Slurm of all cores that the task has, whether it uses them or not; elsewhere of its threads."""
        return self.total * (self.cores if self.task else self.threads)


@cache
def _schema() -> Any:
    return TypeAdapter(Spent)


def text_of(spent: Spent) -> str:
    """For a shard's metadata: JSON, times in UTC."""
    text: str = _schema().dump_json(spent).decode()
    return text


def spent_of(texts: Mapping[str, str]) -> Spent | None:
    """What a shard's metadata says; None where it says nothing that can be understood."""
    try:
        found: Spent = _schema().validate_json(texts.get(KEY, ""))
    except ValidationError:
        return None
    return found if found.ended >= found.started else None


@dataclass
class Sum:
    """Of many points.

    Args:
        shards: how many said something.
        seconds: by phase, in the order of `PHASES`.
        core_hours: on CPUs.
        gpu_hours: on GPUs.
        memory: bytes that a process had in memory at most.
        asked: the least that a job asked for, if jobs asked.
        first, last: when computing began and ended.
    """

    shards: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    core_hours: float = 0.0
    gpu_hours: float = 0.0
    memory: int = 0
    asked: int | None = None
    first: datetime | None = None
    last: datetime | None = None

    def add(self, spent: Spent) -> None:
        """One more point."""
        self.shards += 1
        for phase, seconds in spent.seconds.items():
            known = phase if phase in self.seconds else "other"
            self.seconds[known] += seconds
        if spent.gpu_memory is None:
            self.core_hours += spent.core_seconds / 3600
        else:
            self.gpu_hours += spent.total / 3600
        self.memory = max(self.memory, spent.most)
        if spent.memory_asked is not None:
            self.asked = min(spent.memory_asked, self.asked or spent.memory_asked)
        self.first = min(spent.started, self.first or spent.started)
        self.last = max(spent.ended, self.last or spent.ended)

    @property
    def shares(self) -> dict[str, float]:
        """Of the time, by phase; none where there is none."""
        total = sum(self.seconds.values())
        return {phase: seconds / total for phase, seconds in self.seconds.items()} if total else {}

    def hours(self, times: float = 1.0) -> str:
        """Such as `3.2 core-hours and 1.1 GPU-hours`, of so many times as many points."""
        cores = [hours_of(times * self.core_hours, "core")] if self.core_hours or not self.gpu_hours else []
        return " and ".join([*cores, *([hours_of(times * self.gpu_hours, "GPU")] if self.gpu_hours else [])])
