"""Lists of cells: a row for each grid point and a column for each setting, as people and spreadsheets write them.

A study keeps a copy of each list that it was asked for, in its folder `cells/`, under the hash of what is in it.
"""

import csv
import difflib
import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place
from pcsweep.console.text import printable
from pcsweep.machine.files import replacing
from pcsweep.machine.threads import listed

FOLDER = "cells"
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_HASH = 16  # of its digits name a copy
_COPY = re.compile(rf"[0-9a-f]{{{_HASH}}}\.csv")
_SEPARATORS = "\t;,"
_MOST = 1 << 26  # bytes


@dataclass(frozen=True)
class CellRow:
    """One row: the settings that it gives, as text, by name, and where in the file it is."""

    line: int
    values: Mapping[str, str]


@dataclass(frozen=True)
class CellList:
    """What a file asks for.

    Args:
        path: as it was given.
        content: of the file.
        header: the line with the names of the settings.
        columns: these names.
        rows: those that differ.
        repeated: the lines of rows that are the same as one before.
        commas: how many values had a decimal comma.
    """

    path: Path
    content: bytes = field(repr=False)
    header: int
    columns: tuple[str, ...]
    rows: tuple[CellRow, ...]
    repeated: tuple[int, ...]
    commas: int

    def at(self, line: int, column: str = "") -> str:
        """Where something stands in the file, for messages."""
        return f"{self.path}, line {line}{f', column `{column}`' if column else ''}"

    def said(self) -> list[str]:
        """What a person should know of how the file was read."""
        lines = []
        if self.repeated:
            many = len(self.repeated) > 1
            rows = f"{len(self.repeated)} rows are" if many else "1 row is"
            where = f"line{'s' if many else ''} {listed([str(line) for line in self.repeated])}"
            lines.append(f"{self.path}: {rows} the same as another ({where}), and computed once.")
        if self.commas:
            lines.append(f"{self.path}: decimal commas were read as points, in {self.commas} values.")
        return lines


@cache
def read(path: Path) -> CellList:
    """The list in a file. It is read once in a process: what is run and what is kept are the same.

    Raises:
        BadSetting: there is no such file, or it is no list; says where in it.
    """
    content = _content(path)
    lines = list(_lines(path, _text(path, content)))
    if not lines:
        raise BadSetting(f"Expected {path} to have a line with names of settings and a row for each grid point, but it is empty.")
    separator = _separator(lines[0][1])
    header, names = lines[0][0], _names(path, lines[0], separator)
    rows, repeated, commas = [], [], 0
    seen: set[tuple[tuple[str, str], ...]] = set()
    for line, text in lines[1:]:
        values = _values(path, line, names, _split(path, line, text, separator))
        if separator != "," and values:
            pointed = {key: _with_point(value) for key, value in values.items()}
            commas += sum(pointed[key] != value for key, value in values.items())
            values = pointed
        key = tuple(sorted(values.items()))
        if key in seen:
            repeated.append(line)
        elif values:
            seen.add(key)
            rows.append(CellRow(line, values))
    if not rows:
        raise BadSetting(
            f"Expected {path} to have a row for each grid point, but it has only names of settings, in line {header}."
        )
    return CellList(path, content, header, tuple(filter(None, names)), tuple(rows), tuple(repeated), commas)


@dataclass(frozen=True)
class ListNote:
    """What a plan says of a list that its command has read: the file as it was given, and the name of the study's copy."""

    file: str
    copy: str


def keep(study: Path, path: Path) -> ListNote:
    """Keeps the list that was read from a file in the folder of a study, as it was.

    Raises:
        OSError: it cannot be written.
    """
    content = read(path).content
    copy = study / FOLDER / f"{hashlib.sha256(content).hexdigest()[:_HASH]}.csv"
    if not copy.exists():
        with replacing(copy) as temporary:
            temporary.write_bytes(content)
    return ListNote(str(path), copy.name)


def command_now(command: str, lists: Sequence[ListNote], study: Path) -> tuple[str, str]:
    """A command that asks for the same points now, and what is to be said where it is another than was given.

    Args:
        command: as it was given.
        lists: that it has read.
        study: its folder, which has the copies.
    """
    for note in lists:
        copy = study / FOLDER / note.copy
        if _COPY.fullmatch(note.copy) and copy.is_file() and not _is_still(Path(note.file), note.copy, copy.stat().st_size):
            now = f"cells={copy}"
            words = [now if word.startswith("cells=") else word for word in shlex.split(command)]
            why = f"{note.file} is not what it was; the command reads the study's copy of it."
            return shlex.join(words if now in words else [*words, now]), why
    return command, ""


