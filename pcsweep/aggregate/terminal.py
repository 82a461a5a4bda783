"""What a study's table says in a few lines of text and two tables for the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate import baselines
from pcsweep.aggregate.best import control_of, control_strays, headlines, suspicions
from pcsweep.aggregate.best_table import best_cells, confirmed_cells
from pcsweep.aggregate.rules.rows import pair_table
from pcsweep.aggregate.rules.words import sentences
from pcsweep.aggregate.sanity_words import sentences as sanity_sentences
from pcsweep.aggregate.search import tell as tell_search
from pcsweep.console.exit import say
from pcsweep.console.text import number_of
from pcsweep.pcoder.rule import why_skipped
from pcsweep.study.labels import describe, label_of

if TYPE_CHECKING:
    from rich.console import Console

    from pcsweep.aggregate.result import Aggregate

LISTED = 20  # missing cells named


def summary(result: "Aggregate") -> list[str]:
    """What there is, and what is missing with the commands that compute it."""
    gaps = result.gaps
    lines = [f"Cells: {counts(result)}"]
    lines += [f"  damaged, moved aside: {text}" for text in result.damaged]
    for name, places in (("missing", gaps.missing), ("noise seed missing", gaps.missing_seeds)):
        lines += [f"  {name}: {describe(place)}" for place in places[:LISTED]]
        if len(places) > LISTED:
            lines.append(f"  … and {len(places) - LISTED} more")
    lines += [f"  computed by: {command}" for command in gaps.commands]
    if result.older:
        lines.append(
            f"Left out: {number_of(result.older, 'shard')} of an earlier version, which the sweep's command computes anew"
        )
    return lines + _inert(result.table)


def absences(result: "Aggregate") -> list[str]:
    """Again at the end, in a line, what is not in the tables and pictures above."""
    found = ((result.gaps.missing, "cell"), (result.gaps.missing_seeds, "noise seed"), (result.damaged, "damaged shard"))
    words = [number_of(len(places), name) for places, name in found if places]
    return [f"Incomplete: tables and pictures lack {', '.join(words)}, named in the first lines"] if words else []


def counts(result: "Aggregate") -> str:
    """How many cells there are, and how many are not there."""
    gaps = result.gaps
    there = pc.count_distinct(result.table["identity"]).as_py()
    words = [
        f"{there} found",
        f"{len(gaps.skipped)} skipped{why_skipped(result.rules)}",
        f"{len(gaps.missing)} missing",
    ]
    words += [f"{len(result.damaged)} damaged"]
    words += [f"{number_of(len(gaps.missing_seeds), 'noise seed')} of found cells missing"] if gaps.missing_seeds else []
    return ", ".join(words)


def _inert(table: pa.Table) -> list[str]:
    count = pc.count_distinct(table.filter(table["lambda_inert"])["identity"]).as_py()
    reason = "only the last pcoder is active, and no feedback reaches it: cells that differ in λ alone are equal"
    return [f"λ is inert in {count} cell{'s' * (count != 1)}: {reason}"] if count else []


def control(table: pa.Table) -> list[str]:
    """That the control is flat, where it is; where not, it is among the suspicions."""
    strays = control_strays(table)
    return [f"The control (cells with {control_of(table)}) is flat"] if strays is not None and strays < 1e-6 else []


def tell(result: "Aggregate", pictures: Sequence[Path], console: "Console", metric: str = "iou") -> None:
    """Says what there is, what is missing, which cells are best by a metric and which rules, and what is suspicious."""
    for line in summary(result):
        say(console, line)
    for path in pictures:
        say(console, f"Picture: {path}")
    if best := headlines(result.learned, result.facets, metric):
        console.print(best_cells(best, console.width))
        console.print(confirmed_cells(best, console.width))
    else:
        say(console, f"No best cell: no {label_of(metric)}(t) / {label_of(metric)}(0) of a cell that can change is defined")
    if result.contrast:
        console.print(pair_table(result.contrast, console.width))
        for line in sentences(result.contrast):
            say(console, line)
    if result.search:
        tell_search(result.search, console)
    for line in [*baselines.told(result.learned, metric), *control(result.table), *sanity_sentences(result.sanity)]:
        say(console, line)
    for line in [*absences(result), *result.sources, *suspicions(result.learned, result.facets)]:
        say(console, f"Look at: {line}", style="yellow")
