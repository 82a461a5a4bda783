"""Whether a file is the shard that its name says: a whole Parquet file, with metadata and rows that agree with its settings.

The metadata is held against its digest and the name, the pages against their checksums, and the rows against the settings.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pcsweep.study.evidence import problem_of_footer, problem_of_rows, problem_of_settings, problem_of_texts
from pcsweep.study.identity import identity
from pcsweep.study.schema import SCHEMA_VERSION, is_known


class DamagedShard(Exception):
    """A file in the place of a shard that is none, or not the one its name says."""


@dataclass(frozen=True)
class Shard:
    """The rows of one grid point (one per image and timestep) and the metadata stored with them."""

    path: Path
    table: pa.Table
    metadata: dict[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        """The canonical settings that the identity is the hash of."""
        settings: dict[str, Any] = json.loads(self.metadata["settings"])
        return settings


def verified(path: Path, name: str) -> Shard:
    """The shard of that name at `path`, wherever the file lies.

    Raises:
        DamagedShard: it is not that shard, or not whole; the message says what is wrong.
    """
    verified_metadata(path, name)  # first, so that what is too large is never read
    shard = with_whole_pages(path, name)
    with _damage_where_unreadable(path):
        problem = problem_of_rows(shard.table, shard.settings)
    if problem:
        raise DamagedShard(f"{path}: {problem}")
    return shard


def verified_metadata(path: Path, name: str) -> dict[str, str]:
    """The texts stored with the shard of that name at `path`, from the footer alone.

    Raises:
        DamagedShard: it is not that shard, or the footer says that its rows cannot be right.
    """
    with _damage_where_unreadable(path):
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    texts = _texts_of_shard(path, name, schema, footer.num_rows)
    settings = json.loads(texts["settings"])
    with _damage_where_unreadable(path):
        problem = problem_of_settings(settings) or problem_of_footer(footer, settings)
    if problem:
        raise DamagedShard(f"{path}: {problem}")
    return texts


def with_whole_pages(path: Path, name: str) -> Shard:
    """The shard of that name at `path`, its pages and metadata verified; the rows are not held against the settings.

    Raises:
        DamagedShard: a page or the metadata is not what was written.
    """
    with _damage_where_unreadable(path):
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None, memory_map=False)
    return Shard(path, table, _texts_of_shard(path, name, table.schema, table.num_rows))


@contextmanager
def _damage_where_unreadable(path: Path) -> Iterator[None]:
    """Around reading: what Parquet cannot make sense of is a damaged shard."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the file system, and says nothing of what the file holds
        raise DamagedShard(f"{path}: not a whole Parquet file ({str(error).splitlines()[0]})") from error


def _texts_of_shard(path: Path, name: str, schema: pa.Schema, rows: int) -> dict[str, str]:
    """The texts stored with the schema, held against the shard's name, columns and number of rows."""
    texts = texts_in(schema.metadata)
    if problem := problem_of_texts(texts):
        raise DamagedShard(f"{path}: {problem}")
    if not is_known(schema, texts.get("further", "[]")):
        version = texts.get("schema_version", "unknown")[:40]
        raise DamagedShard(f"{path}: columns of schema version {version}, but {SCHEMA_VERSION} is this version's")
    try:
        recomputed = identity(json.loads(texts["settings"]))
    except (KeyError, ValueError, RecursionError) as error:
        raise DamagedShard(f"{path}: no readable settings in its metadata") from error
    if not name == texts.get("identity") == recomputed:
        raise DamagedShard(f"{path}: holds the settings of identity {recomputed}")
    if texts.pop("digest", None) != digest_of(texts):
        raise DamagedShard(f"{path}: its metadata has changed since it was written")
    if texts.get("rows") != str(rows):
        raise DamagedShard(f"{path}: {rows} rows, but {texts.get('rows')!r:.40} were written")
    return texts


def texts_in(stored: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """The texts of a shard among the metadata that Parquet stores."""
    return {
        key.decode(errors="replace").removeprefix("pcsweep."): value.decode(errors="replace")
        for key, value in (stored or {}).items()
        if key.startswith(b"pcsweep.")
    }


def digest_of(texts: Mapping[str, str]) -> str:
    """A hash of the metadata, which Parquet's page checksums do not cover."""
    return hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode()).hexdigest()
