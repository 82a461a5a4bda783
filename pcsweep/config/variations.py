"""Configurations that differ in a few plain values: each as plain dictionaries and as YAML, without resolving all of it anew.

The result equals that of OmegaConf, which copies, resolves and writes a hundred values where one has changed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

_KEY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_UNCLEAR = re.compile(r"\$\{\s*(\.|\$)|[:,]\s*\.|\[")
_LONGEST = 40  # characters of a text that YAML surely leaves on its line


@dataclass(frozen=True)
class Resolved:
    """A configuration, resolved: as plain dictionaries and lists, and as YAML."""

    plain: Mapping[str, Any]
    text: str


Configuration = DictConfig | Resolved


class Variations:
    """What becomes of a configuration when some of its values are set to others.

    Args:
        config: composed, without Hydra's own node; never changed.
    """

    def __init__(self, config: DictConfig) -> None:
        self._config = config

    def of(self, values: Mapping[str, Any]) -> Resolved | None:
        """With these values by dotted key; None where more than they may change, or where YAML may write them otherwise."""
        if self._plain is None or not all(self._is_alone(key) and _is_simple(value) for key, value in values.items()):
            return None
        plain: dict[str, Any] = dict(self._plain)
        copied: set[str] = set()
        for key, value in values.items():
            *path, last = key.split(".")
            node = plain
            for depth, name in enumerate(path):
                prefix = ".".join(path[: depth + 1])
                if not isinstance(node.get(name), dict):
                    return None
                if prefix not in copied:
                    node[name] = dict(node[name])
                    copied.add(prefix)
                node = node[name]
            if last not in node or isinstance(node[last], dict):
                return None
            node[last] = list(value) if isinstance(value, list) else value
        return Resolved(plain, _yaml(plain))

    @cached_property
    def _plain(self) -> dict[str, Any] | None:
        """The configuration itself, resolved; None where it cannot be, or is written otherwise than `_yaml` does."""
        try:
            plain: Any = OmegaConf.to_container(self._config, resolve=True)
            written = OmegaConf.to_yaml(self._config, resolve=True)
        except OmegaConfBaseException:  # of which whoever resolves it says more
            return None
        return plain if isinstance(plain, dict) and _yaml(plain) == written else None

    def _is_alone(self, key: str) -> bool:
        """Whether no other value follows from the one of that key."""
        if self._is_unclear or not _KEY.fullmatch(key):
            return False
        return not any(f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.") for other in self._referred)

    @cached_property
    def _interpolations(self) -> list[str]:
        """Every text that refers to other values."""
        found: list[str] = []
        left: list[Any] = [OmegaConf.to_container(self._config, resolve=False)]
        while left:
            node = left.pop()
            if isinstance(node, dict):
                left += node.values()
            elif isinstance(node, list):
                left += node
            elif isinstance(node, str) and "${" in node:
                found.append(node)
        return found

    @cached_property
    def _referred(self) -> frozenset[str]:
        """Dotted words in these texts, among them every key that they may refer to, or one above it."""
        return frozenset(word.strip(".") for text in self._interpolations for word in re.findall(r"[\w.]+", text))

    @cached_property
    def _is_unclear(self) -> bool:
        """Whether one refers to its own neighbours, or to a key that follows from another value."""
        return any(_UNCLEAR.search(text) for text in self._interpolations)


def _is_simple(value: Any) -> bool:
    """Whether a value is what it is, and YAML writes it on a line of its own."""
    if isinstance(value, list):
        return bool(value) and all(not isinstance(each, list) and _is_simple(each) for each in value)
    if isinstance(value, str):
        return len(value) <= _LONGEST and "${" not in value and value != "???"
    return value is None or isinstance(value, bool | int | float)


def _yaml(plain: Mapping[str, Any], indent: str = "") -> str:
    """As `OmegaConf.to_yaml` writes it, unless long texts are broken."""
    return "".join(
        f"{indent}{_named(key)}:\n{_yaml(value, f'{indent}  ')}"
        if isinstance(value, dict) and value
        else _indented(_written(key, value), indent)
        for key, value in plain.items()
    )


def _indented(text: str, indent: str) -> str:
    return "".join(f"{indent}{line}" for line in text.splitlines(keepends=True)) if indent else text


def _written(key: str, value: Any) -> str:
    """A key with a value that holds no further keys, on the left margin."""
    if value == {}:
        return f"{_named(key)}: {{}}\n"
    try:
        return _entry(key, repr(value), tuple(value) if isinstance(value, list) else value)
    except TypeError:  # a list of lists, say, which no cache can have
        return _by_omegaconf(key, value)


@lru_cache(maxsize=4096)
def _named(key: str) -> str:
    """A key as YAML writes it."""
    return _by_omegaconf(key, 0).removesuffix(": 0\n")


@lru_cache(maxsize=1 << 15)
def _entry(key: str, text: str, value: Any) -> str:  # noqa: ARG001  (the text tells 1 from 1.0 and from true)
    return _by_omegaconf(key, list(value) if isinstance(value, tuple) else value)


def _by_omegaconf(key: str, value: Any) -> str:
    written: str = OmegaConf.to_yaml({key: value})
    return written
