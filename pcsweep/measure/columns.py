"""The columns of a shard: what metrics make of a batch of maps, and their order in time."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import Tensor

from pcsweep.metric import FILES, TABLE
from pcsweep.metric.row import Scored

Columns = dict[str, Any]


def measured_by(
    scored: Scored,
    metrics: Collection[str],
    around: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    known: Mapping[str, Tensor] = MappingProxyType({}),
) -> dict[str, Tensor]:
    """The columns of the metrics that are asked for, and of those that always are: (batch,) or (batch, thresholds) each.

    With a probe they are those of metrics that ask the network about other images, without one those of all others.

    Args:
        scored: a batch.
        metrics: that are asked for.
        around: of each metric, by its file, what its computation is done within.
        known: columns that are known already, such as those of the masks alone.

    Raises:
        ValueError: a metric returns another shape; names its file.
    """
    found: dict[str, Tensor] = {}
    for name, row in TABLE.items():
        if (row.asked and name not in metrics) or bool(row.variants) != bool(scored.probe):
            continue
        if row.columns and known.keys() >= set(row.columns):
            found |= {column: known[column] for column in row.columns}
            continue
        with around(str(FILES[name])):
            own = {name: row.measured(scored)} if row.measured else {}
            own |= {column: value(scored) for column, value in row.lists.items()}
        for column, values in own.items():
            shape = (len(scored.saliency), len(scored.thresholds))[: 2 if column in row.lists else 1]
            if not isinstance(values, Tensor) or tuple(values.shape) != shape or values.is_complex():
                got = f"{tuple(values.shape)}" if isinstance(values, Tensor) else f"a {type(values).__name__}"
                raise ValueError(f"Expected `{column}` of {FILES[name]} to be a tensor of shape {shape}, but got {got}.")
        found |= own
    return found


def over_time(name: str, steps: Sequence[Columns], images: int) -> np.ndarray:
    """A column at t = 0..T, (images, T + 1, …); None at timesteps at which it was not measured."""
    if all(name in step for step in steps):
        return np.stack([step[name][:images] for step in steps], axis=1)
    column = np.full((images, len(steps)), None)
    for timestep, step in enumerate(steps):
        column[:, timestep] = step[name][:images] if name in step else None
    return column


def summary(columns: Columns) -> str:
    """Mean IoU at the first and the last timestep."""
    if "iou" not in columns:
        return "measured"
    timestep, iou = np.asarray(columns["timestep"]), columns["iou"]
    first, last = (np.asarray(iou, dtype=float)[timestep == t] for t in (0, timestep.max()))
    if np.isnan(first).all() or np.isnan(last).all():
        return "IoU undefined"
    return f"IoU {np.nanmean(first):.3f} at t=0, {np.nanmean(last):.3f} at t={timestep.max()}"
