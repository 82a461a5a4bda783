"""Shards: one Parquet file per grid point, complete or absent.

A shard's name is the identity of what it holds: a hash of every setting that decides a number. It is written to a temporary file
beside the folder, verified, then moved to its place in one step, so that a killed writer, a full disk or a second writer of the
same point leaves either one good shard or none, and whoever reads the folder finds nothing else in it. A shard is read back with
its page checksums, and its rows are held against its settings.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pcsweep.machine.files import moved_if, replacing
from pcsweep.machine.folders import make_folder
from pcsweep.study.evidence import problem_of_footer, problem_of_rows, problem_of_settings, problem_of_texts
from pcsweep.study.identity import canonical as canonical
from pcsweep.study.identity import identity as identity
from pcsweep.study.schema import SCHEMA as SCHEMA
from pcsweep.study.schema import SCHEMA_VERSION as SCHEMA_VERSION
from pcsweep.study.schema import further_column, is_known


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
    nothing = [None] * len(columns["timestep"])
    table = pa.table({column: columns.get(column, nothing) for column in SCHEMA.names}, schema=SCHEMA)
    further = {column: further_column(column, values) for column, values in sorted(columns.items()) if column not in SCHEMA.names}
    for column, values in further.items():
        table = table.append_column(column, values)
    texts = {
        **metadata,
        "settings": json.dumps(canonical(settings), sort_keys=True),
        "identity": name,
        "schema_version": str(SCHEMA_VERSION),
        "rows": str(table.num_rows),
        **({"further": json.dumps(list(further))} if further else {}),
    }
    texts["digest"] = _digest(texts)
    path = place(folder, name)
    make_folder(folder)
    with replacing(path, _beside(folder)) as temporary:
        pq.write_table(
            table.replace_schema_metadata({f"pcsweep.{key}": value for key, value in texts.items()}),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )
        _verified(temporary, name)
    return path


def _beside(folder: Path) -> Path:
    """Where a shard is written before it is moved to the folder: outside, for many programs read every file in a folder."""
    outside = folder.absolute().parent
    return outside if os.access(outside, os.W_OK) and outside.stat().st_dev == folder.stat().st_dev else folder


def read(path: Path) -> Shard:
    """The shard at `path`, verified: every page's checksum, the schema, the identity, and the rows against the settings.

    Raises:
        DamagedShard: anything of that is wrong; the message says what.
    """
    return _proven(path, path.stem)


def verified_metadata(path: Path) -> dict[str, str]:
    """The texts stored with the shard at `path`: all that `read` verifies is, but the pages, which are not read.

    Raises:
        DamagedShard: anything of that is wrong; the message says what.
    """
    return _proven_metadata(path, path.stem)


def read_or_set_aside(path: Path) -> Shard:
    """Like `read`, and moves what is damaged to `damaged/` (see `set_aside`).

    Raises:
        DamagedShard: the file is damaged; it has been moved, or cannot be.
        FileNotFoundError: there is no file, perhaps since another command has just moved it.
    """
    while True:
        try:
            return read(path)
        except DamagedShard:
            if set_aside(path):
                raise


def is_done(folder: Path, identity: str) -> bool:
    """Whether the shard of that identity is there and verifies.

    Raises:
        DamagedShard: it is there and does not verify; it has been moved to `damaged/`.
    """
    try:
        read_or_set_aside(place(folder, identity))
    except FileNotFoundError:
        return False
    return True


def seconds(path: Path) -> float | None:
    """How long the shard's point took to compute, from its metadata alone; None where that cannot be read."""
    try:
        return float(metadata(path)["seconds"])
    except (KeyError, ValueError):
        return None


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
        return _texts(pq.read_metadata(path).metadata)
    except (OSError, pa.ArrowException, ValueError):
        return {}


def outdated(texts: Mapping[str, str]) -> bool:
    """Whether a shard's metadata is of another schema version, whose points are computed anew under other names."""
    version = texts.get("schema_version")
    return version is not None and version != str(SCHEMA_VERSION)


