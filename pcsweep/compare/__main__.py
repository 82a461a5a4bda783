"""`python -m pcsweep.compare`: the same grid in two studies, cell by cell and image by image."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    from pcsweep.console.starting import sign

    sign("pcsweep.compare")

import pyarrow.parquet as pq
from rich.console import Console

from pcsweep.aggregate.words import DrawingOptions, drawing_words
from pcsweep.compare.comparison import Comparison, compare_cells, results_of
from pcsweep.compare.rules import are_rules, compare_rules, rule_names
from pcsweep.compare.rules_told import report_rules, save_rules
from pcsweep.compare.settings import differing
from pcsweep.compare.study import Study, study_in
from pcsweep.compare.verdict import largest, summary, verdict
from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place
from pcsweep.console.exit import end, follow, say
from pcsweep.console.progress import stage
from pcsweep.console.text import paragraph
from pcsweep.console.words import completed, words_of
from pcsweep.figures.differences import draw_differences
from pcsweep.machine.files import replacing
from pcsweep.statistics.drawing import drawn_once
from pcsweep.statistics.quantity import DIFFERENCE, GAINS
from pcsweep.study.folder import existing_study
from pcsweep.study.labels import MEANS, label_of
from pcsweep.study.spreadsheet import write_csv

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
_OPTIONS = ("study", "output_root", "output", "metric", "resamples", "permutations", "seed")


@dataclass(frozen=True)
class CompareOptions(DrawingOptions):
    """The words of the command line."""

    studies: tuple[str, ...]  # one or two
    output_root: str = "outputs"
    output: str = ""
    metric: str = "iou"

    @property
    def folder(self) -> Path:
        """Where the tables and pictures go."""
        if self.output:
            return Path(place(self.output, "output"))
        return Path(place(self.output_root, "output_root")) / "compare" / "_vs_".join(self.studies)


def save(result: Comparison, folder: Path) -> list[Path]:
    """Writes `compare.parquet`, `compare.csv` and the pictures, each whole or not at all; the paths of the pictures."""
    told = {"studies": result.studies, "metric": result.metric, "different": differing(result.matching)}
    metadata = {f"pcsweep.{name}": json.dumps(value, ensure_ascii=False) for name, value in told.items()}
    with replacing(folder / "compare.parquet") as path:
        pq.write_table(result.table.replace_schema_metadata(metadata), path, compression="zstd")
    with replacing(folder / "compare.csv") as path:
        write_csv(result.table, path)
    a, b = result.studies
    metric = label_of(result.metric)
    return draw_differences(results_of(result), f"{metric}: {b} − {a}", metric, folder)


def parse(words: Sequence[str]) -> CompareOptions:
    """The options that `key=value` words give.

    Raises:
        ValueError: an unknown key, neither one study nor two, or a value out of its range.
    """
    words = completed(words)
    studies = [value for key, _, value in (word.partition("=") for word in words) if key == "study"]
    given = words_of([word for word in words if word.partition("=")[0] != "study"], _OPTIONS)
    if len(studies) not in (1, 2) or len(set(studies)) < len(studies):
        got = " ".join(f"study={name}" for name in studies) or "none"
        raise BadSetting(f"Expected two different studies, study=A study=B, but got {got}.")
    return CompareOptions(
        tuple(studies),
        given.get("output_root", "outputs"),
        given.get("output", ""),
        given.get("metric", "iou"),
        **drawing_words(given),
    )


def _check_output(folder: Path) -> None:
    """Before anything is computed; makes nothing."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise BadSetting(f"Expected `output` to be a folder that can be written, but got {str(folder)!r}.")


def report(result: Comparison, pictures: Sequence[Path], console: Console) -> None:
    """Says what was compared, how much of it differs significantly and most, and where the pictures are."""

    for line in summary(result):
        say(console, line)
    for quantity, name in ((DIFFERENCE, "Differences"), (GAINS, "Differences of gains on t = 0")):
        say(console, verdict(result, quantity, name))
        if drawn := largest(result, quantity, f"{name}, the largest significant ones", console.width):
            console.print(drawn)
    for path in pictures:
        say(console, f"Picture: {path}")


def _one_rule(study: Study) -> str:
    """Why a single study cannot be compared."""
    return (
        f"Expected a second study, study={study.name} study=B, or a study of several update rules, but {study.name} has cells of "
        f"{', '.join(sorted(rule_names(study)))} alone."
    )


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        ValueError: they cannot be followed.
    """
    options = parse(words)
    folders = [existing_study(options.output_root, name) for name in options.studies]
    _check_output(options.folder)
    with stage("reading settings"):
        studies = [study_in(folder) for folder in folders]
    drawn = drawn_once(options.resamples, options.permutations, options.seed)
    if are_rules(studies):
        rules = compare_rules(studies, options.metric, drawn)
        with stage("drawing"):
            pictures = save_rules(rules, options.folder)
        return report_rules(rules, pictures, console)
    if len(studies) < 2:
        raise BadSetting(_one_rule(studies[0]))
    result = compare_cells((studies[0], studies[1]), options.metric, drawn)
    with stage("drawing"):
        pictures = save(result, options.folder)
    return report(result, pictures, console)


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.compare", HELP, command, argv)


if __name__ == "__main__":
    end(main())
