"""The benchmarks' modules, which import each other by bare names and are not in source distributions."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
_NAMES = ("bench", "layers", "reference", "roofline", "speed", "workloads")


@contextmanager
def importable() -> Iterator[Callable[[str], ModuleType]]:
    """Hands out what imports one of them by its name; meanwhile none is the tests' own of that name, as `reference` is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        for name in _NAMES:
            patch.delitem(sys.modules, name, raising=False)
        yield importlib.import_module
        for name in _NAMES:
            sys.modules.pop(name, None)
