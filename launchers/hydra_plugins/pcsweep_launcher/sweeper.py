"""The sweeper `grid`: Hydra's basic one, which leaves composing the points to the launcher `grid`, so that it is done once."""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra_plugins.pcsweep_launcher.grid import GridLauncher


class GridSweeper(BasicSweeper):
    """Every combination of the given values."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Composes every point, unless the launcher checks them all before its first job."""
        if not isinstance(self.launcher, GridLauncher):
            super().validate_batch_is_legal(batch)
