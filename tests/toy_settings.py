"""Settings of hand-made grid points."""

from collections.abc import Mapping
from typing import Any


def replaced(point: dict[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The point with other leaves, in place: `noise__seed` is the seed in the group noise."""
    for name, value in changed.items():
        *groups, leaf = name.split("__")
        place = point
        for group in groups:
            place = place[group]
        place[leaf] = value
    return point
