"""The words of a search: which settings are searched, and under which conditions every trial is measured."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.types import IntervalSweep, Override
from omegaconf import DictConfig, OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.search.settings import GROUP
from pcsweep.search.space import Asked
from pcsweep.study.axes import COEFFICIENTS
from pcsweep.sweep.expansion import with_own_params

_LEVEL = re.compile(r"pcoder\.(?P<key>[a-z_]+)\.\d+")


@dataclass(frozen=True)
class SearchWords:
    """What a command asks to search.

    Args:
        searched: by dotted setting; of one pcoder with its place, such as `pcoder.beta.0`.
        conditions: the words of each, without what is searched.
    """

    searched: dict[str, Asked]
    conditions: tuple[tuple[str, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The words in which conditions differ."""
        common = set(self.conditions[0]).intersection(*self.conditions)
        return tuple(" ".join(word for word in words if word not in common) for words in self.conditions)


def search_words(
    loader: ConfigLoader, config: DictConfig, overrides: Sequence[Override], given: Sequence[Override]
) -> SearchWords:
    """What overrides ask to search: intervals, and coefficients with several values; other settings with several are conditions.

    Args:
        loader: Hydra's.
        config: of the sweep itself.
        overrides: the parameters of an experiment and then the words of the command, of which the last of a key counts.
        given: the words of the command alone.

    Raises:
        BadSetting: an interval of what is no number, several settings of the search, or choices with grids of their own.
    """
    if with_own_params(loader, config, given) or OmegaConf.select(config, "hydra.sweeper.grids"):
        raise BadSetting("Expected one grid to search, but the choices bring several; search one at a time: pcoder=scaled, say.")
    last = {each.get_key_element(): each for each in overrides}
    searched: dict[str, Asked] = {}
    others = []
    for key, override in last.items():
        if key.split(".")[0] == GROUP and override.is_sweep_override():
            raise BadSetting(f"Expected one value of `{key}`, in brackets if it is a list, but got {override.input_line}.")
        if (asked := _asked(key, override)) is not None:
            searched[key] = asked
        else:
            others.append(override)
    for key in [key for key in searched if (matched := _LEVEL.fullmatch(key)) and f"pcoder.{matched['key']}" in searched]:
        raise BadSetting(f"Expected `{key}` or that of all pcoders to be searched, but got both.")
    (conditions,) = BasicSweeper.split_arguments(others, None)
    return SearchWords(searched, tuple(tuple(words) for words in conditions))


def _asked(key: str, override: Override) -> Asked | None:
    """What is to be searched of a setting; None where nothing is."""
    if override.is_interval_sweep():
        found = override.value()
        assert isinstance(found, IntervalSweep)
        assert found.start is not None
        assert found.end is not None
        return Asked(float(found.start), float(found.end))
    level = _LEVEL.fullmatch(key)
    name = level["key"] if level else key.removeprefix("pcoder.")
    if not key.startswith("pcoder.") or name not in COEFFICIENTS or not (override.is_sweep_override() or level):
        return None
    values = tuple(sorted(dict.fromkeys(_numbers(key, override))))
    return Asked(values[0], values[-1], values)


def _numbers(key: str, override: Override) -> Iterator[float]:
    words = override.sweep_string_iterator() if override.is_sweep_override() else [override.get_value_element_as_str()]
    for word in words:
        try:
            yield round(float(word), 10) + 0.0
        except ValueError:
            raise BadSetting(f"Expected numbers for `{key}`, which is searched, but got {word}.") from None
