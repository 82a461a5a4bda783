"""A study as one table: the rows of all its shards, read when they are asked for."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pyarrow.fs import LocalFileSystem

from pcsweep.metric import TABLE
from pcsweep.study import axes, shards
from pcsweep.study.folder import existing_study
from pcsweep.study.mixing import Where, check_where, matches
from pcsweep.study.schema import further_type

READERS = 8  # footers read at a time, which on a network's file system is mostly waiting

# Columns of metrics beside the schema's: null in the shards that do not have them.
ADDED = [
    pa.field(column, further_type(column, column in row.lists))
    for row in TABLE.values()
    for column in row.columns
    if column not in shards.SCHEMA.names
]

log = logging.getLogger(__name__)


def load(study: str, output_root: str | Path = "outputs", where: Where | None = None) -> pads.Dataset:
    """The rows of every shard of a study, one per image and timestep; docs/analysis.md says what each column is.

    Columns are those of `shards.SCHEMA`, those of further metrics, the coefficients of other update rules than predictive coding
    where shards have them (`KEY` and per pcoder `KEY_n`), `identity` (the shard's name), `noise.seed`, and every other
    setting that tells shards apart and is no column yet, under its dotted name: those of the model, noise, pcoder and attribution
    that vary, and those that aggregation refuses to mix, such as `threshold`, which are left to the reader here. A setting that
    is a list is JSON, and one that is a number in some shards and text in others is text. What all shards share is
    `schema.metadata[b"pcsweep.settings"]`, as JSON with dotted names.

    Only the metadata of every shard is read and verified here. Rows are read by the dataset's `to_table`, `to_batches` and
    `count_rows`, from those shards alone that a filter may find something in, and with page checksums: a page that has changed
    since it was written is an OSError. A shard whose metadata does not verify (not a whole Parquet file, another version's
    columns, another point's settings) is left out, with a warning that names it, and stays where it is. So is a file that went
    away meanwhile. What is computed later is not seen: load again.

    Args:
        study: the folder's name.
        output_root: where the studies are.
        where: settings of the shards that are wanted, by dotted name, such as `{"timesteps": 10}`; otherwise all.

    Raises:
        ValueError: there is no such study (the message names those that are there), or it has no shard that can be read, or that
            is wanted.
    """
    folder = existing_study(str(output_root), study).absolute() / "shards"
    paths = sorted(folder.glob("*.parquet"))
    with ThreadPoolExecutor(READERS) as pool:
        found = {path: settings for path, settings in zip(paths, pool.map(_settings, paths), strict=True) if settings is not None}
    if not found:
        damaged = f" but {len(paths)} that cannot be read" if paths else ""
        raise ValueError(f"Expected shards in {folder}, but there are none{damaged}.")
    check_where(list(found.values()), where or {})
    found = {path: own for path, own in found.items() if matches(own, where or {})}
    settings = list(found.values())
    told = pa.table({"identity": pa.array([path.stem for path in found]), **_further(settings)})
    shared = json.dumps(_shared(settings), sort_keys=True)
    return pads.FileSystemDataset.from_paths(
        [str(path) for path in found],
        schema=pa.schema([*shards.SCHEMA, *ADDED, *_coefficients(settings), *told.schema], {"pcsweep.settings": shared}),
        format=pads.ParquetFileFormat(
            default_fragment_scan_options=pads.ParquetFragmentScanOptions(page_checksum_verification=True)
        ),
        filesystem=LocalFileSystem(),
        # Its place on the axes, which a shard's rows repeat, said beside the file: so a filter opens only files that it needs,
        # and Arrow need not follow the statistics of the pages, by which `isin([0.0])` finds no zero, since they say -0.0.
        partitions=[_equal({**axes.coordinates(own), **row}) for own, row in zip(settings, told.to_pylist(), strict=True)],
    )


def _settings(path: Path) -> dict[str, Any] | None:
    """Of the shard, from its verified metadata; None, and a warning, where that cannot be had."""
    try:
        settings: dict[str, Any] = json.loads(shards.verified_metadata(path)["settings"])
    except (shards.DamagedShard, FileNotFoundError) as error:
        log.warning("Shard left out: %s", error)
        return None
    return settings


def _coefficients(settings: Sequence[Mapping[str, Any]]) -> list[pa.Field]:
    """The columns of other rules' coefficients, of all active pcoders and one per pcoder."""
    keys = [key for key in axes.axes_of(settings) if key not in axes.AXES]
    return [pa.field(name, further_type(name, listed)) for key in keys for name, listed in ((key, False), (f"{key}_n", True))]


def _further(settings: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    """The columns beside the shards' own, one value per shard."""
    flats = [axes.leaves(each) for each in settings]
    seeded = ["noise.seed"] if any("noise.seed" in flat for flat in flats) else []
    keys = dict.fromkeys([*seeded, *axes.further_columns(settings), *_unlike(flats)])
    places = [axes.further_coordinates(each, keys) for each in settings]
    return {key: _column(place[key] for place in places) for key in keys}


def _unlike(flats: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings, apart from those in which cells may differ, that are not the same in all shards."""
    return [
        key
        for key in sorted({key for flat in flats for key in flat} - {"dataset.name"})  # that is the column `dataset`
        if key.split(".")[0] not in axes.MAY_DIFFER and len({json.dumps(flat.get(key)) for flat in flats}) > 1
    ]


def _shared(settings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The settings that are the same in all shards."""
    first, *others = [axes.leaves(each) for each in settings]
    return {key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)}


def _column(values: Iterable[Any]) -> pa.Array:
    """As their own type, or as text where they have none in common."""
    listed = list(values)
    try:
        return pa.array(listed)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in listed])


def _equal(place: Mapping[str, Any]) -> pc.Expression:
    """That every column has its value."""
    return reduce(and_, (pc.field(name).is_null() if value is None else pc.field(name) == value for name, value in place.items()))