def _is_still(path: Path, copy: str, size: int) -> bool:
    """Whether a file has the content of a copy, whose name is a hash of it."""
    try:
        if not path.is_file() or path.stat().st_size != size:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest()[:_HASH] == copy.partition(".")[0]
    except OSError:
        return False


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST + 1)
    except FileNotFoundError as error:
        raise BadSetting(f"Expected `cells` to be a file, but there is no {path}.{_near(path)}") from error
    except IsADirectoryError as error:
        raise BadSetting(f"Expected `cells` to be a file, but {path} is a folder.{_near(path / 'x')}") from error
    except OSError as error:
        raise BadSetting(f"Expected `cells` to be a file that can be read, but {path}: {error.strerror}.") from error
    if len(content) > _MOST:
        raise BadSetting(f"Expected `cells` to be a list of at most {_MOST >> 20} MiB, but {path} is larger.")
    return content


def _near(path: Path) -> str:
    """Lists that there are in the folder."""
    there = sorted(each.name for suffix in ("csv", "tsv") for each in path.parent.glob(f"*.{suffix}"))
    meant = difflib.get_close_matches(path.name, there, 3) or there
    return f" Lists there: {printable(listed(meant))}." if meant else ""


def _text(path: Path, content: bytes) -> str:
    """The file's text; with a mark of the order of bytes, as spreadsheets write it, or without."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadSetting(
            f"{path}, line {line}: Expected text in UTF-8, but it is none; spreadsheets save it as CSV UTF-8."
        ) from error


def _lines(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Those that are neither blank nor comments, with their numbers; without `sep=;`, which spreadsheets write."""
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        content = line.strip().strip('"').lstrip()
        if content.strip(f"{_SEPARATORS} ") and not content.startswith("#") and not re.fullmatch(r"sep=.", content):
            if (shown := printable(line)) != line:
                raise BadSetting(f"{path}, line {number}: Expected no control characters, but got {shown}.")
            yield number, line


def _separator(header: str) -> str:
    """Of the cells of a row, from the line of the names, in which nothing else separates; a tab where there is one name."""
    return next((each for each in _SEPARATORS if each in header), "\t")


def _split(path: Path, number: int, line: str, separator: str) -> list[str]:
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise BadSetting(
            f"{path}, line {number}: Expected cells with `{_shown(separator)}` between them, but {error}; a value in quotes ends "
            "with a quote, in the same line."
        ) from error
    return [cell.strip() for cell in cells]


def _names(path: Path, line: tuple[int, str], separator: str) -> list[str]:
    """The names of the columns; empty ones where there are cells without a name."""
    names = _split(path, *line, separator)
    for number, name in enumerate(names, start=1):
        where = f"{path}, line {line[0]}, column {number}"
        if name and not _KEY.fullmatch(name):
            raise BadSetting(f"{where}: Expected the name of a setting, such as pcoder.beta, but got {name!r}.")
        if name and name in names[: number - 1]:
            first = names.index(name) + 1
            raise BadSetting(f"{where}: Expected every setting once, but `{name}` is column {first} as well.")
    return names


def _values(path: Path, line: int, names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """What a row gives, by setting."""
    if len(cells) < len(names) or any(cells[len(names) :]):
        hint = " A value with the separator in it needs quotes." if len(cells) > len(names) else ""
        raise BadSetting(f"{path}, line {line}: Expected {len(names)} cells, as there are columns, but got {len(cells)}.{hint}")
    values = {}
    for number, (name, cell) in enumerate(zip(names, cells, strict=False), start=1):
        if cell and not name:
            raise BadSetting(
                f"{path}, line {line}, column {number}: Expected no value where no setting is named, but got {cell!r}."
            )
        if "${" in cell:
            raise BadSetting(
                f"{path}, line {line}, column `{name}`: Expected a value, but got {cell!r}, which refers to another; give it as "
                "a word of the command."
            )
        if "\t" in cell:
            raise BadSetting(f"{path}, line {line}, column `{name}`: Expected no tabs in a value, but got {cell!r}.")
        if cell:
            try:
                values[name] = place(cell, name)
            except BadSetting as error:
                raise BadSetting(f"{path}, line {line}: {error}") from error
    return values


def _with_point(value: str) -> str:
    return value.replace(",", ".") if _DECIMAL_COMMA.fullmatch(value) else value


def _shown(separator: str) -> str:
    return "tab" if separator == "\t" else separator
