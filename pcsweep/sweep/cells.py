"""The points of a list of cells (`cells=FILE`): each row as words for Hydra, combined with the words of the command.

The list takes the place of the grids that an experiment brings. Each row is checked against the configuration that it makes, so
that what is wrong is told with its line.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.config.refusals import message, paths, suggestions, unknown_key
from pcsweep.config.schema import place
from pcsweep.machine.threads import listed
from pcsweep.study import cells
from pcsweep.study.cells import CellList, CellRow

KEY = "cells"
_OURS = {"study", "output_root", "pcoder"}  # keys of a study's configuration
_KEY = re.compile(r"[\w.]+")  # of a word that sets what is there
_OTHERS = ("experiment", "hydra", KEY)  # for a sweep as a whole


@dataclass(frozen=True)
class ListedPoints:
    """The points of a list.

    Args:
        cells: the list.
        points: the words of each.
        lines: of the file, one for each point.
        replaced: the settings of a grid that the list takes the place of.
    """

    cells: CellList
    points: list[list[str]]
    lines: list[int]
    replaced: tuple[str, ...] = ()

    def called(self, numbers: Sequence[int]) -> str:
        """Points by the lines that ask for them, at the beginning of a message."""
        lines = [str(line) for line in dict.fromkeys(self.lines[number] for number in numbers)]
        return f"{self.cells.path}, line{'s' if len(lines) > 1 else ''} {listed(lines)}: "

    def said(self) -> list[str]:
        """What a person should know before the points are computed."""
        grid = f"{self.cells.path} takes the place of the grid ({', '.join(self.replaced)})."
        return [*self.cells.said(), *([grid] if self.replaced else [])]


def file_of(config: DictConfig) -> Path | None:
    """The list that the configuration of a study asks for; None of another application's.

    Raises:
        BadSetting: what it asks for is no path.
    """
    if not set(config) >= _OURS:
        return None
    given = OmegaConf.select(config, KEY)
    if given is not None and not str(given).strip():
        raise BadSetting(f"Expected `{KEY}` to be a file, or null, but got {given!r}.")
    return None if given is None else Path(place(str(given), KEY))


def listed_points(loader: ConfigLoader, config: DictConfig, given: Sequence[Override]) -> ListedPoints | None:
    """The points of the list that the configuration asks for; None where it asks for none.

    Args:
        loader: Hydra's.
        config: of the sweep itself.
        given: the words of the command.

    Raises:
        BadSetting: the list cannot be used; names file, line and column.
    """
    several = [each.input_line for each in given if each.key_or_group == KEY and each.is_sweep_override()]
    if several and set(config) >= _OURS:
        raise BadSetting(f"Expected one file as `{KEY}`, but got several: {several[0]}.")
    path = file_of(config)
    if path is None:
        return None
    found = cells.read(path)
    _check_given_once(found, given)
    _check_columns(loader, config, found)
    reading = _Reading(loader, config, found)
    points, lines = [], []
    for row in found.rows:
        own = reading.words(row)
        for point in BasicSweeper.split_arguments([*own, *given], None)[0]:
            points.append(list(point))
            lines.append(row.line)
            reading.check(row, point)
    return ListedPoints(found, points, lines, _grid(config))


def _grid(config: DictConfig) -> tuple[str, ...]:
    """The settings of the grids that the configuration brings."""
    params, grids = (OmegaConf.select(config, f"hydra.sweeper.{name}") or () for name in ("params", "grids"))
    return tuple(dict.fromkeys(str(key) for grid in (params, *grids) for key in grid))


def _check_given_once(found: CellList, given: Sequence[Override]) -> None:
    words = {each.key_or_group: each.input_line for each in given}
    for column in found.columns:
        if column in words:
            raise BadSetting(
                f"Expected `{column}` as a word or as a column, but got both: {words[column]} and a column of {found.path}."
            )


def _check_columns(loader: ConfigLoader, config: DictConfig, found: CellList) -> None:
    """Refuses columns that are no settings of a grid point, whatever a row chooses; all of them at once, for there may be many.

    Raises:
        BadSetting: names them, and what may be meant.
    """
    where = found.at(found.header)
    if others := [column for column in found.columns if column.partition(".")[0] in _OTHERS]:
        raise BadSetting(f"{where}: Expected settings of a grid point, but got `{others[0]}`; give it as a word of the command.")
    there = paths(config)
    top = {each.partition(".")[0] for each in there}
    unknown = [each for each in found.columns if each.partition(".")[0] not in top and not _options(loader, each)]
    if len(unknown) == 1:
        raise BadSetting(f"{found.at(found.header, unknown[0])}: {unknown_key(unknown[0], config)}")
    if unknown:
        meant = {key: suggestions(key, there) for key in unknown}
        hints = [f"`{key}` may be `{names[0]}`" for key, names in meant.items() if names and names[0].endswith(f".{key}")]
        raise BadSetting(
            f"{where}: Expected settings as columns, but {len(unknown)} are none: {', '.join(f'`{key}`' for key in unknown)}. "
            f"Take them away, or name them as they are typed{': ' if hints else ', such as `pcoder.beta`'}{'; '.join(hints)}."
        )


@dataclass
class _Reading:
    """Makes words of the rows of a list, and checks which settings there are in the configuration that they make."""

    loader: ConfigLoader
    config: DictConfig
    cells: CellList
    _there: dict[tuple[str, ...], tuple[DictConfig, frozenset[str]]] = field(default_factory=dict)

    def words(self, row: CellRow) -> list[Override]:
        """A row as the words of a command."""
        parser = OverridesParser.create(config_loader=self.loader)
        made = []
        for key, text in row.values.items():
            options = _options(self.loader, key)
            if options and text not in options and text.lower() != "null":
                meant = difflib.get_close_matches(text, options, 1)
                hint = f" Did you mean {meant[0]}?" if meant else ""
                raise BadSetting(f"{self.cells.at(row.line, key)}: Expected one of {', '.join(options)}, but got {text!r}.{hint}")
            try:
                made.append(parser.parse_override(word(key, text)))
            except BadSetting as error:
                raise BadSetting(f"{self.cells.at(row.line, key)}: {error}") from error
        return made

    def check(self, row: CellRow, point: Sequence[str]) -> None:
        """Refuses settings that the configuration of a row's point does not have.

        Raises:
            BadSetting: names the first, and those that there are.
        """
        words = [each.partition("=")[0] for each in point]
        choices = tuple(each for each, key in zip(point, words, strict=True) if _options(self.loader, key))
        if choices not in self._there:
            try:
                made = self.loader.load_sweep_config(self.config, list(choices))
            except Exception as error:
                if (why := message(error)) is None:
                    raise
                raise BadSetting(f"{self.cells.at(row.line)}: {' '.join(why.split())}") from error
            self._there[choices] = made, frozenset(paths(made))
        config, there = self._there[choices]
        for key in words:
            if _KEY.fullmatch(key) and key not in there and not _options(self.loader, key):
                where = self.cells.at(row.line, key if key in row.values else "")
                repository = self.loader.repository if isinstance(self.loader, ConfigLoaderImpl) else None
                raise BadSetting(f"{where}: {unknown_key(key, config, repository)}")


@cache
def _options(loader: ConfigLoader, key: str) -> tuple[str, ...]:
    """The choices of a group; none of any other setting."""
    return tuple(loader.get_group_options(key))


def word(key: str, text: str) -> str:
    """A setting with this text as its one value, as a word of a command; in quotes where Hydra would read something else.

    Raises:
        BadSetting: the text is a sweep.
    """
    plain = f"{key}={text}"
    try:
        parsed = OverridesParser.create().parse_override(plain)
    except HydraException:  # text with characters that mean something to Hydra
        return _quoted(key, text)
    value = parsed._value
    if isinstance(value, QuotedString):
        return plain
    if parsed.is_sweep_override():
        if isinstance(value, ChoiceSweep) and value.simple_form:  # text with commas
            return _quoted(key, text)
        raise BadSetting(
            f"Expected one value, but got several, {text!r}; give each a row, or the sweep as a word of the command."
        )
    is_text = isinstance(value, str) or (key == "study" and value is not None)
    return _quoted(key, text) if is_text and value != text else plain


def _quoted(key: str, text: str) -> str:
    return f"{key}={QuotedString(text, Quote.single).with_quotes()}"
