"""mIoU: the IoU of each class from all pixels of all its images together, averaged over the classes.

With the background as one of them: the measure of ImageNet-S (Gao et al., 2022, *Large-scale Unsupervised Semantic Segmentation*,
IEEE TPAMI), here of maps that only tell the image's own class from the rest.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Int, Shaped

from pcsweep.statistics.bootstrap import Resamples, ratio
from pcsweep.statistics.pxap import Pixels, once

Places = Int[np.ndarray, " some"]  # of images


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
        order, starts = self._by_class
        if not len(order):
            return np.full(len(self.pixels.all), np.nan)
        of_classes = np.add.reduceat(self._numbers[:, order], starts, axis=1)  # (rows, classes)
        background, ious = self._background(of_classes.sum(axis=1, keepdims=True)), self._of_class(of_classes)
        total = np.cumsum(np.concatenate([background.value, ious.value], axis=1), axis=1)[:, -1]
        return ratio(total, background.there[:, 0] + ious.there.sum(axis=1))

    def resampled(self, resamples: Resamples) -> Float64[np.ndarray, "timesteps resamples"]:
        """mIoU of each resample of the images; classes of which it has none are left out of its mean."""
        of_all = np.zeros((len(self._numbers), len(resamples.counts)))
        total, classes = np.zeros((len(self.pixels.all), len(resamples.counts))), np.zeros((1, len(resamples.counts)))
        for places in self._with_several:
            summed = resamples.whole_sums(self._numbers[:, places], places)
            of_all += summed
            iou = self._of_class(summed)
            total += iou.value
            classes = classes + iou.there
        places = self._alone
        of_all += resamples.whole_sums(self._numbers[:, places], places)
        for iou in (self._background(of_all), self._of_images(places, resamples)):
            total += iou.value
            classes = classes + iou.there
        return ratio(total, classes)

    def images(self) -> Int[np.ndarray, " timesteps"]:
        """How many have a map and a mask."""
        return self.pixels.images()

    @cached_property
    def _each(self) -> tuple[np.ndarray, ...]:
        """Pixels of the images: found and true, found or true, true, and all; the last two once where no timestep differs."""
        (found,), (inside,), mask = self.pixels.found, self.pixels.inside, self.pixels.mask
        return inside, found + mask - inside, once(mask), once(self.pixels.all)

    @cached_property
    def _numbers(self) -> Float[np.ndarray, "rows images"]:
        """The same in one array."""
        return np.concatenate(self._each)

    @cached_property
    def _rows(self) -> tuple[slice, ...]:
        """Where they are in it."""
        ends = np.cumsum([len(each) for each in self._each]).tolist()
        return tuple(map(slice, [0, *ends[:-1]], ends))

    @cached_property
    def _by_class(self) -> tuple[Places, Int[np.ndarray, " classes"]]:
        """The images that have pixels, class by class; and where among them each class begins."""
        there = np.flatnonzero(self.pixels.all.any(axis=0))
        order = there[np.argsort(self.classes[there], kind="stable")]
        return order, np.unique(self.classes[order], return_index=True)[1]

    @cached_property
    def _with_several(self) -> list[Places]:
        """The images of each class that has several."""
        return [places for places in self._split() if len(places) > 1]

    @cached_property
    def _alone(self) -> Places:
        """The images of classes that have one each."""
        return np.concatenate([np.empty(0, int), *(places for places in self._split() if len(places) == 1)])

    def _split(self) -> Iterator[Places]:
        order, starts = self._by_class
        yield from np.split(order, starts[1:]) if len(order) else ()

    def _of_class(self, summed: Float[np.ndarray, "rows some"]) -> "_Iou":
        """Of a class, from the sums of its images."""
        inside, either, mask, _ = (summed[rows] for rows in self._rows)
        return _Iou.of(inside, either, mask)

    def _background(self, summed: Float[np.ndarray, "rows some"]) -> "_Iou":
        """Of what is in no mask, from the sums of all images."""
        inside, either, mask, everything = (summed[rows] for rows in self._rows)
        return _Iou.of(everything - either, everything - inside, everything - mask)

    def _of_images(self, places: Places, resamples: Resamples) -> "_Iou":
        """The sum over classes of a single image each: its IoU, wherever it is drawn."""
        drawn = (resamples.by_image[places] > 0).astype(np.float64)  # (images, resamples)
        return _Iou(*(each @ drawn for each in self._of_class(self._numbers[:, places])))


class _Iou(NamedTuple):
    """The IoU of each of some classes, or their sum.

    Args:
        value: 0 where the class has no pixel.
        there: whether it has one, or how many have; a single timestep where it is the same at all.
    """

    value: Float[np.ndarray, "timesteps some"]
    there: Shaped[np.ndarray, "steps some"]

    @classmethod
    def of(cls, common: np.ndarray, either: np.ndarray, true: np.ndarray) -> "_Iou":
        """Of whole numbers of pixels: found and true, found or true, and true."""
        return cls(np.where(true > 0, common / np.maximum(either, 1), 0), np.where(true > 0, 1.0, 0.0))
