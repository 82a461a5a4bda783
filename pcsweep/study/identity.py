"""The identity of a grid point: a hash of every setting that decides a number."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pcsweep.study.schema import SCHEMA_VERSION


def canonical(settings: Any) -> Any:
    """The settings with every float rounded to ten digits, -0 as 0, and tuples as lists."""
    if isinstance(settings, Mapping):
        return {str(key): canonical(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [canonical(value) for value in settings]
    if isinstance(settings, float):
        return round(settings, 10) + 0.0
    return settings


def identity(settings: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical form of the settings and the version of the schema."""
    text = json.dumps([SCHEMA_VERSION, canonical(settings)], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def identity_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """The text of each setting, of which identities are hashes; the settings are in canonical form."""
    return {name: json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False) for name, value in settings.items()}


def identity_of(texts: Mapping[str, str]) -> str:
    """The identity of the settings with these texts, as `identity` would give it."""
    named = ",".join(f"{json.dumps(name)}:{texts[name]}" for name in sorted(texts))
    return hashlib.sha256(f"[{SCHEMA_VERSION},{{{named}}}]".encode()).hexdigest()
