"""Whether what a shard holds is what its settings say: one row for each image and timestep of the grid point that they name.

What the footer tells is looked at before any row is read, so that a file that claims to be much larger than its settings allow
costs no memory.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pcsweep.study.axes import axes_of, coordinates, key

_GROUPS = ("model", "dataset", "noise", "pcoder")
_NEVER_NULL = ("image_id", "timestep", "class_index")
_PICTURES = ("image", "noisy", "mask", "ignore")
# Bytes, at most, before compression.
_OF_FILE, _OF_ROW, _OF_THRESHOLD, _OF_PICTURES, _OF_MAP = 2**22, 2**14, 2**4, 2**28, 2**24
_LARGEST = 2**26  # pixels of a picture
_TEXTS = 2**24  # bytes of metadata
_PNG, _SIZE = b"\x89PNG\r\n\x1a\n", slice(16, 24)  # of a PNG: how it begins, and where width and height are


def problem_of_texts(texts: Mapping[str, str]) -> str:
    """What is wrong with the size of a shard's metadata; empty if nothing is."""
    size = sum(len(text) for text in texts.values())
    return f"{size:,} characters of metadata" if size > _TEXTS else ""


def problem_of_settings(settings: Any) -> str:
    """Why settings are not those of a grid point; empty if they are."""
    try:
        named = all(isinstance(settings[group], dict) for group in _GROUPS) and coordinates(settings)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        named = False
    return "" if named else "its settings are not those of a grid point"


def problem_of_footer(footer: pq.FileMetaData, settings: Mapping[str, Any]) -> str:
    """What contradicts the settings in what the footer says of rows and bytes; empty if nothing does.

    Columns are not asked: pyarrow ends the process where a footer that is damaged has none.
    """
    rows = footer.num_rows
    expected = _rows(settings)
    if not rows or (expected is not None and rows != expected):
        return f"{rows:,} rows, but its settings say {'at least one' if expected is None else f'{expected:,}'}"
    size = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
    numbers = ((settings.get("pictures", 0), _OF_PICTURES), (settings.get("maps", 0), _OF_MAP))
    kept = sum(count * each * (settings.get("timesteps", 0) + 1) for count, each in numbers if isinstance(count, int))
    if size > _OF_FILE + rows * (_OF_ROW + _OF_THRESHOLD * len(settings.get("thresholds", ()))) + kept:
        return f"{size:,} bytes in {rows:,} rows"
    return ""


def _rows(settings: Mapping[str, Any]) -> int | None:
    """How many there are, where the settings say it: of each image as many as there are timesteps, and t = 0."""
    selection, timesteps = settings.get("selection"), settings.get("timesteps")
    count = selection.get("count") if isinstance(selection, Mapping) else None
    return count * (timesteps + 1) if isinstance(count, int) and isinstance(timesteps, int) else None


def problem_of_rows(table: pa.Table, settings: Mapping[str, Any]) -> str:
    """What contradicts the settings in the rows; empty if nothing does."""
    for name in _NEVER_NULL:
        if table[name].null_count:
            return f"{table[name].null_count:,} rows without {name}"
    place = coordinates(settings)
    for axis in axes_of([settings]):
        if axis not in table.column_names:
            return f"no column {axis}"
        found = table[axis].unique().to_pylist()
        if len(found) > 1 or key({axis: found[0]}) != key({axis: place[axis]}):
            return f"{axis} is {', '.join(map(repr, found[:3]))}, but its settings say {place[axis]!r}"
    return _problem_of_keys(table, settings) or _problem_of_lists(table, settings) or _problem_of_pictures(table)


def _problem_of_keys(table: pa.Table, settings: Mapping[str, Any]) -> str:
    """That a row is missing or there twice."""
    ids = table["image_id"].combine_chunks().dictionary_encode()
    timesteps, step = np.unique(table["timestep"].to_numpy(), return_inverse=True)
    last = settings.get("timesteps")
    if isinstance(last, int) and timesteps.tolist() != list(range(last + 1)):
        return f"{len(timesteps)} timesteps from {timesteps[0]} to {timesteps[-1]}, but its settings say 0 to {last}"
    places = step * len(ids.dictionary) + ids.indices.to_numpy()
    if table.num_rows != len(ids.dictionary) * len(timesteps) or np.bincount(places).max() > 1:
        return f"expected one row per image and timestep, but got {table.num_rows:,} rows, some twice"
    return ""


@cache
def _at_thresholds() -> tuple[str, ...]:
    """The columns with a value for each threshold; metrics are imported for those who read rows alone."""
    from pcsweep.metric import TABLE

    return tuple(column for row in TABLE.values() for column in row.lists)


def _problem_of_lists(table: pa.Table, settings: Mapping[str, Any]) -> str:
    """That a list does not have one value per threshold."""
    thresholds = settings.get("thresholds", [])
    import pyarrow.compute as pc

    for name in [each for each in _at_thresholds() if each in table.column_names]:
        column = table[name]
        if column.null_count < table.num_rows and set(pc.unique(pc.list_value_length(column)).to_pylist()) != {len(thresholds)}:
            return f"expected {name} to have one value per threshold {thresholds}"
    return ""


def _problem_of_pictures(table: pa.Table) -> str:
    """That a picture is none, or one that would take much memory."""
    for name in _PICTURES:
        for picture in table[name].drop_null().unique():
            data = picture.as_buffer()
            start = bytes(data[: _SIZE.stop]) if data.size >= _SIZE.stop else b""
            if not start.startswith(_PNG):
                return f"a picture in {name} that is no PNG"
            width, height = (int.from_bytes(start[place : place + 4], "big") for place in (_SIZE.start, _SIZE.start + 4))
            if width * height > _LARGEST:
                return f"a picture in {name} of {width:,} × {height:,} pixels"
    return ""
