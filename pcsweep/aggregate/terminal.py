"""What a study's table says in a few lines of text and one table for the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate.best import Headline, control_of, control_strays, headlines, suspicions
from pcsweep.console.exit import say
from pcsweep.console.fitting import fitted
from pcsweep.console.text import number_of
from pcsweep.pcoder.rule import why_skipped
from pcsweep.study.labels import SYMBOLS, Row, coefficient, describe, label_of, text_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from pcsweep.aggregate.result import Aggregate

# Columns that a narrow terminal does without, the first first.
_SPARE = ("NaN", "accuracy", "d", "IoU(0)", "value(0)", "gain [95 %]", "IoU(t)", "value(t)", "p")
LISTED = 20  # missing cells named
_CAPTION = (
    "gain: mean over images of value(t) - value(0), of the same image and noise; d: in standard deviations of the images' gains; "
    "p: of no gain, corrected for the choice among all cells and timesteps. The best of many looks better than it is: its "
    "interval does not know that it was chosen."
)


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


def best_cells(found: Sequence[Headline], width: int) -> "Table":
    """A row per headline: where it is, and what the images gained on t = 0; less of it where there are few characters."""
    group = [name for name in found[0].group if len(found[0].group) == 1 or any(each.group[name] is not None for each in found)]
    name, of_each = label_of(found[0].metric), " and ".join(SYMBOLS.get(name, name) for name in group)
    headings, rows = best_columns(found), best_rows(found)
    told = [place for place, name in enumerate(headings) if place >= len(found[0].group) or list(found[0].group)[place] in group]
    table = fitted(
        f"Best cell of each {of_each}, by {name}(t) / {name}(0)",
        [headings[place] for place in told],
        [[row[place] for place in told] for row in rows],
        len(group) + len(found[0].coefficients) + 1,
        _SPARE,
        width,
    )
    table.caption, table.caption_justify = _CAPTION, "left"
    return table


def best_columns(found: Sequence[Headline]) -> list[str]:
    """Headings of `best_rows`."""
    names = (*found[0].group, *found[0].coefficients, "timestep")
    name = "IoU" if found[0].metric == "iou" else "value"  # a longer one would not fit
    statistics = [f"{name}(0)", f"{name}(t)", f"{name}(t)/{name}(0) [95 %]", "gain [95 %]", "d", "p", "accuracy", "NaN"]
    return [{**SYMBOLS, "timestep": "t"}.get(name, name) for name in names] + statistics


def best_rows(found: Sequence[Headline]) -> list[list[str]]:
    """A row per headline."""
    return [_cells(headline) for headline in found]


def _cells(headline: Headline) -> list[str]:
    row, start = headline.row, headline.start[headline.metric]
    places = [*headline.group.values(), *(coefficient(row, name) for name in headline.coefficients)]
    accuracy = [number(rows["correct"]["mean"]) for rows in (headline.start, headline.metrics) if "correct" in rows]
    return [
        *("none" if place is None else text_of(place) for place in places),
        str(row["timestep"]),
        number(start["mean"]),
        number(row["mean"]),
        with_interval(row, "normalized"),
        with_interval(row, "difference"),
        number(row["effect"], 2),
        small(row["p_grid"]),
        " → ".join(accuracy),
        " → ".join(dict.fromkeys([str(start["nan"]), str(row["nan"])])),
    ]


def with_interval(row: Row, statistic: str) -> str:
    """Such as `0.123 [0.101, 0.145]`."""
    low, high = f"{statistic}_low", f"{statistic}_high"
    return f"{number(row[statistic])} [{number(row[low])}, {number(row[high])}]"


def number(value: Any, digits: int = 3) -> str:
    """With so many decimals; NaN is named."""
    return "NaN" if value is None or value != value else f"{round(value, digits) + 0.0:.{digits}f}"


def small(value: Any) -> str:
    """A probability: two significant digits, none below 0.001."""
    if value is None or value != value:
        return "NaN"
    return "<0.001" if value < 0.001 else f"{value:.2g}"


def tell(result: "Aggregate", pictures: Sequence[Path], console: "Console", metric: str = "iou") -> None:
    """Says what there is, what is missing, which cells are best by a metric, and what is suspicious."""
    for line in summary(result):
        say(console, line)
    for path in pictures:
        say(console, f"Picture: {path}")
    if best := headlines(result.table, result.facets, metric):
        console.print(best_cells(best, console.width))
    else:
        say(console, f"No best cell: no {label_of(metric)}(t) / {label_of(metric)}(0) of a cell that can change is defined")
    for line in control(result.table):
        say(console, line)
    for line in [*absences(result), *result.sources, *suspicions(result.table, result.facets)]:
        say(console, f"Look at: {line}", style="yellow")
