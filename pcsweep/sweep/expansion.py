"""The grids of a sweep: each choice that brings a grid of its own, such as an experiment, has that, and may bring several.

A grid is `hydra.sweeper.params`. `hydra.sweeper.grids` is a list of further ones, such as one for each update rule, and each of
them is then combined with these parameters.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from pcsweep.config.errors import BadSetting

Params = Mapping[str, object]


@dataclass(frozen=True)
class _Brought:
    """What a configuration sweeps: the parameters that all its grids have, and the further ones of each, if there are several."""

    params: Params
    grids: Sequence[Params]


def grids(loader: ConfigLoader, config: DictConfig, given: Sequence[Override]) -> list[list[Override]] | None:
    """What is swept with what: one list for each grid of each combination of those choices that bring grids.

    Hydra expands a swept group after it has read these parameters, and so never sees those of the choices. Words of the command
    replace values of a grid. A word whose key some grids have is for these alone; one that chooses a group of which grids have
    different choices leaves out the grids with others.

    Args:
        loader: Hydra's.
        config: of the sweep itself.
        given: the words of the command.

    Returns:
        None where no swept choice has parameters of its own, and there is one grid.

    Raises:
        BadSetting: `hydra.sweeper.grids` is no list of grids, or the words of the command leave out all of them.
    """
    deciding = with_own_params(loader, config, given)
    parser = OverridesParser.create(config_loader=loader)
    others = [each for each in given if each not in deciding]
    fixed = [_word(each) for each in others if not each.is_sweep_override()]
    found = []
    for words in product(*(choices(each) for each in deciding)):
        brought = _brought(loader, config, [*words, *fixed])
        if not deciding and not brought.grids:
            return None
        for grid in _wanted(parser, brought.grids, others) if brought.grids else [list(map(_word, others))]:
            found.append(parser.parse_overrides([*_words(brought.params), *words, *grid]))
    return found


def _wanted(parser: OverridesParser, several: Sequence[Params], given: Sequence[Override]) -> Iterator[list[str]]:
    """The words of each grid, with those of the command that are for it; grids whose choices the command leaves out are not."""
    theirs = {key for grid in several for key in grid}
    empty = True
    for grid in several:
        own = {each.key_or_group: each for each in parser.parse_overrides(_words(grid))}
        chosen = [each for each in given if each.key_or_group in own and _is_group(each)]
        words = {each.key_or_group: _both(own[each.key_or_group], each) for each in chosen}
        if None in words.values():
            continue
        empty = False
        replacing = [
            each for each in given if each not in chosen and (each.key_or_group in own or each.key_or_group not in theirs)
        ]
        yield [*(words.get(key) or _word(each) for key, each in own.items()), *map(_word, replacing)]
    if empty:
        there = "; ".join(" ".join(_words(grid)) for grid in several)
        raise BadSetting(
            f"Expected choices that some grid of `hydra.sweeper.grids` has, but got {_said(given, theirs)}. Grids: {there}."
        )


def _both(own: Override, given: Override) -> str | None:
    """The choices of a group that a grid has and the command asks for, as a word; None where there are none."""
    asked = {_choice(word) for word in _each(given)}
    common = [_choice(word) for word in _each(own) if _choice(word) in asked]
    return f"{own.get_key_element()}={','.join(common)}" if common else None


def _each(override: Override) -> list[str]:
    return choices(override) if override.is_discrete_sweep() else [_word(override)]


def _choice(word: str) -> str:
    return word.partition("=")[2]


def _is_group(override: Override) -> bool:
    assert override.config_loader is not None  # overrides are parsed with one
    return bool(override.config_loader.get_group_options(override.key_or_group))


def _said(given: Sequence[Override], keys: Collection[str]) -> str:
    return " ".join(_word(each) for each in given if _is_group(each) and each.key_or_group in keys)


def _words(params: Params) -> list[str]:
    return [f"{key}={'null' if value is None else value}" for key, value in params.items()]


def with_own_params(loader: ConfigLoader, config: DictConfig, given: Sequence[Override]) -> list[Override]:
    """The swept groups in which some choice sets `hydra.sweeper.params` or `hydra.sweeper.grids`."""
    groups = [each for each in given if loader.get_group_options(each.key_or_group) and not each.is_delete()]
    swept = [each for each in groups if each.is_discrete_sweep()]
    if not swept:
        return []
    fixed = [_word(each) for each in groups if not each.is_sweep_override()]
    first = {each.key_or_group: choices(each)[0] for each in swept}
    without = _brought(loader, config, fixed)

    def decides(group: Override) -> bool:
        others = [word for key, word in first.items() if key != group.key_or_group]
        return any(_brought(loader, config, [*fixed, *others, word]) != without for word in choices(group))

    return [each for each in swept if decides(each)]


def choices(swept: Override) -> list[str]:
    """The words that a sweep over a group stands for.

    Raises:
        BadSetting: there are none.
    """
    words = [f"{swept.get_key_element()}={value}" for value in swept.sweep_string_iterator()]
    if not words:
        assert swept.config_loader is not None  # overrides are parsed with one
        there = ", ".join(swept.config_loader.get_group_options(swept.key_or_group))
        raise BadSetting(f"Expected `{swept.key_or_group}` to be some of {there}, but got {_word(swept)}, which none matches.")
    return words


def _brought(loader: ConfigLoader, config: DictConfig, words: Sequence[str]) -> _Brought:
    made = loader.load_sweep_config(config, list(words))
    params, several = (_plain(OmegaConf.select(made, f"hydra.sweeper.{name}")) for name in ("params", "grids"))
    return _Brought(_grid(params) if isinstance(params, dict) else {}, _several(several))


def _several(value: object) -> list[Params]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) and each for each in value):
        raise BadSetting(
            "Expected `hydra.sweeper.grids` to be a list of grids, each of settings with their values, such as "
            f"[{{pcoder: scaled, pcoder.beta: '0.4,0.8'}}], but got {value!r}."
        )
    return [_grid(each) for each in value]


def _grid(plain: Mapping[object, object]) -> Params:
    return {str(key): value for key, value in plain.items()}


def _plain(value: object) -> object:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def _word(override: Override) -> str:
    assert override.input_line is not None  # it was parsed from a word
    return override.input_line
