"""`python -m pcsweep.report`: aggregates a study and writes its page."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: workers of one BLAS thread each

from rich.console import Console

from pcsweep import aggregate
from pcsweep.progress import progress
from pcsweep.report.contents import contents
from pcsweep.report.page import write
from pcsweep.settings import existing_study

HELP = """\
Tables, pictures and one HTML page of a study. The page opens from the file system, without a network.

    python -m pcsweep.report study=NAME [gallery=3] [output_root=outputs] [resamples=2000] [permutations=4999] [seed=0]

study         the folder below output_root; its shards/ are read
gallery       of how many images that gained most, and as many that lost most, each best cell shows maps; they are computed anew,
              which needs the model and the images; 0: none
output_root   where the studies are
resamples     how many bootstrap resamples of the images, at least 2
permutations  how many random signs of the images' differences to t = 0, at least 1
seed          of both, at least 0

Writes report.html into the study's folder, beside what python -m pcsweep.aggregate writes.
"""


def main(argv: list[str] | None = None) -> int:
    """The command; 0, or 2 with one line on stderr where it cannot be followed."""
    words = sys.argv[1:] if argv is None else argv
    console = Console(width=None if sys.stdout.isatty() else 130)
    if {"-h", "--help"} & set(words):
        console.print(HELP, markup=False, highlight=False)
        return 0
    try:
        path = report(words, console)
    except ValueError as error:
        sys.stderr.write(f"pcsweep.report: {error}\n")
        return 2
    console.print(f"Report: {path}", markup=False, highlight=False, soft_wrap=True)
    return 0


def report(words: list[str], console: Console) -> Path:
    """Aggregates, says what aggregation says, and writes the page; its path.

    Raises:
        ValueError: a word that is none, or a study that cannot be aggregated.
    """
    own = [word for word in words if word.startswith("gallery=")]
    pictured = aggregate.number("gallery", own[-1].partition("=")[2] if own else "3", 0)
    options = aggregate.parse([word for word in words if word not in own], also=("gallery",))
    folder = existing_study(options.output_root, options.study)
    result = aggregate.aggregate(folder, options.resamples, options.permutations, options.seed)
    aggregate.report(result, aggregate.save(result, folder), console)
    said = contents(folder, result, options, pictured)
    path = folder / "report.html"
    with progress("writing the page", 1, "pages") as advance:
        write(said, path)
        advance(1)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
