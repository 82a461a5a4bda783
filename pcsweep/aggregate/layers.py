"""Where in the network a metric changes over time: the best cell of each noise level at every pcoder."""

import numpy as np
import pyarrow.compute as pc

from pcsweep.aggregate.best import Headline, headlines, where
from pcsweep.aggregate.result import Aggregate
from pcsweep.figures.layers import LayersOverTime


def shown_layers(result: Aggregate, metric: str) -> list[LayersOverTime]:
    """Of each noise level, model and further setting the cell that is best at the last pcoder, in order.

    Args:
        result: nothing is shown of one without a table of layers.
        metric: by which cells are best; nothing where it is not measured at every pcoder.
    """
    if result.layers is None:
        return []
    best = headlines(result.table, result.facets, metric)
    return [found for each in best if (found := _over_time(result, each, metric))]


def _over_time(result: Aggregate, best: Headline, metric: str) -> LayersOverTime | None:
    assert result.layers is not None
    own = (pc.field("identity") == best.row["identity"]) & (pc.field("metric") == metric)
    rows = result.layers.filter(own).to_pylist()
    if not rows:
        return None
    layers, timesteps = (sorted({row[name] for row in rows}) for name in ("layer", "timestep"))

    def table(name: str) -> np.ndarray:
        values = {(row["layer"], row["timestep"]): row[name] for row in rows}
        return np.array([[values[layer, timestep] for timestep in timesteps] for layer in layers], dtype=float)

    return LayersOverTime(
        where=where(best),
        cell=best.coordinates,
        timesteps=timesteps,
        mean=table("mean"),
        gain=table("difference"),
        low=table("difference_low"),
        high=table("difference_high"),
        undefined=int(table("nan").sum()),
        images=best.row["images"],
    )
