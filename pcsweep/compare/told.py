"""A comparison, made, written and told."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console

from pcsweep.compare.comparison import Comparison, compare_cells, results_of
from pcsweep.compare.rules import are_rules, compare_rules, rule_names
from pcsweep.compare.rules_told import report_rules, save_rules
from pcsweep.compare.settings import differing
from pcsweep.compare.study import Study, study_in
from pcsweep.compare.verdict import largest, summary, verdict
from pcsweep.compare.words import CompareOptions
from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import say
from pcsweep.console.progress import stage
from pcsweep.figures.differences import draw_differences
from pcsweep.machine.files import replacing
from pcsweep.statistics.drawing import drawn_once
from pcsweep.statistics.quantity import DIFFERENCE, GAINS
from pcsweep.study.labels import label_of
from pcsweep.study.spreadsheet import write_csv


def compared(folders: Sequence[Path], options: CompareOptions, console: Console) -> None:
    """Compares the studies in these folders, one or two, and says what was found and where it is written.

    Raises:
        BadSetting: they cannot be compared.
    """
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
