"""What a comparison of two studies says in lines of text and tables for the terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pcsweep.aggregate.best import FEW_IMAGES
from pcsweep.aggregate.best_table import number, small
from pcsweep.aggregate.terminal import LISTED
from pcsweep.compare.comparison import Comparison
from pcsweep.compare.settings import differing, in_words
from pcsweep.console.fitting import fitted
from pcsweep.console.text import number_of
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.statistics.quantity import GAINS, Quantity
from pcsweep.study.labels import SYMBOLS, Row, describe, on_axes, text_of, with_direction

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 5  # rows of a table


def summary(result: Comparison) -> list[str]:
    """What differs between the studies, what is compared, and what was left out."""
    a, b = result.studies
    only = result.matching.only
    lines = [with_direction(f"{result.metric}, {b} less {a}", result.metric), *in_words(differing(result.matching), a, b)]
    lines.append(f"Cells: {len(result.contrasts)} compared, {len(only[0])} only in {a}, {len(only[1])} only in {b}")
    for name, places in zip(result.studies, only, strict=True):
        lines += [f"  only in {name}: {describe(place)}" for place in places[:LISTED]]
        lines += [f"  … and {len(places) - LISTED} more only in {name}"] if len(places) > LISTED else []
    if len(only[0]) + len(only[1]) > len(result.contrasts):
        lines.append("Most cells have no partner: what is compared has one value in each study, and no value that both have")
    lines += [f"  damaged, left out: {text}" for text in result.damaged]
    lines += _same(result) + _images(result) + _seeds(result) + _timesteps(result)
    return lines + _undefined(result)


def _same(result: Comparison) -> list[str]:
    count = sum(each.shards[0] == each.shards[1] for each in result.contrasts)
    return [f"  {number_of(count, 'cell')} with the same shards in both studies: no difference is possible"] if count else []


def _images(result: Comparison) -> list[str]:
    a, b = result.studies
    counts = Counter(each.images for each in result.contrasts)
    lines = []
    for (both, only_a, only_b), count in sorted(counts.items()):
        left = [f"{number_of(only, 'image')} only in {name}" for only, name in ((only_a, a), (only_b, b)) if only]
        where = f" ({number_of(count, 'cell')})" if len(counts) > 1 else ""
        lines.append(f"Images: {both} in both" + (f"; left out: {', '.join(left)}" if left else "") + where)
    least = min(counts)[0]
    few = f"Only {number_of(least, 'image')}: intervals are too narrow, and few p-values are possible"
    return [*lines, few] if least < FEW_IMAGES else lines


def _seeds(result: Comparison) -> list[str]:
    lines = []
    for name, side in zip(result.studies, (0, 1), strict=True):
        if left := [each.left_seeds[side] for each in result.contrasts if each.left_seeds[side]]:
            lines.append(f"Noise seeds only in {name}, left out: {max(left)} per cell, in {number_of(len(left), 'cell')}")
    if unpaired := sum(not each.paired_seeds for each in result.contrasts):
        paired = "partners did not see the same noisy images, and each image's means over its seeds are paired"
        lines.append(f"No noise seed in common in {number_of(unpaired, 'cell')}: {paired}")
    return lines


def _timesteps(result: Comparison) -> list[str]:
    last = sorted({each.timesteps[-1] for each in result.contrasts})
    return [f"Timesteps: 0 to {' or '.join(map(str, last))} in both"]


def _undefined(result: Comparison) -> list[str]:
    rows = result.table.select(["images", "seeds_a", "seeds_b", "nan_a", "nan_b"]).to_pylist()
    lines = []
    for name, side in zip(result.studies, ("a", "b"), strict=True):
        undefined = sum(row[f"nan_{side}"] for row in rows)
        share = undefined / sum(row["images"] * row[f"seeds_{side}"] for row in rows)
        lines += [f"Undefined (NaN), left out with their partners: {share:.1%} of {name}"] if undefined else []
    return lines


def distinct_tests(result: Comparison, quantity: Quantity) -> list[Row]:
    """The rows that are a test of it, each test once."""
    rows = result.table.to_pylist()
    return [row for row in rows if row[quantity.p] == row[quantity.p] and row[quantity.counted]]


def verdict(result: Comparison, quantity: Quantity, name: str) -> str:
    """How many of how many tests are significant."""
    rows = distinct_tests(result, quantity)
    found = [row for row in rows if row[quantity.q] < SIGNIFICANT]
    above = sum(row[quantity.value] > 0 for row in found)
    of = f"{len(found)} of {number_of(len(rows), 'test')} significant (q < {SIGNIFICANT})"
    return f"{name}: {of}" + (f", {above} above 0 and {len(found) - above} below" if found else "")


def largest(result: Comparison, quantity: Quantity, title: str, width: int) -> "Table | None":
    """The largest significant differences, one per cell, as a table for so wide a terminal; None where there are none."""
    best: dict[str, Row] = {}
    for row in sorted(distinct_tests(result, quantity), key=lambda row: -abs(row[quantity.value])):
        if row[quantity.q] < SIGNIFICANT:
            best.setdefault(row["identity_a"], row)
    if not best:
        return None
    rows = list(best.values())
    names = [name for name in result.matching.columns if name in ("sigma", *on_axes(rows)) or _varies(result, name)]
    names = [name for name in names if name != "sigma" or any(row["sigma"] is not None for row in rows)]
    sides = [f"gain of {name}" if quantity is GAINS else name for name in result.studies]
    headings = [*(SYMBOLS.get(name, name) for name in names), "t", *sides, "difference [95 %]", "d_z", "p", "q", "n"]
    texts = [_texts(row, quantity, names) for row in rows[:SHOWN]]
    return fitted(title, headings, texts, len(names) + 1, ("n", "d_z", "p", *sides, "q"), width)


def _texts(row: Row, quantity: Quantity, names: Sequence[str]) -> list[str]:
    value, prefix = quantity.value, quantity.prefix
    return [
        *(_place(row, name) for name in names),
        str(row["timestep"]),
        *(number(row[f"{prefix or 'mean_'}{side}"]) for side in ("a", "b")),
        f"{_signed(row[value])} [{_signed(row[f'{value}_low'])}, {_signed(row[f'{value}_high'])}]",
        number(row[f"{prefix}effect"], 2),
        *(small(row[f"{prefix}{name}"]) for name in ("p", "q")),
        str(row[f"{prefix}pairs"]),
    ]


def _varies(result: Comparison, name: str) -> bool:
    return len(result.table[name].unique()) > 1


def _place(row: Row, name: str) -> str:
    return "none" if row[name] is None else text_of(row[name])


def _signed(value: float) -> str:
    """Of differences, which are small."""
    return "NaN" if value != value else f"{value:+.4f}"
