"""The study's answer in one sentence, and what to hold against it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate.best import FEW_IMAGES, Headline, where
from pcsweep.aggregate.best_table import small
from pcsweep.aggregate.result import Aggregate
from pcsweep.console.text import number_of
from pcsweep.report.sentences import ratio
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.study.labels import Row, direction, label_of, most_text, rule_of_row


@dataclass(frozen=True)
class Answer:
    """One sentence that begins with Yes, No or Unknown, and what else to know.

    Args:
        text: the sentence.
        caveats: sentences.
        row: of the cell and timestep that it names, if there is one.
    """

    text: str
    caveats: list[str]
    row: Row | None = None


def answer(result: Aggregate, best: Sequence[Headline], metric: str) -> Answer:
    """By the p-values that are corrected for the choice among all cells and timesteps, since the best of them is named.

    Args:
        result: the aggregate.
        best: its headlines.
        metric: that is asked about; a change for the better is a fall where lower is better.
    """
    rows = result.learned.filter((pc.field("metric") == metric) & (pc.field("timestep") > 0) & ~pc.field("fixed"))
    sign = direction(metric)
    gain = sign * rows["difference"].to_numpy()
    if not rows.num_rows:
        only = metric in result.table["metric"].unique().to_pylist()
        why = "every cell is a control, without feedback and error" if only else f"no {label_of(metric)} was measured"
        return Answer(f"Unknown: {why}.", _missing(result))
    if np.isnan(gain).all():
        return Answer(f"Unknown: no {label_of(metric)} is defined.", _missing(result))
    significant = rows["p_grid"].to_numpy() < SIGNIFICANT
    relative = sign * rows["normalized"].to_numpy()
    strength = gain if np.isnan(relative).all() else relative
    gains, losses = significant & (gain > 0), significant & (gain < 0)
    worse = bool(losses.any() and not gains.any())
    halves = _confirmed(rows, best, -sign if worse else sign)
    lower = ["Lower is better."] * (sign < 0)
    caveats = [*lower, *_chosen(rows), *halves, *_how_many(rows, gains, losses, sign), *_missing(result)]
    if gains.any():
        row = _row(rows, np.where(gains, strength, np.nan))
        return Answer(f"Yes: {_told(row, best)}.", [_paired(row, metric), _p(row), *caveats], row)
    if worse:
        row = _row(rows, np.where(losses, -strength, np.nan))
        return Answer(f"Yes, for the worse: {_told(row, best)}.", [_paired(row, metric), _p(row), *caveats], row)
    row = _row(rows, strength)
    floor = pc.max(rows["p_least"]).as_py()
    if floor >= SIGNIFICANT:
        why = f"with {number_of(row['images'], 'image')} and these permutations no p can be below {small(floor)}"
        return Answer(f"Unknown: {why}. The {most_text(metric)} is {_told(row, best)}.", [_paired(row, metric), *caveats], row)
    unseen = "That no change is shown does not show that there is none."
    return Answer(
        f"No: no change stands out from chance. The {most_text(metric)} is {_told(row, best)}.",
        [_paired(row, metric), _p(row), unseen, *caveats],
        row,
    )


def _row(rows: pa.Table, strength: np.ndarray) -> Row:
    """The first of the strongest."""
    found: Row = rows.slice(int(np.nanargmax(strength)), 1).to_pylist()[0]
    return found


def _told(row: Row, best: Sequence[Headline]) -> str:
    """Such as `+16 % [10, 23] at σ = 0.4 (β = 0.8, λ = 0.2), t = 6`."""
    return f"{change(row)} at {_place(row, best)}"


def _place(row: Row, best: Sequence[Headline]) -> str:
    """Such as `σ = 0.4 (β = 0.8, λ = 0.2), t = 6`."""
    names, coefficients = (best[0].group, best[0].coefficients) if best else (("sigma",), rule_of_row(row).axes)
    place = Headline(row["metric"], {name: row[name] for name in names}, {row["metric"]: row}, {}, coefficients)
    return f"{where(place)} ({place.coordinates}), t = {row['timestep']}"


def change(row: Row, of: str = "", ends: Sequence[str] = ("_low", "_high")) -> str:
    """The gain on t = 0 with its interval: in percent of the value at t = 0, or where that says nothing, as it is.

    Args:
        row: of the table.
        of: what its columns begin with: those of all images, or of a half.
        ends: of the columns of the interval; none for no interval.
    """
    names, unit = [f"{of}normalized", *(f"{of}normalized{end}" for end in ends)], " %"
    values = [100 * (row[name] - 1) for name in names]
    if math.isnan(values[0]):
        values, unit = [row[name.replace("normalized", "difference")] for name in names], ""
    size = abs(values[0])
    digits = min(max(1 - math.floor(math.log10(size)), 0), 4) if size else 0
    middle, *interval = (f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−") for value in values)
    within = f" [{', '.join(interval)}]" if interval else ""
    return f"{'+' if values[0] > 0 else ''}{middle}{unit}{within}"


def _paired(row: Row, metric: str) -> str:
    seeds = f" and {number_of(row['seeds'], 'noise seed')}" if row["seeds"] > 1 else ""
    return (
        f"{ratio(metric)} − 1 of {number_of(row['pairs'], 'image')}{seeds}, each paired with itself at t = 0 under the same "
        "noise; in brackets its 95 % interval."
    )


def _p(row: Row) -> str:
    return f"p {_equal(row['p_grid'])}, corrected for the choice among all cells and timesteps of this metric."


def _equal(p: float) -> str:
    text = small(p)
    return text.replace("<", "< ") if text.startswith("<") else f"= {text}"


def _chosen(rows: pa.Table) -> list[str]:
    if rows.num_rows < 2:
        return []
    cells = pc.count_distinct(rows["identity"]).as_py()
    steps = pc.count_distinct(rows["timestep"]).as_py()
    return [
        f"Picked as the extreme of {number_of(cells, 'cell')} × {number_of(steps, 'timestep')}, it looks larger than it is, and "
        "its interval does not allow for that."
    ]


def _confirmed(rows: pa.Table, best: Sequence[Headline], sign: int) -> list[str]:
    """What one half of the images says of the extreme that the other half chooses, the highest or the lowest."""
    relative, gain = (rows[f"choosing_{name}"].to_numpy() for name in ("normalized", "difference"))
    strength = gain if np.isnan(relative).all() else relative
    if rows.num_rows < 2 or np.isnan(strength).all():
        return []
    row = _row(rows, sign * strength)
    few = f"; halves of fewer than {FEW_IMAGES} images are too small" if row["images"] < FEW_IMAGES else ""
    p = f", p {_equal(row['confirming_p'])}" if row["confirming_p"] == row["confirming_p"] else ""
    return [
        f"One half of the images ({row['choosing_pairs']}) alone picks {_place(row, best)}, with {change(row, 'choosing_', ())}; "
        f"the other half ({row['confirming_pairs']}), which had no say, has {change(row, 'confirming_')} there{p}{few}."
    ]


def _how_many(rows: pa.Table, gains: np.ndarray, losses: np.ndarray, sign: int) -> list[str]:
    """Cells that gain, and cells that lose, at some timestep; where lower is better (`sign` is -1), that fall and that rise."""
    identities = rows["identity"].to_numpy(zero_copy_only=False)
    gaining, losing = (len(set(identities[chosen])) for chosen in (gains, losses))
    if not gaining and not losing:
        return []
    better, worse = ("gained", "lost") if sign > 0 else ("fell", "rose")
    return [f"In all, {number_of(gaining, 'cell')} {better} and {losing} {worse} at some t (p < {SIGNIFICANT}, so corrected)."]


def _missing(result: Aggregate) -> list[str]:
    found = pc.count_distinct(result.table["identity"]).as_py()
    count = len(result.gaps.missing)
    return [f"{count} of {number_of(found + count, 'cell')} {'is' if count == 1 else 'are'} missing."] if count else []
