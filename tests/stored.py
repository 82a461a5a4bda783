"""What a study has on the disk."""

from collections.abc import Iterator
from pathlib import Path

from pcsweep.study import shards


def all_shards(folder: Path) -> Iterator[shards.Shard | shards.DamagedShard]:
    """Every shard in a folder, in the order of their names; in place of one that does not verify, what is wrong with it."""
    for path in sorted(folder.glob("*.parquet")):
        try:
            yield shards.read(path)
        except shards.DamagedShard as damaged:
            yield damaged
