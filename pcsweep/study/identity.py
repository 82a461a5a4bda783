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
