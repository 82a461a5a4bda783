"""The grids of a sweep: where a swept choice, such as an experiment, brings a grid of its own, each choice has its own grid."""

from collections.abc import Mapping, Sequence
from itertools import product

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from pcsweep.config.errors import BadSetting

Params = Mapping[str, object]


def grids(loader: ConfigLoader, config: DictConfig, given: Sequence[Override]) -> list[list[Override]] | None:
    """What is swept with what: one list for each combination of those choices that set `hydra.sweeper.params`.

    Hydra expands a swept group after it has read these parameters, and so never sees those of the choices.

    Args:
        loader: Hydra's.
        config: of the sweep itself.
        given: the words of the command.

    Returns:
        None where no swept choice has parameters of its own.
    """
    deciding = with_own_params(loader, config, given)
    if not deciding:
        return None
    parser = OverridesParser.create(config_loader=loader)
    others = [each for each in given if each not in deciding]
    fixed = [_word(each) for each in others if not each.is_sweep_override()]
    found = []
    for words in product(*(choices(each) for each in deciding)):
        params = _params(loader, config, [*words, *fixed])
        own = [f"{key}={value}" for key, value in params.items()]
        found.append(parser.parse_overrides([*own, *words, *map(_word, others)]))
    return found


def with_own_params(loader: ConfigLoader, config: DictConfig, given: Sequence[Override]) -> list[Override]:
    """The swept groups in which some choice sets `hydra.sweeper.params`."""
    groups = [each for each in given if loader.get_group_options(each.key_or_group) and not each.is_delete()]
    swept = [each for each in groups if each.is_discrete_sweep()]
    if not swept:
        return []
    fixed = [_word(each) for each in groups if not each.is_sweep_override()]
    first = {each.key_or_group: choices(each)[0] for each in swept}
    without = _params(loader, config, fixed)

    def decides(group: Override) -> bool:
        others = [word for key, word in first.items() if key != group.key_or_group]
        return any(_params(loader, config, [*fixed, *others, word]) != without for word in choices(group))

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


def _params(loader: ConfigLoader, config: DictConfig, words: Sequence[str]) -> Params:
    params = OmegaConf.select(loader.load_sweep_config(config, list(words)), "hydra.sweeper.params")
    plain = OmegaConf.to_container(params, resolve=True) if OmegaConf.is_config(params) else None
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def _word(override: Override) -> str:
    assert override.input_line is not None  # it was parsed from a word
    return override.input_line
