"""A folder of CSV files: `rows.csv` and every table. No text in them is a formula, and every number reads back as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from pcsweep.export.study import ExportStudy
from pcsweep.export.words import ExportWords
from pcsweep.machine.files import clear, replacing
from pcsweep.study.spreadsheet import exact, guarded


def place(words: ExportWords, study: Path) -> Path:
    """The folder."""
    return words.folder(study / "export" / "csv")


def write(study: ExportStudy, folder: Path, words: ExportWords) -> str:
    """Writes the files, each whole or not at all, with the rows last; says where."""
    clear(folder)
    ending = ".csv.gz" if words.gzip else ".csv"
    for name, table in study.tables().items():
        with _file(folder / f"{name}{ending}", words.gzip) as file:
            pyarrow.csv.write_csv(_written(table), file)
    count = 0
    with _file(folder / f"rows{ending}", words.gzip) as file:
        writer = None
        for table in study.rows():
            text = _written(table)
            writer = writer or pyarrow.csv.CSVWriter(file, text.schema)
            writer.write_table(text)
            count += table.num_rows
        if writer:
            writer.close()
    return f"{count:,} rows of {len(study.points):,} shards: {folder}"


def _written(table: pa.Table) -> pa.Table:
    """As CSV can hold it: without pictures and maps, lists as JSON, numbers in double precision."""
    kept = [field.name for field in table.schema if not pa.types.is_binary(field.type) and field.name != "map"]
    return guarded(exact(table.select(kept)))


@contextmanager
def _file(path: Path, gzip: bool) -> Iterator[Any]:
    with replacing(path) as temporary, pa.OSFile(str(temporary), "wb") as file:
        if not gzip:
            yield file
            return
        with pa.CompressedOutputStream(file, "gzip") as compressed:
            yield compressed
