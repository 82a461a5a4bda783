"""The sweeper `search`: asks Optuna for one trial after the other, in front of the launcher `grid`."""

from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.pcsweep_launcher.grid import GridLauncher
from hydra_plugins.pcsweep_launcher.sweeper import GridSweeper
from omegaconf import OmegaConf


class SearchSweeper(GridSweeper):
    """Good values of what is given as an interval, and of coefficients with several values, under all other combinations.

    Args:
        max_batch_size, params, grids: as those of the sweeper `grid`.
    """

    def sweep(self, arguments: list[str]) -> Any:
        """Searches; `arguments` are the words of the command."""
        from pcsweep.config.errors import BadSetting

        assert self.config is not None
        assert self.hydra_context is not None
        if not isinstance(self.launcher, GridLauncher):
            raise BadSetting(
                "Expected `hydra/launcher` to be grid, local, slurm or plan for hydra/sweeper=search, but got another."
            )
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        given = parser.parse_overrides(arguments)
        overrides = [*parser.parse_overrides([f"{key}={value}" for key, value in self.params.items()]), *given]
        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        self.launcher.search(overrides, given)
        return []