def read_all(folder: Path) -> Iterator[Shard | DamagedShard]:
    """Every shard of a study, in the order of their names; in place of one that does not verify, what is wrong with it."""
    for path in sorted(folder.glob("*.parquet")):
        try:
            yield read(path)
        except DamagedShard as damaged:
            yield damaged


def damaged_folder(folder: Path) -> Path:
    """Where damaged shards of a folder are kept, which nobody reads: beside it."""
    return folder.absolute().parent / "damaged"


def set_aside(path: Path) -> Path | None:
    """Moves a damaged shard to `damaged/` beside its folder, where it is kept and never read.

    Where another command has just written a good shard in its place, that one stays. A shard in a folder that cannot be written
    stays as well.

    Returns:
        Where it is now; None where there is no damaged shard any more.
    """
    folder = damaged_folder(path.parent)
    kept = folder / f"{path.name}.{secrets.token_hex(4)}"
    try:
        make_folder(folder)
        moved = moved_if(path, kept, lambda moved: not _is_good(moved, path.stem))
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return path
        raise
    return kept if moved else None


def gather_damaged(folder: Path) -> None:
    """Moves what an earlier version has set aside in `damaged/` inside the folder of shards, where other programs read it."""
    earlier = folder / "damaged"
    with suppress(OSError):  # there is none, or it is not ours
        for path in list(earlier.iterdir()):
            make_folder(damaged_folder(folder))
            path.rename(damaged_folder(folder) / path.name)
        earlier.rmdir()


def _is_good(path: Path, name: str) -> bool:
    """Whether a file is the shard of that name, wherever it lies."""
    try:
        _proven(path, name)
    except DamagedShard:
        return False
    return True


def _proven(path: Path, name: str) -> Shard:
    _proven_metadata(path, name)  # what is too large is never read
    shard = _verified(path, name)
    with _whole(path):
        problem = problem_of_rows(shard.table, shard.settings)
    if problem:
        raise DamagedShard(f"{path}: {problem}")
    return shard


def _proven_metadata(path: Path, name: str) -> dict[str, str]:
    with _whole(path):
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    texts = _checked(path, name, schema, footer.num_rows)
    settings = json.loads(texts["settings"])
    with _whole(path):
        problem = problem_of_settings(settings) or problem_of_footer(footer, settings)
    if problem:
        raise DamagedShard(f"{path}: {problem}")
    return texts


def _verified(path: Path, name: str) -> Shard:
    with _whole(path):
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None, memory_map=False)
    return Shard(path, table, _checked(path, name, table.schema, table.num_rows))


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Around reading: what Parquet cannot make sense of is a damaged shard."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the file system, and says nothing of what the file holds
        raise DamagedShard(f"{path}: not a whole Parquet file ({str(error).splitlines()[0]})") from error


def _checked(path: Path, name: str, schema: pa.Schema, rows: int) -> dict[str, str]:
    """The texts stored with the schema, held against the shard's name, columns and number of rows."""
    texts = _texts(schema.metadata)
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
    if texts.pop("digest", None) != _digest(texts):
        raise DamagedShard(f"{path}: its metadata has changed since it was written")
    if texts.get("rows") != str(rows):
        raise DamagedShard(f"{path}: {rows} rows, but {texts.get('rows')!r:.40} were written")
    return texts


def _texts(stored: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Ours among what Parquet stores."""
    return {
        key.decode(errors="replace").removeprefix("pcsweep."): value.decode(errors="replace")
        for key, value in (stored or {}).items()
        if key.startswith(b"pcsweep.")
    }


def _digest(texts: Mapping[str, str]) -> str:
    """Of the metadata, which Parquet's page checksums do not cover."""
    return hashlib.sha256(json.dumps(dict(texts), sort_keys=True).encode()).hexdigest()
