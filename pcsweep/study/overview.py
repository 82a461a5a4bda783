"""A study in a line: how far it is, how large, what varied in it and what is said of it; from names, plans and a few footers.

No rows are read, no queue is asked, and nothing is changed.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsweep.config.labelling import Labelling, together
from pcsweep.study import axes, claims, plans, shards, submissions
from pcsweep.study.labels import axis_label, in_order, on
from pcsweep.study.plans import PlannedPoint

SHARDS, PLANNED = "shards", "planned"  # one of which every study has
_LOOKED_AT = 1000  # shards whose settings are read, of a study without a plan
_FOLLOWS = "_sha256"  # ends the names of what follows from other settings


@dataclass(frozen=True)
class Overview:
    """Of one study.

    Args:
        folder: of the study.
        total: points that were asked for or are there, without skipped ones.
        done, failed: of these, those that have a shard, and those that raised.
        here: that a command computes now or means to.
        sent: that were sent to a queue and are neither done nor failed; whether their tasks still run, only the queue knows.
        skipped: points that have no update.
        size: of all files, in bytes on the disk.
        changed: when the newest of them was written, in seconds since 1970.
        about: model and data, in words.
        varied: how many values each setting has that has several, such as `{"σ": 3}`.
        sampled: whether there may be more values, since not every shard was looked at.
        labelling: the notes and tags of its points.
        problem: why it cannot be read; empty if it can.
    """

    folder: Path
    total: int = 0
    done: int = 0
    failed: int = 0
    here: int = 0
    sent: int = 0
    skipped: int = 0
    size: int = 0
    changed: float = 0.0
    about: str = ""
    varied: Mapping[str, int] | None = None
    sampled: bool = False
    labelling: Labelling = Labelling()
    problem: str = ""

    @property
    def to_do(self) -> int:
        """Points that are in nobody's hands."""
        return max(0, self.total - self.done - self.failed - self.here - self.sent)


def is_study(folder: Path) -> bool:
    """Whether a folder has what every study has."""
    return any((folder / name).is_dir() for name in (SHARDS, PLANNED))


def overview(folder: Path) -> Overview:
    """Of the study in `folder`; one that cannot be read says why."""
    size, changed = _extent(folder)
    try:
        points = plans.planned(folder / PLANNED)
        return _counted(folder, points, size, changed)
    except OSError as error:
        return Overview(folder, size=size, changed=changed, problem=f"{error.strerror}: {error.filename}")


def _counted(folder: Path, points: Sequence[PlannedPoint], size: int, changed: float) -> Overview:
    there = _stems(folder / SHARDS, ".parquet")
    asked = {point.identity for point in points if point.identity}
    raised = _stems(folder / "failures", ".json") & asked - there
    left = asked - there - raised
    here = left & {name for each in claims.computing(folder) for name in each}
    tasks = (array for each in submissions.read_all(folder) for array in each.arrays if not array.cancelled)
    sent = (left - here) & {name for array in tasks for task in array.tasks for name in task}
    unplanned = [] if points else sorted(there)
    settings = [point.settings for point in points] or _of_shards(folder / SHARDS, unplanned)
    values = values_of(settings)
    return Overview(
        folder=folder,
        total=len(asked | there),
        done=len(there),
        failed=len(raised),
        here=len(here),
        sent=len(sent),
        skipped=sum(point.identity is None for point in points),
        size=size,
        changed=changed,
        about=_about(values, settings),
        varied={axis_label(name): len(each) for name, each in values.items() if len(each) > 1 and not name.endswith(_FOLLOWS)},
        sampled=len(unplanned) > len(settings),
        labelling=together(list(dict.fromkeys(point.labelling for point in points))),
    )


def _stems(folder: Path, ending: str) -> set[str]:
    """The names of the files in a folder with this ending, without it."""
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        return {entry.name.removesuffix(ending) for entry in entries if entry.name.endswith(ending) and entry.name[0] != "."}
    return set()


def _of_shards(folder: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """The settings of some shards, evenly among them: all, if they are not many."""
    found = (shards.settings(shards.metadata(shards.place(folder, name))) for name in names[:: 1 + len(names) // _LOOKED_AT])
    return [each for each in found if each is not None]


def _extent(folder: Path) -> tuple[int, float]:
    """Bytes on the disk of all files below a folder, and when the newest was written; what cannot be seen is left out."""
    size, newest = 0, 0.0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    inner, when = _extent(Path(entry.path))
                    size, newest = size + inner, max(newest, when)
                else:
                    status = entry.stat(follow_symlinks=False)
                    size, newest = size + status.st_blocks * 512, max(newest, status.st_mtime)
    return size, newest


def values_of(settings: Iterable[Mapping[str, Any]]) -> dict[str, set[Any]]:
    """The different values of every setting: of axes under their names, of others under dotted ones, as JSON."""
    found: dict[str, set[Any]] = {}
    former: dict[str, Any] = {}
    for each in settings:
        with suppress(KeyError, TypeError, IndexError, ValueError):  # of a plan that says something else
            place = {name: value for name, value in axes.coordinates(each).items() if value is not None}
            for name, value in place.items():
                found.setdefault(name, set()).add(value)
            for group, own in each.items():
                if group != "pcoder" and (group not in former or former[group] != own):
                    former[group] = own
                    _enter(found, axes.leaves({group: own}))
            lists = {name: own for name, own in each["pcoder"].items() if name in axes.COEFFICIENTS and name not in place}
            _enter(found, {f"pcoder.{name}": own for name, own in lists.items()})
    return found


def _enter(found: dict[str, set[Any]], flat: Mapping[str, Any]) -> None:
    for name, value in flat.items():
        if name not in axes.ON_AN_AXIS - {f"pcoder.{key}" for key in axes.COEFFICIENTS} and name != "dataset.name":
            found.setdefault(name, set()).add(json.dumps(value))


def _about(values: Mapping[str, set[Any]], settings: Sequence[Mapping[str, Any]]) -> str:
    """Such as `pminivgg on shapes test`."""
    if not settings or "model" not in values:
        return ""
    models, datasets = (", ".join(in_order(values[name])) for name in ("model", "dataset"))
    splits = values.get("dataset.split", set())
    return on(models, datasets, str(json.loads(next(iter(splits)))) if len(splits) == 1 else "")
