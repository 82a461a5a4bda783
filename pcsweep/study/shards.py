"""Shards: one Parquet file per grid point, complete or absent.

A shard's name is the identity of what it holds: a hash of every setting that decides a number. It is written to a temporary file
beside the folder, verified, then moved to its place in one step, so that a killed writer, a full disk or a second writer of the
same point leaves either one good shard or none, and whoever reads the folder finds nothing else in it. A shard is read back with
its page checksums, and its rows are held against its settings.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pcsweep.machine.files import replacing
from pcsweep.machine.folders import make_folder
from pcsweep.study import verification
from pcsweep.study.identity import canonical as canonical
from pcsweep.study.identity import identity as identity
from pcsweep.study.identity import identity_of as identity_of
from pcsweep.study.identity import identity_texts as identity_texts
from pcsweep.study.schema import SCHEMA as SCHEMA
from pcsweep.study.schema import SCHEMA_VERSION as SCHEMA_VERSION
from pcsweep.study.schema import further_column
from pcsweep.study.verification import DamagedShard as DamagedShard
from pcsweep.study.verification import Shard as Shard
from pcsweep.study.verification import digest_of, texts_in, with_whole_pages


def place(folder: Path, identity: str) -> Path:
    """Where the shard of that identity is, or will be."""
    return folder / f"{identity}.parquet"


def write(folder: Path, settings: Mapping[str, Any], columns: Mapping[str, Any], metadata: Mapping[str, str]) -> Path:
    """Writes one shard into `folder` and returns its path.

    Args:
        folder: the study's shard folder; made if missing.
        settings: everything that decides a number; names the shard.
        columns: sequences of one length, by the names of `SCHEMA`; a column left out is null throughout. Further ones are stored
            after these, as numbers or lists of numbers.
        metadata: further texts to store (configuration, code version, host, …).

    Raises:
        OSError: the file cannot be written whole; nothing is left of it.
    """
    name = identity(settings)
    table, further = _table(columns)
    texts = {
        **metadata,
        "settings": json.dumps(canonical(settings), sort_keys=True),
        "identity": name,
        "schema_version": str(SCHEMA_VERSION),
        "rows": str(table.num_rows),
        **({"further": json.dumps(further)} if further else {}),
    }
    texts["digest"] = digest_of(texts)
    path = place(folder, name)
    make_folder(folder)
    with replacing(path, _beside(folder)) as temporary:
        pq.write_table(
            table.replace_schema_metadata({f"pcsweep.{key}": value for key, value in texts.items()}),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )
        with_whole_pages(temporary, name)
    return path


def _table(columns: Mapping[str, Any]) -> tuple[pa.Table, list[str]]:
    """The columns of `SCHEMA`, then further ones by name; and the names of these."""
    nothing = [None] * len(columns["timestep"])
    table = pa.table({column: columns.get(column, nothing) for column in SCHEMA.names}, schema=SCHEMA)
    further = sorted(set(columns) - set(SCHEMA.names))
    for column in further:
        table = table.append_column(column, further_column(column, columns[column]))
    return table, further


def _beside(folder: Path) -> Path:
    """Where a shard is written before it is moved to the folder: outside, for many programs read every file in a folder."""
    outside = folder.absolute().parent
    return outside if os.access(outside, os.W_OK) and outside.stat().st_dev == folder.stat().st_dev else folder


def read(path: Path) -> Shard:
    """The shard at `path`, verified: every page's checksum, the schema, the identity, and the rows against the settings.

    Raises:
        DamagedShard: anything of that is wrong; the message says what.
    """
    return verification.verified(path, path.stem)


def verified_metadata(path: Path) -> dict[str, str]:
    """The texts stored with the shard at `path`: all that `read` verifies is, but the pages, which are not read.

    Raises:
        DamagedShard: anything of that is wrong; the message says what.
    """
    return verification.verified_metadata(path, path.stem)


def seconds(texts: Mapping[str, str]) -> float | None:
    """How long a shard's point took to compute, from its metadata; None where that cannot be read."""
    try:
        return float(texts["seconds"])
    except (KeyError, ValueError):
        return None


def taken_images(texts: Mapping[str, str]) -> int:
    """Of how many images a shard's rows were taken from another shard, from its metadata; 0 where that cannot be read."""
    try:
        return int(json.loads(texts["taken"])["images"])
    except (KeyError, ValueError, TypeError, RecursionError):
        return 0


def settings(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The canonical settings in a shard's metadata; None where they cannot be read."""
    try:
        found = json.loads(texts["settings"])
    except (KeyError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def metadata(path: Path) -> dict[str, str]:
    """The texts stored with a shard, without reading or verifying its rows; empty where they cannot be read."""
    try:
        return texts_in(pq.read_metadata(path).metadata)
    except (OSError, pa.ArrowException, ValueError):
        return {}


def outdated(texts: Mapping[str, str]) -> bool:
    """Whether a shard's metadata is of another schema version, whose points are computed anew under other names."""
    version = texts.get("schema_version")
    return version is not None and version != str(SCHEMA_VERSION)
