"""MaxBoxAccV2 of Choe et al. (2020, "Evaluating weakly supervised object localization methods right", CVPR).

A map is cut at a threshold; each connected part of what is above it has a bounding box. The map finds the object where the best
of these boxes overlaps the object's by an IoU of at least δ. The metric is the share of images in which it does, at the threshold
that is best for all images together, averaged over δ = 0.3, 0.5 and 0.7: no mean over images.

*How we deviate from the paper:* thresholds are those of the setting `thresholds`, where the paper takes a thousand; the object's
box is the bounding box of its whole mask, where the paper has boxes drawn by people. As in the paper's code, pixels that touch at
a corner are of one part. Ignored pixels are in no part and in no mask.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from pcsweep.metric.row import Lists, Metric, Pool, Scored, Stored
from pcsweep.statistics.bootstrap import Resamples, ratio, sums

DELTAS = (0.3, 0.5, 0.7)  # IoUs of boxes from which on an object is found
TOUCHING = np.ones((3, 3), int)  # pixels of one part: at their sides and corners
Box = tuple[slice, slice]  # rows and columns


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes of pixels.

    >>> box_iou((slice(0, 2), slice(0, 2)), (slice(0, 2), slice(1, 3)))
    0.3333333333333333
    """
    sides = [max(0, min(a.stop, b.stop) - max(a.start, b.start)) for a, b in zip(one, other, strict=True)]
    common = math.prod(sides)
    areas = [math.prod(side.stop - side.start for side in box) for box in (one, other)]
    return float(common / (sum(areas) - common))


def best_box(found: Bool[np.ndarray, "height width"], object_box: Box) -> float:
    """The highest IoU of the box of a connected part with the object's; 0 where nothing is found.

    >>> found = np.array([[True, False, True], [True, False, False]])
    >>> best_box(found, (slice(0, 2), slice(0, 1)))
    1.0
    """
    from scipy.ndimage import find_objects, label  # not above: the table of metrics is read where no map is

    parts: list[Box] = find_objects(label(found, TOUCHING)[0])
    return max((box_iou(part, object_box) for part in parts), default=0.0)


def _box_of(mask: Bool[np.ndarray, "height width"]) -> Box:
    """Of all pixels of a mask that has some."""
    ys, xs = np.nonzero(mask)
    return slice(int(ys.min()), int(ys.max()) + 1), slice(int(xs.min()), int(xs.max()) + 1)


def box_iou_at(scored: Scored) -> Lists:
    """The IoU of the best box at each threshold; NaN for an undefined map or an empty mask."""
    saliency, mask, ignore = (each.cpu().numpy() for each in (scored.saliency, scored.mask, scored.ignore))
    lists = np.full((len(saliency), len(scored.thresholds)), np.nan, np.float32)  # (batch, thresholds)
    for image, (values, seen) in enumerate(zip(saliency, mask & ~ignore, strict=True)):
        if seen.any() and not np.isnan(values).any():
            box = _box_of(seen)
            for place, threshold in enumerate(scored.thresholds):
                lists[image, place] = best_box((values > threshold) & ~ignore[image], box)
    return scored.saliency.new_tensor(lists)


@dataclass(frozen=True, eq=False)
class Hits:
    """Whether each image's object is found.

    Args:
        hit: at each δ and threshold, a share of the image's noise seeds; 0 where the image is undefined.
        defined: the share of its noise seeds that are.
    """

    hit: Float[np.ndarray, "deltas thresholds timesteps images"]
    defined: Float[np.ndarray, "timesteps images"]

    def observed(self) -> Float[np.ndarray, " timesteps"]:
        """The metric of the images."""
        return _best(self.hit.sum(axis=-1), self.defined.sum(axis=-1))

    def resampled(self, resamples: Resamples) -> Float64[np.ndarray, "timesteps resamples"]:
        """The metric of each resample of the images, each with its own best threshold."""
        hits = np.stack([sums(each, resamples.counts) for each in self.hit])  # (deltas, thresholds, timesteps, resamples)
        return _best(hits, sums(self.defined, resamples.counts))

    def images(self) -> Int[np.ndarray, " timesteps"]:
        """How many are defined."""
        count: np.ndarray = (self.defined > 0).sum(axis=-1)
        return count


def _best(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """From sums over images: at each δ the threshold that is best, and the mean over δ."""
    accuracy: np.ndarray = ratio(hits.astype(np.float64), np.broadcast_to(n, hits.shape)).max(axis=1).mean(axis=0)
    return accuracy


def max_box_acc(shards: Sequence[Stored]) -> Pool | None:
    """Of the shards of a cell, one for each noise seed."""
    found = [shard.at_thresholds("box_iou_at") for shard in shards]
    if not all(found):
        return None
    at = np.array([list(each.values()) for each in found])  # (seeds, thresholds, timesteps, images)
    undefined = np.isnan(at).any(axis=1)  # (seeds, timesteps, images)

    def of(kept: Bool[np.ndarray, "seeds timesteps images"], steps: slice) -> Hits:
        hit = np.stack([(at[:, :, steps] >= delta) & kept[:, None] for delta in DELTAS])
        return Hits(hit.mean(axis=1), kept.mean(axis=0))

    everything, both = slice(None), ~undefined & ~undefined[:, :1]
    same = (undefined == undefined[:, :1]).all()
    pairs = None if same else (of(both, everything), of(both, slice(0, 1)))
    return Pool(of(~undefined, everything), pairs, undefined.sum(axis=(0, -1)))


METRIC = Metric(name="max_box_acc", label="box accuracy", lists={"box_iou_at": box_iou_at}, pooled=max_box_acc, tested=False)
