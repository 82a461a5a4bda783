"""mIoU, the measure of ImageNet-S, over all images and over those whose object has one of ImageNet-S's sizes.

Gao et al. (2022, "Large-scale Unsupervised Semantic Segmentation", IEEE TPAMI): for each class, and the background as one of
them, pixels that are the class's in truth and in prediction are summed over all images, and so are those that are in either; the
ratio of the sums is the IoU of the class, and its mean over the classes the mIoU. An object's size is its share of the image
(`pcsweep.metric.sizes`), and the mIoU of a size is that of the images with objects of this size.

The prediction is a map's: what is above the threshold is the image's own class, the rest background. It comes from the IoU and
the share that is found, so a shard has it that was made before the metric was there, if `threshold` is one of its `thresholds`.

*Where we differ from their evaluator* (`evaluation/evaluator.py` of the repository LUSSeg/ImageNet-S): nothing is predicted but
the image's own class, which is known, and its object alone is no background, even where the mask shows other classes; pixels are
those of the crop that the network sees; an image whose map or mask is undefined is left out, where theirs would take it for one
in which nothing is found; classes without a pixel are left out, as theirs are from the mIoU of a size but not from that of all.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from pcsweep.metric.row import Metric, Pool, Stored
from pcsweep.metric.sizes import SIZES, SizeClass
from pcsweep.statistics.miou import PixelsOfClasses
from pcsweep.statistics.pxap import pixels


def miou(shards: Sequence[Stored], size: SizeClass | None = None) -> Pool | None:
    """Of the shards of a cell, one for each noise seed; of the images of one size, or of all."""
    found = [[shard.at_thresholds(column).get(shard.threshold) for column in ("iou_at", "found_at")] for shard in shards]
    if any(values is None for each in found for values in each):
        return None
    at, above = (np.array(each) for each in zip(*found, strict=True))  # (seeds, timesteps, images)
    area = np.array([shard.metrics["area"] for shard in shards])
    chosen = size.has(area[0, 0]) if size else np.ones(at.shape[-1], bool)
    own, pairs = pixels(np.where(chosen, at, np.nan)[:, None], above[:, None], area, np.array([shard.pixels for shard in shards]))
    of_classes = partial(PixelsOfClasses, shards[0].classes)
    return Pool(
        of_classes(own),
        (of_classes(pairs[0]), of_classes(pairs[1])) if pairs else None,
        np.isnan(at[..., chosen]).sum(axis=(0, -1)),
    )


NEEDS = "`iou` in `metrics`, and `threshold` among `thresholds`"
METRICS = (
    Metric(name="miou", label="mIoU", place=6, pooled=miou, tested=False, needs=NEEDS),
    *(
        Metric(
            name=f"miou@{size.name}",
            label=f"mIoU@{size.name}",
            place=7 + number,
            pooled=partial(miou, size=size),
            tested=False,
            needs=NEEDS,
        )
        for number, size in enumerate(SIZES)
    ),
)
