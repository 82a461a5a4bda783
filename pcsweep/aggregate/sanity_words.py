"""What a study of networks drawn anew says of each attribution, in words."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyarrow as pa

from pcsweep.aggregate.best_table import number, with_interval
from pcsweep.aggregate.sanity import BOUND, DEPENDS, SURVIVES, UNCHANGED, UNDECIDED, UNDEFINED, verdict
from pcsweep.study.axes import RANDOMIZED, RANDOMIZED_SEED, key
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import Row, axis_label, axis_text, in_order, text_of

MEANT = {
    UNCHANGED: "does not change at all when {how} is drawn anew, and so is no evidence for a class",
    SURVIVES: "survives when {how} is drawn anew: most of what it shows is no evidence for a class",
    DEPENDS: "depends on what is learned in {how}",
    UNDECIDED: f"depends on what is learned in {{how}}, or not: the interval has {BOUND:g} in it",
    UNDEFINED: "has no rank correlation: no maps that vary were kept",
}
_MEASURED = ("timestep", "maps", "depth", "images", "verdict", RANDOMIZED, RANDOMIZED_SEED)


@dataclass(frozen=True, eq=False)
class Finding:
    """Of one attribution under one noise at one timestep.

    Args:
        place: what tells it from others: the attribution, σ and whatever else varies.
        start: the row of the network as it is.
        first: that of the fewest parts drawn anew: the head alone, as a rule.
        last: that of the most.
    """

    place: dict[str, Any]
    start: Row
    first: Row
    last: Row

    @property
    def timestep(self) -> int:
        """Of all three."""
        return int(self.first["timestep"])

    @property
    def noise(self) -> str:
        """Such as `σ = 0.4, t = 6`, with the seed of the draws where there are several."""
        levels = [axis_text(name, value) for name, value in self.place.items() if is_noise(name) or name == RANDOMIZED_SEED]
        return ", ".join([*levels, f"t = {self.timestep}"])

    @property
    def what(self) -> str:
        """The attribution, and what else varies beside the noise; "The map" where nothing does."""
        named = {name: value for name, value in self.place.items() if not is_noise(name) and name != RANDOMIZED_SEED}
        words = [text_of(value) if name == "attribution.name" else axis_text(name, value) for name, value in named.items()]
        return ", ".join(words) or "The map"


def places(table: pa.Table) -> list[str]:
    """The columns that tell one attribution under one noise from others: those that vary, and σ; the attribution first."""
    names = table.column_names[: table.column_names.index("timestep")]
    names = [name for name in names if name not in _MEASURED and (name == "sigma" or len(table[name].unique()) > 1)]
    return sorted(names, key=lambda name: (not name.startswith("attribution."), name == "sigma"))


def findings(table: pa.Table) -> list[Finding]:
    """At t = 0 and at the last timestep, by attribution, what else varies, the seed of the draws, and timestep."""
    names, rows = places(table), table.to_pylist()
    shown = {0, max(row["timestep"] for row in rows)}
    groups: dict[str, list[Row]] = {}
    for row in (row for row in rows if row["timestep"] in shown):
        groups.setdefault(key({name: row[name] for name in (*names, "timestep")}), []).append(row)
    found = []
    seeds = in_order({row[RANDOMIZED_SEED] for row in rows if row["depth"]})
    for group, seed in product(groups.values(), seeds):
        drawn = sorted((row for row in group if row["depth"] and row[RANDOMIZED_SEED] == seed), key=lambda row: row["depth"])
        start = next(row for row in group if not row["depth"])
        place = {name: start[name] for name in names} | ({RANDOMIZED_SEED: seed} if len(seeds) > 1 else {})
        found += [Finding(place, start, drawn[0], drawn[-1])] if drawn else []
    order = in_order({(*each.place.values(), each.timestep) for each in found})
    return sorted(found, key=lambda each: order.index((*each.place.values(), each.timestep)))


def sentences(table: pa.Table | None) -> list[str]:
    """One for each attribution: what becomes of its maps when the head is drawn anew; none where nothing is.

    By `sanity.BOUND`: the 95 % interval of the mean rank correlation lies above it, or below, or has it within.
    """
    by_what: dict[str, list[Finding]] = {}
    for each in findings(table) if table is not None else []:
        by_what.setdefault(each.what, []).append(each)
    return [f"{what} {_said(found)}." for what, found in by_what.items()]


def _said(found: Sequence[Finding]) -> str:
    """Of one attribution: each verdict once, with where it holds if it does not everywhere."""
    parts = []
    for which in dict.fromkeys(verdict(each.first) for each in found):
        own = [each for each in found if verdict(each.first) == which]
        told = "" if which == UNDEFINED else f" ({_from_to(each.first for each in own)})"
        where = f" at {'; '.join(each.noise for each in own)}" if len(own) < len(found) else ""
        parts.append(f"{MEANT[which].format(how=how(own[0].first))}{told}{where}")
    drawn = all(verdict(each.last) in (SURVIVES, UNCHANGED) and each.last is not each.first for each in found)
    still = f"; most of it is there as well with {how(found[0].last)} drawn anew ({_from_to(each.last for each in found)})"
    return "; ".join(parts) + still * drawn


def _from_to(rows: Iterable[Row]) -> str:
    """Such as `ρ = 0.119 to 0.176`."""
    values = sorted({number(row["rank_correlation"]) for row in rows}, key=float)
    return f"ρ = {values[0]}" + (f" to {values[-1]}" if len(values) > 1 else "")


def how(row: Row) -> str:
    """Which parts are drawn anew, such as `the head and 2 stages`."""
    stages = row["depth"] - 1
    return "nothing" if stages < 0 else "the head" + (f" and {stages} stage{'s' * (stages > 1)}" if stages else "")


def columns_of(found: Sequence[Finding]) -> list[str]:
    """The headings of `rows_of`."""
    random = _only({how(each.first) for each in found}, "the first part")
    deepest = _only({how(each.last) for each in found}, "the most parts")
    values = ["IoU", f"ρ, {random} [95 %]", "IoU then", "undefined", f"ρ, {deepest} [95 %]", "IoU then", "undefined"]
    return [*(axis_label(name) for name in found[0].place), "t", "map", *values]


def _only(names: Set[str], otherwise: str) -> str:
    """The one name, or words for several, as in a study that is not whole yet."""
    return next(iter(names)) if len(names) == 1 else otherwise


def rows_of(found: Sequence[Finding]) -> list[list[str]]:
    """A row for each finding, as texts."""
    return [
        [
            *("none" if value is None else text_of(value) for value in each.place.values()),
            str(each.timestep),
            verdict(each.first),
            number(each.start["iou"]),
            *(text for row in (each.first, each.last) for text in _texts(row)),
        ]
        for each in found
    ]


def _texts(row: Row) -> list[str]:
    undefined = row["rank_correlation_nan"]
    return [
        with_interval(row, "rank_correlation"),
        number(row["iou"]),
        "" if undefined is None else str(undefined),
    ]
