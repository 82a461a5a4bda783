"""`python -m pcsweep.fetch model=…`: brings a model's pretrained weights into its library's cache, where there is a network."""

import importlib
import inspect
import logging
from typing import TYPE_CHECKING, Any

import hydra

from pcsweep.grid.entry import conf_folder, guarded, plain_of

if TYPE_CHECKING:
    from omegaconf import DictConfig

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="fetch")
def _run(config: "DictConfig") -> None:
    from pcsweep.console.exit import refusing
    from pcsweep.fetch import fetch

    with refusing():
        fetch(config)


def fetch(config: "DictConfig") -> None:
    """Makes the backbone of `model` once, which leaves its weights in the cache.

    Raises:
        BadSetting: a value is wrong, or the weights can neither be found nor fetched.
    """
    from pcsweep.config.errors import BadSetting
    from pcsweep.config.extensions import named
    from pcsweep.config.schema import choose

    plain = plain_of(config)
    choice = choose("model", plain["model"], named(plain))
    make: Any = getattr(importlib.import_module(choice.function.__module__), "backbone_of", None)
    if make is None:
        _log.info("Nothing to fetch: %s brings its weights with it.", choice.name)
        return
    settings = {name: choice.arguments[name] for name in inspect.signature(make).parameters}
    _log.info("Fetching the weights of %s …", " ".join([choice.name, *(f"{key}={value}" for key, value in settings.items())]))
    try:
        make(**settings)
    except ValueError as error:
        raise BadSetting(str(error)) from error
    _log.info("They are in the cache.")


def main() -> None:
    """The command."""
    guarded(_run, "What is in the cache is whole; to go on, give the same command again:\n ")


if __name__ == "__main__":
    main()
