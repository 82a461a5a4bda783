"""Tables as Parquet, and as CSV that a spreadsheet shows as they are: no text in them is taken for a formula."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from pcsweep.machine.files import replacing

_FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # what spreadsheets begin a formula with, in full width too
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def plain(text: str) -> str:
    """The text behind an apostrophe if a spreadsheet would compute it; a number such as -0.1 stays one."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def write_both(table: pa.Table, stem: Path) -> None:
    """Writes a table as Parquet and as CSV, each whole or not at all; `stem` is their path without an ending."""
    with replacing(stem.with_suffix(".parquet")) as path:
        pq.write_table(table, path, compression="zstd")
    with replacing(stem.with_suffix(".csv")) as path:
        write_csv(table, path)


def write_csv(table: pa.Table, path: Path) -> None:
    """Writes a table whose texts, names of columns among them, are `plain`."""
    pyarrow.csv.write_csv(guarded(table), path)


def guarded(table: pa.Table) -> pa.Table:
    """The table with `plain` texts and names of columns."""
    columns = [_plain(column) if pa.types.is_string(column.type) else column for column in table.columns]
    return pa.table(columns, names=[plain(name) for name in table.column_names])


def exact(table: pa.Table) -> pa.Table:
    """The table as CSV can hold it: lists as JSON, and single precision as double, whose digits are exact."""
    return pa.table({name: _exact(table[name]) for name in table.column_names})


def _exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_float32(column.type):
        return column.cast(pa.float64())
    if not pa.types.is_list(column.type):
        return column
    texts = [None if value is None else json.dumps(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    encoded = column.combine_chunks().dictionary_encode()
    words = [None if word is None else plain(word) for word in encoded.dictionary.to_pylist()]
    return pa.chunked_array([pa.array(words, pa.string()).take(encoded.indices)])
