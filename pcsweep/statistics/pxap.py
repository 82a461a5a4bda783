"""PxAP: average precision of all pixels of all images together (Choe et al., 2020, "Evaluating weakly supervised object
localization methods right", CVPR).

*Where we differ:* they sum steps over 1,000 thresholds; from the dozen that a shard keeps, the area is taken by trapezoids, down
to the point where every pixel is found. On maps of the embedded model that was within 0.003 of their sum.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from pcsweep.statistics.bootstrap import Resamples, ratio


@dataclass(frozen=True, eq=False)
class Pixels:
    """Numbers of pixels per image, zero where the map or the mask is undefined.

    Args:
        found: above each threshold, thresholds from high to low.
        inside: those of them in the mask.
        mask: in the mask.
        all: that are looked at.
    """

    found: Float[np.ndarray, "thresholds timesteps images"]
    inside: Float[np.ndarray, "thresholds timesteps images"]
    mask: Float[np.ndarray, "timesteps images"]
    all: Float[np.ndarray, "timesteps images"]

    def observed(self) -> Float[np.ndarray, " timesteps"]:
        """PxAP of the images."""
        return pxap(*(each.astype(np.float64).sum(axis=-1) for each in (self.found, self.inside, self.mask, self.all)))

    def resampled(self, resamples: Resamples) -> Float64[np.ndarray, "timesteps resamples"]:
        """PxAP of each resample of the images."""
        each = self.found, self.inside, once(self.mask), once(self.all)
        rows = [values.reshape(-1, values.shape[-1]) for values in each]
        summed = resamples.whole_sums(np.concatenate(rows)).astype(np.float64)
        found, inside, *of_all = np.split(summed, np.cumsum([len(values) for values in rows])[:-1])
        shape = *self.found.shape[:-1], -1  # thresholds, timesteps, resamples
        found, inside = found.reshape(shape), inside.reshape(shape)
        return pxap(found, inside, *(np.broadcast_to(values, found.shape[1:]) for values in of_all))

    def images(self) -> Int[np.ndarray, " timesteps"]:
        """How many have a map and a mask."""
        count: np.ndarray = (self.all > 0).sum(axis=-1)
        return count


def once(values: Float[np.ndarray, "timesteps images"]) -> Float[np.ndarray, "some images"]:
    """A single timestep where all are equal."""
    return values[:1] if (values == values[:1]).all() else values


def pxap(
    found: Float[np.ndarray, "thresholds *rows"],
    inside: Float[np.ndarray, "thresholds *rows"],
    mask: Float[np.ndarray, "*rows"],
    all_pixels: Float[np.ndarray, "*rows"],
) -> Float[np.ndarray, "*rows"]:
    """Area under precision over recall, from sums of pixels over images; thresholds from high to low.

    Half of the mask is found, with nothing else; then all pixels, half of which are the mask's:

    >>> pxap(np.array([[2.0]]), np.array([[2.0]]), np.array([4.0]), np.array([8.0])).item()
    0.875
    """
    recall = np.concatenate([np.zeros_like(inside[:1]), ratio(inside, mask), np.ones_like(inside[:1])])
    precision = np.concatenate([ratio(inside, found), ratio(mask, all_pixels)[None]])
    for below in range(len(precision) - 2, -1, -1):  # where nothing is above a threshold, the next lower one says it
        precision[below] = np.where(np.isnan(precision[below]), precision[below + 1], precision[below])
    heights = np.concatenate([precision[:1], precision])
    area: np.ndarray = (np.diff(recall, axis=0) * (heights[1:] + heights[:-1]) / 2).sum(axis=0)
    return area


def pixels(
    iou_at: Float[np.ndarray, "seeds thresholds timesteps images"],
    found_at: Float[np.ndarray, "seeds thresholds timesteps images"],
    area: Float[np.ndarray, "seeds timesteps images"],
    count: Float[np.ndarray, "seeds timesteps images"],
) -> tuple[Pixels, tuple[Pixels, Pixels] | None]:
    """Numbers of pixels from shards' shares, added over noise seeds.

    Of what is defined at t; and, where that is not what is defined at 0, of what is at both: those at t and those at 0.

    With IoU u, share found f and share of the mask a, the pixels found in the mask are u (f + a) / (1 + u) of all.
    """
    defined = ~np.isnan(iou_at).any(axis=1) & ~np.isnan(found_at).any(axis=1)
    total = np.asarray(count, np.float64)
    mask = np.rint(np.where(defined, area, 0) * total)
    found = np.rint(np.where(defined[:, None], found_at, 0) * total[:, None])
    u = np.where(defined[:, None], iou_at, 0)
    inside = np.rint(u * (found + mask[:, None]) / (1 + u))

    def of(both: Bool[np.ndarray, "seeds timesteps images"], steps: slice) -> Pixels:
        kept = (
            found[:, :, steps] * both[:, None],
            inside[:, :, steps] * both[:, None],
            mask[:, steps] * both,
            total[:, steps] * both,
        )
        return Pixels(*(each.sum(axis=0) for each in kept))

    everything, start = slice(None), slice(0, 1)
    both = defined & defined[:, :1]
    if (defined == defined[:, :1]).all():
        return of(defined, everything), None
    return of(defined, everything), (of(both, everything), of(both, start))
