"""The best cells of a study, and what in it calls for a second look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate.choice import CHOOSING, best_places, group_columns
from pcsweep.aggregate.result import rules_in
from pcsweep.console.text import number_of
from pcsweep.statistics.permutation import SIGNIFICANT
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import (
    DYNAMICS,
    SYMBOLS,
    Row,
    axis_label,
    beside,
    coefficient,
    condition_text,
    in_order,
    label_of,
    on_axes,
    rule_of_row,
    text_of,
)
from pcsweep.study.variants import with_rule_label

FEW_IMAGES = 20  # intervals of fewer are too narrow
_LISTED = 5  # sets of noise seeds
UNDEFINED = 0.01  # share of NaN that is pointed out
WORST = 0.1  # share of NaN of one cell and timestep that is pointed out


@dataclass(frozen=True)
class Headline:
    """The cell and timestep of the best value(t) / value(0) of a metric: the highest, or the lowest where lower is better.

    It is the best among cells that differ in coefficients and active pcoders alone.

    The best of many looks better than it is: its interval and q do not know that it was chosen; `p_grid` holds all the same, and
    so does what the confirming half of the images says of the choice of the other half, which may be another cell.

    Args:
        metric: by which it is best.
        group: what these cells share: values of the columns that vary in the study, such as σ.
        metrics: the rows at that timestep, by metric.
        start: the rows of the same cell at t = 0, by metric.
        coefficients: the columns of coefficients that vary in the study; those of a heatmap, such as β and λ, always.
        choice: the row that is best on the choosing half of the images; None where nothing is defined there.
    """

    metric: str
    group: dict[str, Any]
    metrics: dict[str, Row]
    start: dict[str, Row]
    coefficients: tuple[str, ...] = ()
    choice: Row | None = None

    @property
    def row(self) -> Row:
        """Of that metric."""
        return self.metrics[self.metric]

    def __str__(self) -> str:
        """Such as `β = 0.8, λ = 0.2, t = 6`, with α and active pcoders where they vary in the study."""
        return f"{self.coordinates}, t = {self.row['timestep']}"

    @property
    def coordinates(self) -> str:
        """Its coefficients."""
        return self.coordinates_of(self.row)

    def coordinates_of(self, row: Row) -> str:
        """The coefficients of another row of its group."""
        values = ((name, coefficient(row, name)) for name in self.coefficients)
        return ", ".join(f"{SYMBOLS.get(name, name)} = {text_of(value)}" for name, value in values if value is not None)


def where(headline: Headline) -> str:
    """What the cells behind it share, such as `σ = 0.4`; no σ where there is none and something else tells the cells apart."""
    group = with_rule_label(headline.group)
    told = {name: value for name, value in group.items() if value is not None or len(group) == 1}
    if "noise" in told:
        return condition_text(told.items())
    return ", ".join(f"{axis_label(name)} = {'none' if value is None else text_of(value)}" for name, value in told.items())


def headlines(table: pa.Table, facets: Sequence[str], metric: str = "iou") -> list[Headline]:
    """One for each σ, model, noise and further setting, in order; none where the metric was not measured or nothing is defined.

    Cells that cannot change are left out: where feedback only harms, the best is below 1.

    Args:
        table: of `aggregate`.
        facets: its columns beside the axes that tell cells apart.
        metric: by which cells are best.
    """
    of_metric = table.filter(pc.field("metric") == metric)
    rows = of_metric.filter((pc.field("timestep") > 0) & ~pc.field("fixed")).to_pylist()
    rows = [row for row in rows if row["normalized"] == row["normalized"]]
    names = groups(rows, facets)
    varying = [name for name in (*beside(rows), "pcoder") if len({coefficient(row, name) for row in rows} - {None}) > 1]
    best, choices = (_by_group(of_metric, facets, names, statistic) for statistic in ("normalized", CHOOSING))
    found = []
    for group in in_order(set(best)):
        cell = table.filter(pc.field("identity") == best[group]["identity"]).to_pylist()
        timesteps = best[group]["timestep"], 0
        then, start = ({row["metric"]: row for row in cell if row["timestep"] == timestep} for timestep in timesteps)
        of_group = dict(zip(names, group, strict=True))
        found.append(Headline(metric, of_group, then, start, (*on_axes(rows), *varying), choices.get(group)))
    return found


def _by_group(table: pa.Table, facets: Sequence[str], names: Sequence[str], statistic: str) -> dict[tuple[Any, ...], Row]:
    """The row of each group's best value of a statistic, by the group's values of the columns named."""
    rows = table.take(pa.array(best_places(table, facets, statistic))).to_pylist()
    return {tuple(row[name] for name in names): row for row in rows}


def groups(rows: Sequence[Row], facets: Sequence[str]) -> list[str]:
    """The columns that vary and are no coefficients, σ always among them."""
    return [name for name in group_columns(facets) if name == "sigma" or len({row[name] for row in rows}) > 1]


def suspicions(table: pa.Table, facets: Sequence[str]) -> list[str]:
    """What is wrong, or may be, in a line each."""
    return [
        *_uneven_control(table),
        *_at_chance(table, facets),
        *_unmeasured(table),
        *_undefined(table, facets),
        *_too_few(table),
        *_uneven_seeds(table),
        *_coarse(table),
    ]


def control_strays(table: pa.Table) -> float | None:
    """By how much IoU(t) / IoU(0) of a cell that cannot change strays from 1 at most; None without such cells."""
    strays = table.filter((pc.field("metric") == "iou") & pc.field("fixed"))["normalized"].to_numpy()
    strays = np.abs(strays[~np.isnan(strays)] - 1)
    return float(strays.max()) if strays.size else None


def control_of(table: pa.Table) -> str:
    """Which cells cannot change, in symbols, such as λ=0, α=0; of several rules each."""
    return "; ".join(rule.control.replace(" = ", "=") for rule in rules_in(table))


def _uneven_control(table: pa.Table) -> list[str]:
    strays = control_strays(table)
    if strays is None or strays < 1e-6:
        return []
    return [f"The control (cells with {control_of(table)}) is not flat: IoU(t) / IoU(0) strays from 1 by up to {strays:.3g}"]


def _at_chance(table: pa.Table, facets: Sequence[str]) -> list[str]:
    """Where the feedforward network's accuracy is no better than guessing among the images' classes."""
    rows = table.filter((pc.field("metric") == "correct") & (pc.field("timestep") == 0)).to_pylist()
    names = groups(rows, facets) if rows else []
    lines: dict[str, None] = {}
    for row in rows:
        if row["categories"] > 1 and row["low"] <= 1 / row["categories"]:
            known = [name for name in names if row[name] is not None or len(names) == 1]
            where = ", ".join(f"{SYMBOLS.get(name, name)}={_said(row, name)}" for name in known)
            text = f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}] with {row['categories']} classes"
            lines[f"Accuracy at chance at t=0, {where}: {text}"] = None
    return list(lines)


def _unmeasured(table: pa.Table) -> list[str]:
    """Metrics that some cells have and others do not: these were computed before the metric was there."""
    cells = pc.count_distinct(table["identity"]).as_py()
    metrics = table.group_by("metric", use_threads=False).aggregate([("identity", "count_distinct")]).to_pylist()
    texts: dict[str, list[str]] = {}
    for row in metrics:
        missing = cells - row["identity_count_distinct"]
        if missing and "@" not in row["metric"]:
            texts.setdefault(f"{missing} of {number_of(cells, 'cell')}", []).append(label_of(row["metric"]))
    return [f"Not measured in {where}: {', '.join(names)}" for where, names in texts.items()]


def _undefined(table: pa.Table, facets: Sequence[str]) -> list[str]:
    """Metrics of which much is undefined, alike ones together, and where it is worst."""
    metrics = table["metric"].to_numpy(zero_copy_only=False)
    nan, values = table["nan"].to_numpy(), pc.multiply(table["images"], table["seeds"]).to_numpy()
    texts: dict[str, list[str]] = {}
    names = dict.fromkeys(metrics)
    for metric in [name for name in names if "iou" not in names or "@" not in name]:  # undefined together
        rows = np.flatnonzero(metrics == metric)
        share, each = nan[rows].sum() / values[rows].sum(), nan[rows] / values[rows]
        if share > UNDEFINED or each.max() > WORST:
            worst = table.slice(int(rows[each.argmax()]), 1).to_pylist()[0]
            noisy = [name for name in ("sigma", *filter(is_noise, facets)) if worst[name] is not None] or ["sigma"]
            where = ", ".join(f"{SYMBOLS.get(name, name)}={_said(worst, name)}" for name in (*noisy, *rule_of_row(worst).axes))
            texts.setdefault(f"{share:.1%}; {each.max():.0%} at {where}, t={worst['timestep']}", []).append(label_of(metric))
    return [f"Undefined (NaN) in {', '.join(names)}: {text}" for text, names in texts.items()]


def _said(row: Row, name: str) -> str:
    value = coefficient(row, name) if name in DYNAMICS else row[name]
    return "none" if value is None else text_of(value)


def _too_few(table: pa.Table) -> list[str]:
    pairs = table.group_by(["images", "images_asked"]).aggregate([]).to_pylist()
    lines = [
        f"{row['images']} images in a shard of {row['images_asked']}"
        for row in pairs
        if row["images_asked"] is not None and row["images"] < row["images_asked"]
    ]
    least = min(row["images"] for row in pairs)
    if least < FEW_IMAGES:
        why = "intervals are too narrow, few p-values are possible, and halves are too small to confirm a best cell"
        lines.append(f"Only {number_of(least, 'image')}: {why}")
    return lines


def _uneven_seeds(table: pa.Table) -> list[str]:
    seeds = table.group_by("noise_seeds").aggregate([("identity", "count_distinct")]).to_pylist()
    if len(seeds) < 2:
        return []
    cells = [number_of(row["identity_count_distinct"], "cell") for row in seeds]
    each = "; ".join(f"{row['noise_seeds']} in {count}" for row, count in zip(seeds[:_LISTED], cells, strict=False))
    return [f"Cells have different noise seeds: {each}{'; …' if len(seeds) > _LISTED else ''}"]


def _coarse(table: pa.Table) -> list[str]:
    """Metrics in which no q is small, although there is a p as small as the number of permutations and images allows."""
    floor = pc.min(table["p_least"]).as_py()
    if pc.min(table["images"]).as_py() < FEW_IMAGES:
        return []  # said already
    names = []
    for metric in pc.unique(table["metric"]).to_pylist():
        p, q = (table.filter(pc.field("metric") == metric)[name].to_numpy() for name in ("p", "q"))
        p, q = p[~np.isnan(p)], q[~np.isnan(q)]
        if p.size and q.min() >= SIGNIFICANT and p.min() <= 1.01 * floor:
            names.append(label_of(metric))
    told = f"the smallest p that so few permutations= allow, {floor:.2g}, is too large for so many tests"
    return [f"No q of {', '.join(names)} is below {SIGNIFICANT}: {told}"] if names else []
