"""`python -m pcsweep.aggregate`: the table, the pictures and the best cells of a study."""

import os
from collections.abc import Sequence

if __name__ == "__main__":  # before numpy: workers of one BLAS thread each, not BLAS threads that wait for each other
    from pcsweep.console.starting import sign

    sign("pcsweep.aggregate")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console

from pcsweep.aggregate.words import check_metric, metric_shown, parse
from pcsweep.console.exit import end, follow
from pcsweep.console.text import paragraph
from pcsweep.machine.destination import destination
from pcsweep.study.folder import existing_study
from pcsweep.study.labels import BEST

HELP = f"""\
Shards → tables and pictures of one study.

    python -m pcsweep.aggregate study=NAME [output_root=outputs] [metric=iou]
                                [resamples=2000] [permutations=4999] [seed=0]
                                [to=FOLDER] [SETTING=VALUE …]

study         the folder below output_root; its shards/ are read
output_root   where the studies are
to            a folder for the results, if not the study's own, which may be
              somebody else's
{paragraph("metric", "what the pictures and the table of best cells show: iou@0.15 (a further threshold),", BEST)}
resamples     how many bootstrap resamples of the images, at least 2
permutations  how many random signs of the images' differences to t = 0, at
              least 1; the smallest p is 1 / (permutations + 1)
seed          of both, and of the halves of the images, one of which chooses a
              best cell and the other confirms it; at least 0
SETTING       such as timesteps=10 or dataset.limit=50: only shards with it are
              read, where the study has others as well

Writes aggregate.parquet, aggregate.csv and figures/ into the study's folder; of
a study of several update rules rules and rule_differences as well, each as
.parquet and .csv.
"""


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        BadSetting: they cannot be followed.
    """
    options = parse(words)
    from pcsweep.aggregate.run import aggregate
    from pcsweep.aggregate.saved import save
    from pcsweep.aggregate.terminal import tell

    folder = existing_study(options.output_root, options.study)
    place = destination(folder, options.to)
    result = aggregate(folder, options.resamples, options.permutations, options.seed, options.metric, options.where)
    check_metric(result, options.metric)
    metric = metric_shown(result, options.metric)
    tell(result, save(result, folder, metric, place), console, metric)


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.aggregate", HELP, command, argv)


if __name__ == "__main__":
    end(main())
