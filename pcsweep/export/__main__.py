"""`python -m pcsweep.export`: a study for other programs."""

import importlib
import os
from collections.abc import Sequence
from types import ModuleType

if __name__ == "__main__":  # before numpy: workers of one BLAS thread each
    from pcsweep.console.starting import sign

    sign("pcsweep.export")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console

from pcsweep.aggregate.words import DRAWING_HELP
from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import end, follow, say
from pcsweep.console.progress import stage
from pcsweep.export.words import parse
from pcsweep.study.folder import existing_study

HELP = f"""\
A study for other programs.

    python -m pcsweep.export study=NAME to=duckdb|csv|mlflow|wandb [into=PATH]
                             [output_root=outputs] [gzip=false]
                             [resamples=2000] [permutations=4999] [seed=0]
                             [SETTING=VALUE …]

study         the folder below output_root; its shards/ are read
to            duckdb: one file with everything, for SQL
              csv: a folder of tables
              mlflow: an experiment of MLflow with a run for each grid point
              wandb: offline runs of Weights & Biases, one for each grid point
into          where it goes, if not into export/ in the study's folder: a file
              for duckdb, a folder for csv and wandb; for mlflow an SQLite file,
              or the address of a tracking server of your own
output_root   where the studies are
gzip          of csv: whether the files are compressed
{DRAWING_HELP}
SETTING       such as timesteps=10 or dataset.limit=50: only shards with it are
              exported, where the study has others as well

Nothing is sent anywhere but to the server that `into` names. Packages:
pip install 'pcsweep[duckdb]', 'pcsweep[mlflow]', 'pcsweep[wandb]'.

Examples
    python -m pcsweep.export study=demo to=duckdb
    python -m pcsweep.export study=demo to=csv gzip=true into=tables
    python -m pcsweep.export study=demo to=mlflow into=http://localhost:5000
"""


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        BadSetting: they cannot be followed.
    """
    given = parse(words)
    destination = _destination(given.to)
    folder = existing_study(given.output_root, given.study)
    place = destination.place(given, folder)
    from pcsweep.export.study import study_to_export

    say(console, f"Exported: {destination.write(study_to_export(folder, given.where, given), place, given)}")


def _destination(to: str) -> ModuleType:
    """The module of `to/`, with the functions `place` and `write`.

    Raises:
        BadSetting: its package is not installed.
    """
    try:
        with stage(f"loading {to}"):
            return importlib.import_module(f"pcsweep.export.to.{to}")
    except ModuleNotFoundError as error:
        if error.name != to:
            raise
        raise BadSetting(
            f"Expected the package {to} for `to={to}`, but it is not installed: pip install 'pcsweep[{to}]'."
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.export", HELP, command, argv)


if __name__ == "__main__":
    end(main())
