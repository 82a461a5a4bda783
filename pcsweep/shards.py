"""Shards: one Parquet file per grid point, complete or absent.

A shard's name is the identity of what it holds: a hash of every setting that decides a number. It is written to a temporary file
beside its place, verified, then moved there in one step, so that a killed writer, a full disk or a second writer of the same
point leaves either one good shard or none. A shard is read back with its page checksums.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pcsweep.atomic import replacing

SCHEMA_VERSION = 3

SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("dataset", pa.string()),
        ("noise", pa.string()),
        ("sigma", pa.float64()),  # null for a noise without sigma
        ("pcoder", pa.string()),  # label of the active set: "all" or "1+3"
        ("beta", pa.float64()),  # of the active pcoders; null where they differ
        ("lambda", pa.float64()),
        ("alpha", pa.float64()),
        ("beta_n", pa.list_(pa.float64())),  # as computed, one per pcoder
        ("lambda_n", pa.list_(pa.float64())),
        ("alpha_n", pa.list_(pa.float64())),
        ("image_id", pa.string()),
        ("class_index", pa.int32()),
        ("category", pa.string()),  # the dataset's own word for the class
        ("target", pa.int32()),  # the class whose Grad-CAM this is
        ("timestep", pa.int32()),
        ("area", pa.float32()),  # share of the mask: the chance level of mass
        ("pixels", pa.int32()),  # of the image, without those that are ignored
        ("iou", pa.float32()),
        ("iou_at", pa.list_(pa.float32())),  # at each of the metadata's thresholds
        ("found_at", pa.list_(pa.float32())),  # share of the pixels above each of them
        ("pointing", pa.float32()),
        ("mass", pa.float32()),
        ("rank", pa.float32()),
        ("target_logit", pa.float32()),
        ("target_probability", pa.float32()),
        ("correct", pa.bool_()),
        # Of the first images of the selection, as many as the setting `pictures` says; null for the others.
        ("map", pa.list_(pa.list_(pa.float32()))),  # the attribution as computed, before upsampling: rows of a map
        ("image", pa.binary()),  # PNGs, at t = 0 only: what the dataset shows, what the network saw, the object, what is ignored
        ("noisy", pa.binary()),
        ("mask", pa.binary()),
        ("ignore", pa.binary()),
    ]
)


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


def canonical(settings: Any) -> Any:
    """The settings with every float rounded to ten digits, -0 as 0, and tuples as lists."""
    if isinstance(settings, Mapping):
        return {str(key): canonical(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [canonical(value) for value in settings]
    if isinstance(settings, float):
        return round(settings, 10) + 0.0
    return settings


def identity(settings: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form of the settings and the version of the schema."""
    text = json.dumps([SCHEMA_VERSION, canonical(settings)], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def place(folder: Path, identity: str) -> Path:
    """Where the shard of that identity is, or will be."""
    return folder / f"{identity}.parquet"


def write(folder: Path, settings: Mapping[str, Any], columns: Mapping[str, Any], metadata: Mapping[str, str]) -> Path:
    """Writes one shard into `folder` and returns its path.

    Args:
        folder: the study's shard folder; made if missing.
        settings: everything that decides a number; names the shard.
        columns: sequences of one length, by the names of `SCHEMA`; a column left out is null throughout.
        metadata: further texts to store (configuration, code version, host, …).

    Raises:
        OSError: the file cannot be written whole; nothing is left of it.
    """
    name = identity(settings)
    nothing = [None] * len(columns["timestep"])
    table = pa.table({column: columns.get(column, nothing) for column in SCHEMA.names}, schema=SCHEMA)
    texts = {
        **metadata,
        "settings": json.dumps(canonical(settings), sort_keys=True),
        "identity": name,
        "schema_version": str(SCHEMA_VERSION),
        "rows": str(table.num_rows),
    }
    texts["digest"] = _digest(texts)
    path = place(folder, name)
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({f"pcsweep.{key}": value for key, value in texts.items()}),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )
        _verified(temporary, name)
    return path


def read(path: Path) -> Shard:
    """The shard at `path`, verified: every page's checksum, the row count, the schema, and the identity against the name.

    Raises:
        DamagedShard: anything of that is wrong; the message says what.
    """
    return _verified(path, path.stem)


def verified_metadata(path: Path) -> dict[str, str]:
    """The texts stored with the shard at `path`: all that `read` verifies is, but the pages, which are not read.

    Raises:
        DamagedShard: anything of that is wrong; the message says what.
    """
    with _whole(path):
        footer = pq.read_metadata(path)
        schema = footer.schema.to_arrow_schema()
    return _checked(path, path.stem, schema, footer.num_rows)


def is_done(folder: Path, identity: str) -> bool:
    """Whether the shard of that identity is there and verifies.

    Raises:
        DamagedShard: it is there and does not verify; it has been moved to `damaged/`.
    """
    path = place(folder, identity)
    if not path.exists():
        return False
    try:
        read(path)
    except DamagedShard:
        set_aside(path)
        raise
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
    except (KeyError, ValueError):
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


def set_aside(path: Path) -> Path:
    """Moves a damaged shard to `damaged/` beside it, where it is kept and never read."""
    folder = path.parent / "damaged"
    folder.mkdir(exist_ok=True)
    kept = folder / f"{path.name}.{secrets.token_hex(4)}"
    os.replace(path, kept)
    return kept


def _verified(path: Path, name: str) -> Shard:
    with _whole(path):
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None, memory_map=False)
    return Shard(path, table, _checked(path, name, table.schema, table.num_rows))


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Around reading: what Parquet cannot make sense of is a damaged shard."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the file system, and says nothing of what the file holds
        raise DamagedShard(f"{path}: not a whole Parquet file ({str(error).splitlines()[0]})") from error


def _checked(path: Path, name: str, schema: pa.Schema, rows: int) -> dict[str, str]:
    """The texts stored with the schema, held against the shard's name, columns and number of rows."""
    texts = _texts(schema.metadata)
    if not schema.equals(SCHEMA):
        raise DamagedShard(
            f"{path}: columns of schema version {texts.get('schema_version', 'unknown')}, but {SCHEMA_VERSION} is this version's"
        )
    try:
        recomputed = identity(json.loads(texts["settings"]))
    except (KeyError, ValueError) as error:
        raise DamagedShard(f"{path}: no readable settings in its metadata") from error
    if not name == texts.get("identity") == recomputed:
        raise DamagedShard(f"{path}: holds the settings of identity {recomputed}")
    if texts.pop("digest", None) != _digest(texts):
        raise DamagedShard(f"{path}: its metadata has changed since it was written")
    if texts.get("rows") != str(rows):
        raise DamagedShard(f"{path}: {rows} rows, but {texts.get('rows')} were written")
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
