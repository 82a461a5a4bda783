"""Grid points of composed configurations: below this nothing knows Hydra or OmegaConf."""

from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from pcsweep.config.errors import BadSetting
from pcsweep.config.refusals import told
from pcsweep.config.variations import Configuration, Resolved
from pcsweep.grid.entry import plain_of
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint, grid_point


def point_from(config: Configuration, loaded: Loaded, here: bool = True) -> GridPoint:
    """The grid point of a composed configuration.

    Args:
        config: without Hydra's own node.
        loaded: where its model and dataset are, or will be.
        here: whether this machine computes it, and so must have its device.

    Raises:
        BadSetting: a value is wrong.
    """
    if isinstance(config, Resolved):
        return grid_point(config.plain, config.text, loaded, here)
    try:
        plain = plain_of(config)
        text = OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException as error:
        raise BadSetting(told(error)) from error
    return grid_point(plain, text, loaded, here)


def stored(text: str) -> dict[str, Any]:
    """The settings in a configuration as a shard keeps it, which was resolved before.

    Raises:
        BadSetting: it is none.
    """
    try:
        config = OmegaConf.create(text)
        plain = OmegaConf.to_container(config, resolve=False)
    except (OmegaConfBaseException, YAMLError, ValueError) as error:
        raise BadSetting(str(error)) from error
    if not isinstance(plain, dict):
        raise BadSetting("it is no mapping")
    return {str(key): value for key, value in plain.items()}
