"""`python -m pcsweep` and `pcsweep`: the Hydra entry. Heavy imports wait until a grid point is to be computed."""

import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pcsweep.provenance import command
from pcsweep.settings import BadSetting, Detached, Unfinished, study_folder
from pcsweep.terminal import complain
from pcsweep.wording import printable

if TYPE_CHECKING:
    from omegaconf import DictConfig

_UNFINISHED, _REFUSED, _INTERRUPTED = 1, 2, 130
_REFUSALS = (BadSetting, HydraException, OmegaConfBaseException)


def conf_folder() -> str:
    """The folder of the configuration groups: beside the package in a checkout, inside it in an installation."""
    package = Path(__file__).resolve().parent
    return str(next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir()))


def each_pcoder(model: "DictConfig") -> str:
    """The resolver `each_pcoder`: the numbers of a model's pcoders as the values of a sweep, such as "1,2,3,4"."""
    from pcsweep.grid import load_model
    from pcsweep.settings import choose

    settings = OmegaConf.to_container(model, resolve=True)
    assert isinstance(settings, dict)  # the group `model`
    count = len(load_model(choose("model", {str(key): value for key, value in settings.items()})).network.stages)
    return ",".join(str(number) for number in range(1, count + 1))


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="config")
def _run(config: "DictConfig") -> None:
    from pcsweep.study import main

    main(config)


def main() -> None:
    """The command."""
    guarded(_run, "config", "Every finished point is kept; to go on, give the same command again:\n ")


def guarded(entry: Callable[[], None], config_name: str, interrupted: str) -> None:
    """Runs a Hydra entry.

    A refused value ends with exit code 2 and one message, a sweep that is not finished with 1, an interruption with 130 and how
    to go on.


    Args:
        entry: a function under `hydra.main`.
        config_name: of its primary configuration.
        interrupted: what to say, before the command itself, after Ctrl-C.
    """
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    OmegaConf.register_new_resolver("each_pcoder", each_pcoder, replace=True)
    sys.argv[1:] = sorted(sys.argv[1:], key=lambda word: word not in ("-m", "--multirun"))  # Hydra wants it before the settings
    show_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets errors through to the handlers below
    try:
        entry()
    except _REFUSALS as error:
        if show_traceback:
            raise
        sys.exit(_refuse(error, config_name))
    except Unfinished as error:
        complain("pcsweep", error)
        sys.exit(_UNFINISHED)
    except KeyboardInterrupt as error:
        said = str(error) if isinstance(error, Detached) else f"Interrupted. {interrupted} {command()}"
        sys.stderr.write(f"\n{printable(said)}\n")
        logging.shutdown()
        sys.stdout.flush()
        # Not sys.exit: where Ctrl-C met code run from a string (a dataclass in the making, say), the interpreter remembers it and
        # would end by the signal all the same.
        os._exit(_INTERRUPTED)


def _refuse(error: BaseException, config_name: str) -> int:
    messages = [str(error).strip()]
    while isinstance(error.__cause__, _REFUSALS):
        error = error.__cause__
        messages.append(str(error).strip())
    text = "\n".join(dict.fromkeys(messages)).partition("\nConfig search path")[0]
    if unknown := re.search(r"Could not override '([\w.]+)'", text):
        text = _unknown(unknown[1], config_name)
    if "raised while resolving interpolation: " in text:
        text = text.partition("raised while resolving interpolation: ")[2].partition("\n")[0]
    complain("pcsweep", text)
    return _REFUSED


def _unknown(key: str, config_name: str) -> str:
    parent, _, last = key.rpartition(".")
    if last.isdigit():
        return f"Expected `{parent}` to be a list that has an element {last}; give the whole list before it on the command line."
    valid = _keys_beside(key, config_name)
    if f"`{key}`" in valid:
        return f"`{key}` is there, but not with these keys; to add keys to it, put a + before it: +{key}={{…}}"
    return f"Unknown setting `{key}`. Valid ones: {', '.join(valid)}."


def _keys_beside(key: str, config_name: str) -> list[str]:
    """The keys at the same level, with the groups as the command line chose them."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(conf_folder(), version_base="1.3"):
        groups = [word for word in sys.argv[1:] if re.fullmatch(rf"({'|'.join(os.listdir(conf_folder()))})=\w+", word)]
        config = hydra.compose(config_name, overrides=groups, return_hydra_config=key.startswith("hydra."))
    parent = key.rpartition(".")[0]
    level = OmegaConf.select(config, parent) if parent else config
    return [f"`{parent}.{name}`" if parent else f"`{name}`" for name in map(str, level) if not name.startswith("_")]


if __name__ == "__main__":
    main()
