"""`python -m pcsweep` and `pcsweep`: the Hydra entry. Heavy imports wait until a grid point is to be computed."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pcsweep.settings import BadSetting, study_folder

if TYPE_CHECKING:
    from omegaconf import DictConfig

_REFUSED, _INTERRUPTED = 2, 130


def conf_folder() -> str:
    """The folder of the configuration groups: beside the package in a checkout, inside it in an installation."""
    package = Path(__file__).resolve().parent
    return str(next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir()))


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="config")
def _run(config: "DictConfig") -> None:
    from pcsweep.study import run

    run(config)


def main() -> None:
    """Runs Hydra; a refused value ends with exit code 2 and one message, an interruption with 130 and how to go on."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    show_traceback = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets errors through to the handlers below
    try:
        _run()
    except (BadSetting, HydraException, OmegaConfBaseException) as error:
        if show_traceback:
            raise
        sys.exit(_refuse(error))
    except KeyboardInterrupt:
        from pcsweep.study import command

        sys.stderr.write(f"\nInterrupted. Every finished point is kept; to go on, give the same command again:\n  {command()}\n")
        sys.exit(_INTERRUPTED)


def _refuse(error: Exception) -> int:
    causes = [error]
    while (cause := causes[-1].__cause__) and isinstance(cause, HydraException | OmegaConfBaseException | BadSetting):
        causes.append(cause)
    messages = dict.fromkeys(str(cause).strip() for cause in causes)
    sys.stderr.write("pcsweep: " + "\n".join(messages) + "\n")
    return _REFUSED


if __name__ == "__main__":
    main()
