"""What a study's table says in a few lines of text."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.cells import Coordinates
from pcsweep.pages import coefficient, is_control

LISTED = 20  # missing cells named


def summary(
    table: pa.Table,
    skipped: Sequence[Coordinates],
    missing: Sequence[Coordinates],
    damaged: Sequence[str],
    commands: Sequence[str],
) -> list[str]:
    """What there is, what is missing and the commands that compute it, and of which metrics much is undefined."""
    there = pc.count_distinct(table["identity"]).as_py()
    counts = f"{there} found, {len(skipped)} skipped (β + λ > 1), {len(missing)} missing"
    lines = [f"Cells: {counts}, {len(damaged)} damaged"]
    lines += [f"  damaged, moved aside: {text}" for text in damaged]
    lines += [f"  missing: {describe(place)}" for place in missing[:LISTED]]
    if len(missing) > LISTED:
        lines.append(f"  … and {len(missing) - LISTED} more missing")
    lines += [f"  computed by: {command}" for command in commands]
    return lines + _inert(table) + _undefined(table)


def describe(place: Coordinates) -> str:
    """A cell in a few words."""
    symbols = {"sigma": "σ", "beta": "β", "lambda": "λ", "alpha": "α"}
    return " ".join(f"{symbols.get(name, name)}={value}" for name, value in place.items() if value is not None)


def _inert(table: pa.Table) -> list[str]:
    count = pc.count_distinct(table.filter(table["lambda_inert"])["identity"]).as_py()
    reason = "only the last pcoder is active, and no feedback reaches it: cells that differ in λ alone are equal"
    return [f"λ is inert in {count} cell{'s' * (count != 1)}: {reason}"] if count else []


def _undefined(table: pa.Table) -> list[str]:
    """Metrics of which more than 1 % of the values is undefined."""
    sums = table.group_by("metric").aggregate([("n", "sum"), ("nan", "sum")]).to_pylist()
    shares = {row["metric"]: row["nan_sum"] / (row["n_sum"] + row["nan_sum"]) for row in sums}
    return [f"Undefined (NaN): {share:.1%} of {metric}" for metric, share in sorted(shares.items()) if share > 0.01]


def findings(table: pa.Table) -> list[str]:
    """The peak of IoU(t) / IoU(0) per noise level, and how far the feedforward control strays from 1."""
    rows = [row for row in table.filter(pc.field("metric") == "iou").to_pylist() if row["normalized"] == row["normalized"]]
    lines = []
    for sigma in dict.fromkeys(row["sigma"] for row in rows):
        best = max((row for row in rows if row["sigma"] == sigma), key=lambda row: row["normalized"])
        place = describe({axis: coefficient(best, axis) for axis in ("beta", "lambda", "alpha")} | {"pcoder": best["pcoder"]})
        level = "No σ" if sigma is None else f"σ={sigma}"
        lines.append(f"{level}: IoU(t) / IoU(0) peaks at {best['normalized']:.3f} with {place}, t={best['timestep']}")
    control = [abs(row["normalized"] - 1) for row in rows if is_control(row)]
    if control:
        flat = "is flat" if max(control) < 1e-6 else f"is not flat: it strays from 1 by up to {max(control):.3g}"
        lines.append(f"The feedforward control (β=1, λ=0, α=0) {flat}")
    return lines
