"""mIoU: the IoU of each class from all pixels of all its images together, averaged over the classes.

With the background as one of them: the measure of ImageNet-S (Gao et al., 2022, *Large-scale Unsupervised Semantic Segmentation*,
IEEE TPAMI), here of maps that only tell the image's own class from the rest.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

from pcsweep.statistics.bootstrap import ratio, sums
from pcsweep.statistics.pxap import Pixels

Places = Int[np.ndarray, " some"] | slice


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
        found: np.ndarray = self._miou(lambda rows, _: rows.sum(axis=-1, keepdims=True))[:, 0]
        return found

    def resampled(self, counts: Float[np.ndarray, "resamples images"]) -> Float64[np.ndarray, "timesteps resamples"]:
        """mIoU of each resample of the images; classes of which it has none are left out of its mean."""
        by_image = np.ascontiguousarray(counts.T)  # from which those of a class are taken faster
        return self._miou(lambda rows, places: sums(rows, by_image[places].T))

    def images(self) -> Int[np.ndarray, " timesteps"]:
        """How many have a map and a mask."""
        return self.pixels.images()

    def _miou(self, summed: Callable[[np.ndarray, Places], np.ndarray]) -> np.ndarray:
        """The mean over classes, from sums over the images at some places: (…, images) → (…, resamples)."""
        total, classes = np.zeros(1), np.zeros(1, int)
        for places, rows in self._of_classes():
            common, either, true = summed(rows, places).astype(np.float64)
            iou = ratio(common, np.where(true > 0, either, np.nan))  # (timesteps, resamples)
            total, classes = total + np.where(np.isnan(iou), 0, iou), classes + ~np.isnan(iou)
        return ratio(total, classes)

    def _of_classes(self) -> Iterator[tuple[Places, Float64[np.ndarray, "three timesteps some"]]]:
        """Of the background and of each class: its images, and how many of their pixels are found and true, either, true."""
        (found,), (inside,), mask, all_pixels = self.pixels.found, self.pixels.inside, self.pixels.mask, self.pixels.all
        either = found + mask - inside
        yield slice(None), np.stack([all_pixels - either, all_pixels - inside, all_pixels - mask])
        of_class, there = np.stack([inside, either, mask]), np.flatnonzero(all_pixels.any(axis=0))
        for each in np.unique(self.classes[there]):
            places = there[self.classes[there] == each]
            yield places, of_class[..., places]
