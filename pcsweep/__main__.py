"""`python -m pcsweep` and `pcsweep`: the Hydra entry. Heavy imports wait until a grid point is to be computed."""

import difflib
import re
import runpy
import sys
from typing import TYPE_CHECKING

from pcsweep.console.starting import sign

if __name__ == "__main__":  # before what takes a second to import
    sign("pcsweep")

import hydra

from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import REFUSED, end
from pcsweep.console.terminal import complain
from pcsweep.grid.entry import as_given, conf_folder, guarded

if TYPE_CHECKING:
    from omegaconf import DictConfig

COMMANDS = ("aggregate", "cancel", "compare", "export", "fetch", "plan", "report", "show", "status", "studies", "train")


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="config")
def _run(config: "DictConfig") -> None:
    from pcsweep.console.progress import stage

    with stage("loading torch"):
        from pcsweep.compute.run import run
        from pcsweep.grid.composed import point_from
        from pcsweep.grid.identified import identified
        from pcsweep.grid.loaded import Loaded
        from pcsweep.study.without_pandas import without_pandas

    without_pandas()
    with as_given():
        with stage("checking model, images and weights"):
            loaded = Loaded()
            planned = identified(point_from(config, loaded), loaded)
        run(planned, loaded)


def main() -> None:
    """The command."""
    first = sys.argv[1] if sys.argv[1:] else ""
    if first in COMMANDS:
        _other(sys.argv.pop(1))
    elif re.fullmatch(r"[A-Za-z_]+", first):
        meant = difflib.get_close_matches(first.lower(), COMMANDS, 1)
        hint = f" Did you mean {meant[0]}?" if meant else ""
        complain("pcsweep", f"Expected words of the form key=value, but got {first!r}. Commands: {', '.join(COMMANDS)}.{hint}")
        end(REFUSED)
    else:
        sign("pcsweep")
        guarded(_run, "Every finished point is kept; to go on, give the same command again:\n ")


def _other(name: str) -> None:
    """`pcsweep status …` is `python -m pcsweep.status …`; a metric or rule that is none is found when it is imported."""
    try:
        runpy.run_module(f"pcsweep.{name}", run_name="__main__", alter_sys=True)
    except BadSetting as error:
        complain("pcsweep", error)
        end(REFUSED)


if __name__ == "__main__":
    main()
