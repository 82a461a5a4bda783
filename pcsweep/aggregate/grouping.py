"""Which shards of a study are one cell: those whose settings differ in the noise seed alone."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsweep.study import axes, shards
from pcsweep.study.mixing import Where, check_where, matches
from pcsweep.study.sources import Sources, sources_of


@dataclass(frozen=True)
class Groups:
    """The shards of a study, before their rows are read.

    Args:
        paths: of each cell's shards; a shard whose metadata does not verify is a group of its own.
        settings: of every shard that is wanted and whose metadata verifies.
        damaged: what is wrong with those whose metadata does not.
        older: how many shards are of an earlier version, and in no group.
        sources: by which code each shard that is wanted was computed.
    """

    paths: list[list[Path]]
    settings: Mapping[Path, Mapping[str, Any]]
    damaged: Mapping[Path, str]
    older: int
    sources: tuple[Sources, ...] = ()


def grouped(folder: Path, where: Where | None = None) -> Groups:
    """Groups the shards in a folder into cells by their metadata.

    Args:
        folder: of the shards.
        where: settings of those that are wanted.

    Raises:
        BadSetting: no shard has them.
    """
    where = where or {}
    paths: dict[str, list[Path]] = {}
    found: dict[Path, Mapping[str, Any]] = {}
    damaged: dict[Path, str] = {}
    sources: dict[Path, Sources] = {}
    older = 0
    for path in sorted(folder.glob("*.parquet")):
        try:
            texts = shards.verified_metadata(path)
        except FileNotFoundError:
            continue
        except shards.DamagedShard as error:
            if shards.outdated(shards.metadata(path)):
                older += 1
            else:
                paths[str(path)] = [path]
                damaged[path] = str(error)
            continue
        settings = json.loads(texts["settings"])
        found[path], sources[path] = settings, sources_of(texts)
        if matches(settings, where):
            paths.setdefault(axes.key(without_seed(settings)), []).append(path)
    check_where(list(found.values()), where)
    wanted = {path: settings for path, settings in found.items() if matches(settings, where)}
    return Groups(list(paths.values()), wanted, damaged, older, tuple(sources[path] for path in wanted))


def without_seed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that all noise seeds of a cell share."""
    noise = {name: value for name, value in settings.get("noise", {}).items() if name != "seed"}
    return {**settings, "noise": noise}


def cell_identity(shard_identities: Sequence[str]) -> str:
    """The identity of a cell: that of its shard, or of several shards a hash of theirs, whatever their order."""
    if len(shard_identities) == 1:
        return shard_identities[0]
    return hashlib.sha256(" ".join(sorted(shard_identities)).encode()).hexdigest()
