"""The best cells of a study, and what in it calls for a second look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.pages import Row, in_order, is_control

FEW_IMAGES = 20  # intervals of fewer are too narrow
UNDEFINED = 0.01  # share of NaN that is pointed out
_COEFFICIENTS = ("pcoder", "beta", "lambda", "alpha", "pcoder.beta", "pcoder.lambda", "pcoder.alpha")


@dataclass(frozen=True)
class Headline:
    """The cell and timestep of the highest value(t) / value(0) of a metric, among cells that differ in coefficients and active
    pcoders alone.

    The best of many looks better than it is; `q` of its rows takes the whole grid into account, its interval does not.

    Args:
        metric: by which it is best.
        group: what these cells share: values of the columns that vary in the study, such as σ.
        metrics: the rows at that timestep, by metric.
        start: the rows of the same cell at t = 0, by metric.
    """

    metric: str
    group: dict[str, Any]
    metrics: dict[str, Row]
    start: dict[str, Row]

    @property
    def row(self) -> Row:
        """Of that metric."""
        return self.metrics[self.metric]


def headlines(table: pa.Table, facets: Sequence[str], metric: str = "iou") -> list[Headline]:
    """One for each σ, model, noise and further setting, in order; none where the metric was not measured or nothing is defined.

    Args:
        table: of `aggregate`.
        facets: its columns beside the axes that tell cells apart.
        metric: by which cells are best.
    """
    rows = table.filter((pc.field("metric") == metric) & (pc.field("timestep") > 0)).to_pylist()
    rows = [row for row in rows if row["normalized"] == row["normalized"]]
    names = groups(rows, facets)
    found = []
    for group in in_order({tuple(row[name] for name in names) for row in rows}):
        of_group = [row for row in rows if tuple(row[name] for name in names) == group]
        best = max(of_group, key=lambda row: row["normalized"])
        cell = table.filter(pc.field("identity") == best["identity"]).to_pylist()
        at = [{row["metric"]: row for row in cell if row["timestep"] == timestep} for timestep in (best["timestep"], 0)]
        found.append(Headline(metric, dict(zip(names, group, strict=True)), *at))
    return found


def groups(rows: Sequence[Row], facets: Sequence[str]) -> list[str]:
    """The columns that vary and are no coefficients, σ always among them."""
    names = ["model", "noise", *(name for name in facets if not is_coefficient(name))]
    return [name for name in names if len({row[name] for row in rows}) > 1] + ["sigma"]


def is_coefficient(name: str) -> bool:
    """Whether a column is one of those in which the cells behind a headline may differ."""
    return name in _COEFFICIENTS


def suspicions(table: pa.Table, facets: Sequence[str]) -> list[str]:
    """What is wrong, or may be, in a line each."""
    return [
        *_uneven_control(table),
        *_at_chance(table, facets),
        *_undefined(table),
        *_too_few(table),
        *_uneven_seeds(table),
    ]


def control_strays(table: pa.Table) -> float | None:
    """By how much IoU(t) / IoU(0) of the feedforward control strays from 1 at most; None where there is no control."""
    rows = table.filter(pc.field("metric") == "iou").to_pylist()
    strays = [abs(row["normalized"] - 1) for row in rows if is_control(row) and row["normalized"] == row["normalized"]]
    return max(strays, default=None)


def _uneven_control(table: pa.Table) -> list[str]:
    strays = control_strays(table)
    if strays is None or strays < 1e-6:
        return []
    return [f"The feedforward control (β=1, λ=0, α=0) is not flat: IoU(t) / IoU(0) strays from 1 by up to {strays:.3g}"]


def _at_chance(table: pa.Table, facets: Sequence[str]) -> list[str]:
    """Where the feedforward network's accuracy is no better than guessing among the images' classes."""
    rows = table.filter((pc.field("metric") == "correct") & (pc.field("timestep") == 0)).to_pylist()
    names = groups(rows, facets) if rows else []
    lines: dict[str, None] = {}
    for row in rows:
        if row["categories"] > 1 and row["low"] <= 1 / row["categories"]:
            where = ", ".join(f"{'σ' if name == 'sigma' else name}={row[name]}" for name in names)
            text = f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}] with {row['categories']} classes"
            lines[f"Accuracy at chance at t=0, {where}: {text}"] = None
    return list(lines)


def _undefined(table: pa.Table) -> list[str]:
    sums = table.group_by("metric").aggregate([("nan", "sum")]).to_pylist()
    each = pc.multiply(table["images"], table["seeds"])
    totals = pa.table({"metric": table["metric"], "all": each}).group_by("metric").aggregate([("all", "sum")]).to_pylist()
    totals_of = {row["metric"]: row["all_sum"] for row in totals}
    shares = {row["metric"]: row["nan_sum"] / totals_of[row["metric"]] for row in sums}
    texts: dict[float, list[str]] = {}
    for metric, share in shares.items():
        if share > UNDEFINED:
            texts.setdefault(share, []).append(metric)
    return [f"Undefined (NaN): {share:.1%} of {', '.join(sorted(metrics))}" for share, metrics in texts.items()]


def _too_few(table: pa.Table) -> list[str]:
    pairs = table.group_by(["images", "images_asked"]).aggregate([]).to_pylist()
    lines = [
        f"Only {row['images']} images, {row['images_asked']} were asked for"
        for row in pairs
        if row["images_asked"] is not None and row["images"] < row["images_asked"]
    ]
    least = min(row["images"] for row in pairs)
    return lines + (
        [f"Only {least} images: intervals are too narrow, and few p-values are possible"] if least < FEW_IMAGES else []
    )


def _uneven_seeds(table: pa.Table) -> list[str]:
    seeds = table.group_by("seeds").aggregate([("identity", "count_distinct")]).to_pylist()
    if len(seeds) < 2:
        return []
    each = ", ".join(f"{row['seeds']} in {row['identity_count_distinct']}" for row in sorted(seeds, key=lambda row: row["seeds"]))
    return [f"Cells have different numbers of noise seeds: {each}"]
