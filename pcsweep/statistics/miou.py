"""mIoU: the IoU of each class from all pixels of all its images together, averaged over the classes.

With the background as one of them: the measure of ImageNet-S (Gao et al., 2022, *Large-scale Unsupervised Semantic Segmentation*,
IEEE TPAMI), here of maps that only tell the image's own class from the rest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from pcsweep.statistics.bootstrap import FEW, ratio, sums, sums_together
from pcsweep.statistics.pxap import Pixels

Places = Int[np.ndarray, " some"] | None  # of images; None where it is all


@dataclass(frozen=True, eq=False)
class PixelsOfClasses:
    """Pixels of images that each show one class.

    Args:
        classes: of the images.
        pixels: at one threshold; an image without any counts for nothing.
    """

    classes: Int[np.ndarray, " images"]
    pixels: Pixels

    def observed(self) -> Float64[np.ndarray, " timesteps"]:
        """mIoU of the images."""
        found: np.ndarray = _miou(rows.sum(axis=-1, keepdims=True) for _, rows in self._of_classes())[:, 0]
        return found

    def resampled(self, counts: Float[np.ndarray, "resamples images"]) -> Float64[np.ndarray, "timesteps resamples"]:
        """mIoU of each resample of the images; classes of which it has none are left out of its mean."""
        parts = list(self._of_classes())
        if len(counts) < FEW:  # whose sums depend in their last digits on how the counts lie in memory
            by_image = np.ascontiguousarray(counts.T)
            return _miou(sums(rows, (by_image if places is None else by_image[places]).T) for places, rows in parts)
        of_all = iter(sums_together([rows for places, rows in parts if places is None], counts))
        return _miou(next(of_all) if places is None else sums(rows, counts.take(places, axis=1)) for places, rows in parts)

    def images(self) -> Int[np.ndarray, " timesteps"]:
        """How many have a map and a mask."""
        return self.pixels.images()

    def _of_classes(self) -> Iterator[tuple[Places, Float64[np.ndarray, "three timesteps some"]]]:
        """Of the background and of each class: its images, and how many of their pixels are found and true, either, true."""
        images = len(self.classes)
        (found,), (inside,), mask, all_pixels = self.pixels.found, self.pixels.inside, self.pixels.mask, self.pixels.all
        either = found + mask - inside
        yield None, np.stack([all_pixels - either, all_pixels - inside, all_pixels - mask])
        of_class, there = np.stack([inside, either, mask]), np.flatnonzero(all_pixels.any(axis=0))
        for each in np.unique(self.classes[there]):
            places = there[self.classes[there] == each]
            yield (None, of_class) if len(places) == images else (places, of_class[..., places])


def _miou(of_classes: Iterable[np.ndarray]) -> np.ndarray:
    """The mean over classes, from the sums of each: (three, timesteps, resamples) → (timesteps, resamples)."""
    total, classes = np.zeros(1), np.zeros(1, int)
    for summed in of_classes:
        common, either, true = summed.astype(np.float64)
        iou = ratio(common, np.where(true > 0, either, np.nan))  # (timesteps, resamples)
        total, classes = total + np.where(np.isnan(iou), 0, iou), classes + ~np.isnan(iou)
    return ratio(total, classes)
