"""What pickles of tasks that were queued by version 0.1 call by other names; to go with version 0.3.

A pickle names modules and classes. While a task waits, the package that it will run may be another version, in which these lie
elsewhere.
"""

import importlib
import sys
from types import ModuleType
from typing import Any, ClassVar

from pcsweep.grid.identified import IdentifiedPoint, identified
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint

_MODULES = {
    "pcsweep.settings": "pcsweep.config.schema",
    "pcsweep.sweep.composition": "pcsweep.sweep.compose",
    "pcsweep.sweep.worker": "pcsweep.sweep.job",
    "pcsweep.terminal": "pcsweep.console.terminal",
}
_NAMES = {
    ("pcsweep.__main__", "each_pcoder"): ("pcsweep.grid.entry", "each_pcoder"),
    ("pcsweep.grid", "GridPoint"): ("pcsweep.grid.point", "GridPoint"),
    ("pcsweep.grid", "Settings"): ("pcsweep.grid.point", "StudySettings"),
    ("pcsweep.grid", "_NoiseSettings"): ("pcsweep.grid.noise", "NoiseSettings"),
    ("pcsweep.grid.point", "_NoiseSettings"): ("pcsweep.grid.noise", "NoiseSettings"),
    ("pcsweep.settings", "study_folder"): ("pcsweep.study.folder", "study_folder"),
    ("pcsweep.study", "Planned"): ("pcsweep.sweep.former", "Planned"),
    ("pcsweep.sweep.worker", "Point"): ("pcsweep.sweep.job", "SweepPoint"),
    ("pcsweep.sweep.worker", "Task"): ("pcsweep.sweep.job", "SweepTask"),
}


class Planned(IdentifiedPoint):
    """A planned point that was pickled without its settings, which follow from it."""

    loaded: ClassVar[Loaded] = Loaded()  # of all points of a task

    def __setstate__(self, state: dict[str, Any]) -> None:
        point: GridPoint = state["point"]
        for name, value in {**state, "settings": identified(point, self.loaded).settings}.items():
            object.__setattr__(self, name, value)


def install() -> None:
    """From now on this process finds what pickles call by their former names."""
    for name, now in _MODULES.items():
        module = ModuleType(name)
        module.__dict__.update(vars(importlib.import_module(now)), __name__=name)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        setattr(importlib.import_module(parent), last, module)
    for (name, former), (home, now) in _NAMES.items():
        setattr(importlib.import_module(name), former, getattr(importlib.import_module(home), now))
