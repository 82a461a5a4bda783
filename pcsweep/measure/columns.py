"""The columns that metrics make of a batch of maps."""

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor

from pcsweep.metric import FILES, TABLE
from pcsweep.metric.row import Scored


def measured_by(
    scored: Scored, metrics: Collection[str], around: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()
) -> dict[str, Tensor]:
    """The columns of the metrics that are asked for, and of those that always are: (batch,) or (batch, thresholds) each.

    With a probe they are those of metrics that ask the network about other images, without one those of all others.

    Args:
        scored: a batch.
        metrics: that are asked for.
        around: of each metric, by its file, what its computation is done within.

    Raises:
        ValueError: a metric returns another shape; names its file.
    """
    found: dict[str, Tensor] = {}
    for name, row in TABLE.items():
        if (row.asked and name not in metrics) or bool(row.variants) != bool(scored.probe):
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
