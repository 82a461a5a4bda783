"""Lets every Hydra application find the launcher `grid`; pcsweep's own `conf/hydra/launcher/grid.yaml` comes before it."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class PresetsSearchPath(SearchPathPlugin):
    """Adds the folder `presets` to where Hydra looks."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra with the search path of an application."""
        search_path.append(provider="pcsweep_launcher", path=f"file://{Path(__file__).parent / 'presets'}")
