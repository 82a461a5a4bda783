"""What may stand in a text that a queue is handed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_text(name: str, value: Any) -> None:
    """Refuses control characters, which would end a line of what a queue runs and begin another.

    Raises:
        ValueError: names where it is.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            check_text(name, key)
            check_text(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            check_text(f"{name}.{number}", inner)
    elif isinstance(value, str | Path) and _CONTROL.search(str(value)):
        raise ValueError(f"Expected `{name}` to have no control characters, but got {str(value)!r}.")
