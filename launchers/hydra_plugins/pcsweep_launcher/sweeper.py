"""The sweeper `grid`: Hydra's basic one, which leaves composing the points to the launcher `grid`, so that it is done once."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import Override
from hydra_plugins.pcsweep_launcher.grid import GridLauncher

if TYPE_CHECKING:
    from pcsweep.sweep.cells import ListedPoints

_log = logging.getLogger(__name__)


class GridSweeper(BasicSweeper):
    """Every combination of the given values, in each of several grids where there are some.

    A swept choice that brings a grid of its own is combined with that grid alone. A list of cells, `cells=FILE`, takes the place
    of all grids.

    Args:
        max_batch_size, params: as Hydra's.
        grids: further parameters, of each grid; read from the configuration, as those of swept choices are.
    """

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None = None,
        grids: Any = None,  # noqa: ARG002
    ) -> None:
        super().__init__(max_batch_size, params)

    def split_arguments(self, overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:
        """The points, in batches; `overrides` are the sweeper's parameters and then the words of the command."""
        from pcsweep.config.errors import BadSetting
        from pcsweep.sweep.cells import listed_points
        from pcsweep.sweep.expansion import grids

        assert self.hydra_context is not None
        if max_batch_size is not None and max_batch_size < 1:
            raise BadSetting(f"Expected `hydra.sweeper.max_batch_size` to be null or at least 1, but got {max_batch_size}.")
        if found := listed_points(self.hydra_context.config_loader, self.config, overrides[len(self.params) :]):
            self._take(found)
            return list(self.split_overrides_to_chunks(found.points, max_batch_size))
        for each in overrides:
            if each.is_interval_sweep():
                raise BadSetting(
                    f"Expected values that can be listed, such as {each.get_key_element()}=range(0,1.1,0.1), but got "
                    f"{each.input_line}; what is good in an interval is found by hydra/sweeper=search."
                )
        own = grids(self.hydra_context.config_loader, self.config, overrides[len(self.params) :])
        points = [point for grid in own or [overrides] for point in BasicSweeper.split_arguments(grid, None)[0]]
        if not points:
            raise BadSetting(
                f"Expected at least one point, but got none from {' '.join(str(each.input_line) for each in overrides)}."
            )
        return list(self.split_overrides_to_chunks(points, max_batch_size))

    def _take(self, found: "ListedPoints") -> None:
        """Lets the launcher say of a list of cells which line asks for a point; says of others how the list was read."""
        if isinstance(self.launcher, GridLauncher):
            self.launcher.listed = found
        else:
            for line in found.said():
                _log.info("%s", line)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Composes every point, unless the launcher checks them all before its first job."""
        if not isinstance(self.launcher, GridLauncher):
            super().validate_batch_is_legal(batch)
