"""Composing the points of a sweep: once each, and what differs in plain values alone shares one composition of all files.

The result equals that of Hydra's `load_sweep_config`, which reads and merges every file anew for each point.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, open_dict

from pcsweep.config.variations import Configuration, Variations


@dataclass(frozen=True)
class Template:
    """A composed configuration, and how to make that of another point of it; `values` are the keys in which they differ."""

    config: DictConfig
    values: frozenset[str]

    @cached_property
    def _task(self) -> DictConfig:
        """Without Hydra's own node, which is the larger half."""
        stripped = copy.copy(self.config)
        with open_dict(stripped):
            del stripped["hydra"]
        return stripped

    def with_values(self, overrides: Sequence[str], number: int) -> DictConfig:
        """The whole configuration of the point with these overrides, Hydra's node included."""
        made = self._changed(self.config, overrides)
        hydra = made.hydra
        with open_dict(hydra):
            hydra.overrides.task = list(overrides)
            names = hydra.job.config.override_dirname
            hydra.job.override_dirname = get_overrides_dirname(
                overrides=[_parsed(word) for word in overrides],
                kv_sep=names.kv_sep,
                item_sep=names.item_sep,
                exclude_keys=names.exclude_keys,
            )
            hydra.job.id = hydra.job.num = number
        return made

    def task_config(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration that the task of that point will see."""
        return self._changed(self._task, overrides)

    def resolved(self, overrides: Sequence[str]) -> Configuration:
        """The same, resolved already where that takes less time."""
        chosen = {parsed.key_or_group: parsed.value() for parsed in map(_parsed, overrides) if parsed.key_or_group in self.values}
        return self._variations.of(chosen) or self.task_config(overrides)

    @cached_property
    def _variations(self) -> Variations:
        return Variations(self._task)

    def _changed(self, config: DictConfig, overrides: Sequence[str]) -> DictConfig:
        made = copy.deepcopy(config)
        chosen = [parsed for parsed in map(_parsed, overrides) if parsed.key_or_group in self.values]
        ConfigLoaderImpl._apply_overrides_to_config(chosen, made)
        return made


@dataclass
class Composition:
    """Makes the templates of a sweep.

    Args:
        loader: Hydra's.
        config: of the sweep itself.
    """

    loader: ConfigLoader
    config: DictConfig
    _templates: dict[str, Template] = field(default_factory=dict)

    def template(self, overrides: Sequence[str]) -> Template:
        """The template of the point with these overrides."""
        parsed = [_parsed(word) for word in overrides]
        changed = [word.key_or_group for word in parsed if not self._is_value(word) and not self._is_choice(word)]
        values = frozenset(
            word.key_or_group for word in parsed if self._is_value(word) and not _within(word.key_or_group, changed)
        )
        key = "\n".join(word.key_or_group if word.key_or_group in values else str(word.input_line) for word in parsed)
        if key not in self._templates:
            self._templates[key] = Template(self.loader.load_sweep_config(self.config, list(overrides)), values)
        return self._templates[key]

    def _is_value(self, override: Override) -> bool:
        """Whether it sets one plain value that exists, and so may be set once more afterwards."""
        changes = override.is_add() or override.is_force_add() or override.is_delete() or override.package
        return not changes and not isinstance(override.value(), dict) and not _is_group(self.loader, override.key_or_group)

    def _is_choice(self, override: Override) -> bool:
        """Whether it chooses files, which Hydra does before it sets any value."""
        return not isinstance(override.value(), dict) and _is_group(self.loader, override.key_or_group)


def _within(key: str, others: Sequence[str]) -> bool:
    """Whether it is one of the others, or a part of one, or one is a part of it: then the order in which they are set counts."""
    return any(f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.") for other in others)


@cache
def _is_group(loader: ConfigLoader, key: str) -> bool:
    return bool(loader.get_group_options(key))


@lru_cache(maxsize=4096)
def _parsed(word: str) -> Override:
    return OverridesParser.create().parse_override(word)
