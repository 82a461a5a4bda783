"""One DuckDB file with a table `rows` and every other table; nothing in it points outside, so it may be moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from pcsweep.export.study import ExportStudy
from pcsweep.export.words import ExportWords
from pcsweep.machine.files import clear, replacing

_MEMORY = "256MB"  # beyond which DuckDB writes to disk


def place(words: ExportWords, study: Path) -> Path:
    """The file."""
    return words.file(study / "export" / f"{study.name}.duckdb", (8, b"DUCK"))


def write(study: ExportStudy, path: Path, words: ExportWords) -> str:
    """Writes the file whole, or leaves what was there; says where."""
    clear(path.parent)
    count = 0
    with replacing(path) as temporary, _database(temporary) as database:
        for name, table in study.tables().items():
            _fill(database, name, table)
        _fill(database, "rows", study.row_schema.empty_table())
        for table in study.rows():
            database.register("shard", table)
            database.execute('INSERT INTO "rows" SELECT * FROM shard')
            database.unregister("shard")
            count += table.num_rows
    return f"{count:,} rows of {len(study.points):,} shards: {path}"


def _fill(database: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    database.register("given", table)
    database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')  # noqa: S608  (a word of ours)
    database.unregister("given")


@contextmanager
def _database(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A new file at `path`, whole at the end; what DuckDB writes beside it is gone then, come what may."""
    beside = path.with_name(f"{path.name}.wal")
    try:
        with duckdb.connect(str(path), config={"memory_limit": _MEMORY, "temp_directory": "", "threads": 2}) as database:
            yield database
            database.execute("CHECKPOINT")
    finally:
        beside.unlink(missing_ok=True)
