"""What is looked at before Hydra makes a folder."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import refusing
from pcsweep.machine import leftovers
from pcsweep.sweep.cells import file_of
from pcsweep.sweep.expansion import with_own_params

_OURS = "hydra_plugins.pcsweep_launcher.sweeper.GridSweeper"


class Beforehand(Callback):
    """Notes the folder that Hydra will make, and refuses sweeps that another sweeper than ours would get wrong."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before a single run."""
        with refusing():
            if path := file_of(config):
                raise BadSetting(f"Expected -m for the list of cells {path}, which is a sweep, but got hydra.mode=RUN.")
        _note(config, "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Called by Hydra before a sweep."""
        if OmegaConf.select(config, "hydra.sweeper._target_") != _OURS:
            with refusing(), suppress(HydraException):  # what Hydra raises here it raises again, and is heard
                if path := file_of(config):
                    raise BadSetting(f"Expected hydra/sweeper=grid for the list of cells {path}: no other sweeper reads it.")
                _check_params(config)
        _note(config, "hydra.sweep.dir")


def _note(config: DictConfig, key: str) -> None:
    with suppress(OmegaConfBaseException):  # Hydra meets it again
        leftovers.will_make(Path(str(OmegaConf.select(config, key))), by_hydra=True)


def _check_params(config: DictConfig) -> None:
    loader = GlobalHydra.instance().config_loader()
    given = OverridesParser.create(config_loader=loader).parse_overrides(list(config.hydra.overrides.task))
    for group in with_own_params(loader, config, given):
        raise BadSetting(
            f"Expected one choice of `{group.key_or_group}`, for its choices bring own grids, which this sweeper leaves out, "
            f"but got {group.input_line}. hydra/sweeper=grid runs each with its own grid."
        )
