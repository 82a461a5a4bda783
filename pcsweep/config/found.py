"""What a folder of the package offers: a file for each thing, found by listing it."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pcsweep.config.errors import BadSetting

# Columns of a shard that neither a metric nor a coefficient may be called.
SHARD_COLUMNS = (
    *("model", "dataset", "noise", "sigma", "pcoder", "image_id", "class_index", "category", "target", "timestep", "pixels"),
    *("map", "image", "noisy", "mask", "ignore", "identity"),
)


def offered(package: str, paths: Iterable[str], attribute: str) -> Iterator[tuple[Path, Any]]:
    """The files of a folder that define `attribute`, in order of their names, and what each defines.

    Args:
        package: the folder's name as a module.
        paths: where its files lie (`__path__`).
        attribute: such as `METRIC`.
    """
    for name in sorted(found.name for found in pkgutil.iter_modules(paths)):
        module = importlib.import_module(f"{package}.{name}")
        if hasattr(module, attribute):
            yield Path(str(module.__file__)), getattr(module, attribute)


def check_once(what: str, name: str, path: Path, others: dict[str, Path]) -> None:
    """Refuses a name that another file has already, and notes whose it is.

    Args:
        what: the name is of, such as "metric".
        name: of the thing in this file.
        path: of the file.
        others: files by the names that they have.

    Raises:
        BadSetting: names both files.
    """
    if name in others:
        raise BadSetting(
            f"Expected every {what} to have a name of its own, but {others[name]} and {path} both have {name!r}: "
            "rename one of them, or take it away."
        )
    others[name] = path
