"""PxAP, from the IoU and the share that is found at each threshold (see `pcsweep.statistics.pxap`)."""

from collections.abc import Sequence

import numpy as np

from pcsweep.metric.row import Metric, Pool, Stored
from pcsweep.statistics.pxap import pixels


def pxap(shards: Sequence[Stored]) -> Pool | None:
    """Of the shards of a cell, one for each noise seed."""
    iou, found = ([shard.at_thresholds(column) for shard in shards] for column in ("iou_at", "found_at"))
    if not all(found):
        return None
    at = np.array([list(each.values()) for each in iou])  # (seeds, thresholds, timesteps, images)
    own, pairs = pixels(
        at,
        np.array([list(each.values()) for each in found]),
        np.array([shard.metrics["area"] for shard in shards]),
        np.array([shard.pixels for shard in shards]),
    )
    return Pool(own, pairs, np.isnan(at).any(axis=1).sum(axis=(0, -1)))


METRIC = Metric(name="pxap", label="PxAP", place=5, pooled=pxap, tested=False, needs="`iou` in `metrics`, and `thresholds`")
