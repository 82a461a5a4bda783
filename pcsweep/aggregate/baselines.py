"""What a metric of each cell is compared with: the feedforward network at t = 0, and maps that look at no image."""

import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.metric import baselines_of
from pcsweep.study.labels import START, label_of


def baselines(table: pa.Table, metric: str) -> dict[str, dict[str, float]]:
    """By the cell's identity and by label, means over its images; what was not measured, or is not defined, is left out.

    Args:
        table: of `aggregate`.
        metric: that they are of.
    """
    labels = {metric: START} | {each.metric: each.label for each in baselines_of(metric)}
    rows = table.filter((pc.field("timestep") == 0) & pc.field("metric").isin(list(labels)))
    means = {(row["identity"], row["metric"]): row["mean"] for row in rows.select(["identity", "metric", "mean"]).to_pylist()}
    found: dict[str, dict[str, float]] = {}
    for name, label in labels.items():  # in this order
        for identity in dict.fromkeys(identity for identity, of in means if of == metric):
            value = means.get((identity, name))
            if value is not None and value == value:
                found.setdefault(identity, {})[label] = value
    return found


def told(table: pa.Table, metric: str) -> list[str]:
    """A line that says them, and which of them were not measured; none where the metric was not."""
    found = list(baselines(table, metric).values())
    if not found:
        return []
    said, lacking = [], []
    for label in (START, *(each.label for each in baselines_of(metric))):
        texts = sorted({f"{each[label]:.3f}" for each in found if label in each}, key=float)
        if texts:
            said.append(f"{label}: {texts[0]}" + (f" to {texts[-1]}" if len(texts) > 1 else ""))
        else:
            lacking.append(label)
    why = f"; {', '.join(lacking)}: not measured when these shards were computed" if lacking else ""
    return [f"{label_of(metric)} {'; '.join(said)}{why}"]
