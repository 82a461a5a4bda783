"""Grid points of composed configurations, as the command computes them."""

from pcsweep import running
from pcsweep.grid.composed import point_from
from pcsweep.grid.identified import identified


def run(config):
    """What `python -m pcsweep` does with a configuration."""
    running.run(identified(point_from(config)))
