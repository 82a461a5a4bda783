"""Grid points of composed configurations, as the command computes them."""

from pcsweep.compute import run
from pcsweep.grid.composed import point_from
from pcsweep.grid.identified import identified


def compute(config):
    """What `python -m pcsweep` does with a configuration."""
    run.run(identified(point_from(config)))
