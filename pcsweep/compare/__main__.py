"""`python -m pcsweep.compare`: the same grid in two studies, cell by cell and image by image."""

from collections.abc import Sequence

if __name__ == "__main__":
    from pcsweep.console.starting import sign

    sign("pcsweep.compare")

from rich.console import Console

from pcsweep.compare.words import check_output, parse
from pcsweep.console.exit import end, follow
from pcsweep.console.text import paragraph
from pcsweep.study.folder import existing_study
from pcsweep.study.labels import MEANS

HELP = f"""\
Two studies of the same grid, cell by cell: what study B's images have more or
less of a metric than study A's.

    python -m pcsweep.compare study=A study=B [output_root=outputs]
                              [output=outputs/compare/A_vs_B] [metric=iou]
                              [resamples=2000] [permutations=4999] [seed=0]
    python -m pcsweep.compare study=A        update rules against each other

study         given twice; differences are those of the second less those of the
              first. Once: a study of several update rules (pcoder=), whose best
              cells are compared, as are those of two studies without a rule in
              common
output_root   where the studies are
output        folder of the tables and pictures; compare/A_vs_B below
              output_root where it is left out
{paragraph("metric", "iou@0.25 (at one of the thresholds),", MEANS)}
resamples     how many bootstrap resamples of the images, at least 2
permutations  how many random signs of the images' differences, at least 1; the
              smallest p is 1 / (permutations + 1)
seed          of both, and of the halves of the images, one of which chooses
              the best cell of a rule and the other compares them; at least 0

Cells belong together if σ, active pcoders, β, λ, α and what else varies in a
study are the same. What the studies have no value of in common is what is
compared: the model, the attribution, α. Images are paired by identifier and,
where they can be, by noise seed. The studies are only read. Each cell and
timestep has two answers: how the metric differs at t, and how its gain on t = 0
differs, which says whether recovery differs.

Rules have no coefficient in common, so best is compared with best: under each
noise the cell and timestep that one half of the images chooses for each rule,
and on the other half the differences between rules, image by image.

Examples
    python -m pcsweep -m study=weak experiment=demo pcoder.alpha=0.01
    python -m pcsweep -m study=strong experiment=demo pcoder.alpha=0.1
    python -m pcsweep.compare study=weak study=strong
    python -m pcsweep.compare study=weak study=strong \\
        metric=correct output=outputs/compare/alpha_accuracy
    python -m pcsweep.compare study=feedback study=surround
"""


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        ValueError: they cannot be followed.
    """
    options = parse(words)
    folders = [existing_study(options.output_root, name) for name in options.studies]
    check_output(options.folder)
    from pcsweep.compare.told import compared

    compared(folders, options, console)


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.compare", HELP, command, argv)


if __name__ == "__main__":
    end(main())
