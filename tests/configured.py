"""Grid points of composed configurations, as the command computes them."""

from pcsweep.compute import run
from pcsweep.grid.composed import point_from
from pcsweep.grid.identified import identified
from pcsweep.grid.loaded import Loaded

LOADED = Loaded()  # of all tests of a process: what is loaded does not depend on who asks


def planned(config):
    """What `python -m pcsweep` makes of a configuration."""
    return identified(point_from(config, LOADED), LOADED)


def compute(config):
    """What `python -m pcsweep` does with a configuration."""
    run.run(planned(config), LOADED)
