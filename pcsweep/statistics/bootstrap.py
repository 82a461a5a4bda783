"""The paired bootstrap over images (Efron and Tibshirani, 1993).

The same resamples of the images serve every metric, timestep and cell, so ratios and differences between them are paired.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int

LEVELS = (0.025, 0.975)  # of the 95 % percentile interval
FEW = 500  # resamples, of which products take no time
EXACT = 2**24  # whole numbers up to here are added without rounding in single precision


def resampling(images: int, resamples: int, seed: int) -> Float32[np.ndarray, "resamples images"]:
    """How often each image is drawn in each resample: `images` draws with replacement per row."""
    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, images), np.float32)
    for row in counts:
        row[:] = np.bincount(generator.integers(0, images, images), minlength=images)
    return counts


@dataclass(frozen=True, eq=False)
class Resamples:
    """Resamples of the images, and of these what sums of whole numbers need.

    Args:
        counts: how often each image is in each resample.
    """

    counts: Float32[np.ndarray, "resamples images"]

    @cached_property
    def by_image(self) -> Float32[np.ndarray, "images resamples"]:
        """The same numbers; those of an image lie beside each other."""
        return np.ascontiguousarray(self.counts.T)

    @cached_property
    def most(self) -> int:
        """The most that any image is in any resample."""
        return int(self.counts.max(initial=0))

    def whole_sums(
        self, numbers: Float[np.ndarray, "rows some"], images: Int[np.ndarray, " some"] | None = None
    ) -> Float[np.ndarray, "rows resamples"]:
        """The sum of each resample, exactly: of whole numbers, none below 0, which add up to less than 2⁵³.

        So that the sums depend neither on how they are computed nor on what is computed with them. Products are in single
        precision, of as many images as cannot add up to more than it holds exactly; so are the sums, where one product is enough.

        Args:
            numbers: of the images.
            images: which these are; all if it is not given.
        """
        counts = self.by_image if images is None else self.by_image[images]
        largest = numbers.max(initial=0)
        if largest * self.most > EXACT:
            return numbers @ counts.astype(np.float64)
        rows = numbers.astype(np.float32)
        first, *others = self._parts(counts, int(EXACT // max(largest, 1)))
        found: np.ndarray = rows[:, first] @ counts[first]
        if others:
            found = found.astype(np.float64)
        for part in others:
            found += rows[:, part] @ counts[part]
        return found

    def _parts(self, counts: Float32[np.ndarray, "some resamples"], allowed: int, start: int = 0) -> Iterator[slice]:
        """Images one after the other, of which no resample has more than `allowed` together."""
        size = len(counts)
        if size * self.most <= allowed or (size <= allowed and counts.sum(axis=0).max() <= allowed):
            yield slice(start, start + size)
        else:
            yield from self._parts(counts[: size // 2], allowed, start)
            yield from self._parts(counts[size // 2 :], allowed, start + size // 2)


def means(
    values: Float[np.ndarray, "*rows images"], counts: Float32[np.ndarray, "resamples images"]
) -> Float64[np.ndarray, "*rows resamples"]:
    """The mean of each resample, of what is defined; NaN of nothing.

    Deviations from each row's own mean are added in single precision, so that rounding is small beside their spread.
    """
    return means_together([values], counts)[0]


def means_together(
    each: Sequence[Float[np.ndarray, "... images"]], counts: Float32[np.ndarray, "resamples images"]
) -> list[np.ndarray]:
    """The `means` of several at once, as `sums_together`."""
    defined = [~np.isnan(values) for values in each]
    centres = [mean(values)[..., None] for values in each]
    deviations = [np.where(known, values - centre, 0) for values, known, centre in zip(each, defined, centres, strict=True)]
    partly = [place for place, known in enumerate(defined) if not known.all()]
    summed = sums_together([*deviations, *(defined[place].astype(np.float32) for place in partly)], counts)
    drawn = dict(zip(partly, summed[len(each) :], strict=True))  # how many of each resample's draws are defined
    images = np.float32(counts.shape[-1])
    return [ratio(summed[place], drawn.get(place, images)) + centre for place, centre in enumerate(centres)]


def mean(values: Float[np.ndarray, "*rows images"]) -> Float64[np.ndarray, "*rows"]:
    """Of what is defined, in double precision; NaN of nothing."""
    return ratio(np.asarray(np.nansum(values, axis=-1, dtype=np.float64)), (~np.isnan(values)).sum(axis=-1))


def sums(
    values: Float[np.ndarray, "*rows images"], counts: Float32[np.ndarray, "resamples images"]
) -> Float32[np.ndarray, "*rows resamples"]:
    """The sum of each resample; rows that are equal are summed once, and so have equal sums to the bit."""
    return sums_together([values], counts)[0]


def sums_together(
    each: Sequence[Float[np.ndarray, "... images"]], counts: Float32[np.ndarray, "resamples images"]
) -> list[np.ndarray]:
    """The `sums` of several at once, in one product: one of a hundred rows takes a quarter of the time of nine of eleven.

    Where all rows of one are equal it is multiplied alone, and so is each with few resamples: the library adds what is small in
    another order, which would show in the last digits.
    """
    if len(counts) < FEW and len(each) > 1:
        return [sums(values, counts) for values in each]
    found: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    places: list[tuple[int, list[int]]] = []  # of each that is in the product: which, and its rows' places there
    for number, values in enumerate(each):
        unique, own = _unique(np.ascontiguousarray(values, np.float32).reshape(-1, values.shape[-1]))
        if len(unique) == 1:
            found.append((unique @ counts.T)[own])
        else:
            found.append(unique)  # until the product is there
            before = sum(map(len, rows))
            places.append((number, [before + place for place in own]))
            rows.append(unique)
    if rows:
        product = (rows[0] if len(rows) == 1 else np.concatenate(rows)) @ counts.T
        for number, own in places:
            found[number] = product[own]
    return [summed.reshape(*values.shape[:-1], -1) for summed, values in zip(found, each, strict=True)]


def _unique(rows: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Each different row once, and for every row which of them it is."""
    first: dict[bytes, int] = {}
    firsts = [first.setdefault(row.tobytes(), place) for place, row in enumerate(rows)]
    numbers = {place: number for number, place in enumerate(first.values())}
    return rows[list(numbers)], [numbers[place] for place in firsts]


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """Elementwise; NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: np.ndarray = np.asarray(numerator / denominator)
    found[np.isinf(found)] = np.nan
    return found


def relative(gain: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The value at t over the value at t = 0, which has to be above 0; of no gain it is exactly 1."""
    return 1 + ratio(gain, np.where(start > 0, start, np.nan))


def moments(samples: Float[np.ndarray, "*rows resamples"]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over the last axis, of what is defined, with their number less one below."""
    defined = ~np.isnan(samples)
    if defined.all():
        return samples.mean(axis=-1), samples.std(axis=-1, ddof=1)
    n = defined.sum(axis=-1)
    middle = mean(samples)
    squares = np.where(defined, samples - middle[..., None], 0) ** 2
    return middle, np.sqrt(ratio(squares.sum(axis=-1), np.maximum(n - 1, 0)))


def interval(samples: Float[np.ndarray, "*rows resamples"]) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % percentile interval over the last axis, of what is defined; linear between order statistics."""
    low, high = np.full((2, *samples.shape[:-1]), np.nan)
    whole = ~np.isnan(samples).any(axis=-1)
    low[whole], high[whole] = _quantiles(samples[whole])
    for index in zip(*np.nonzero(~whole), strict=True):
        some = samples[index][~np.isnan(samples[index])]
        if some.size:
            low[index], high[index] = _quantiles(some)
    return low, high


def _quantiles(samples: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.quantile(samples, np.asarray(LEVELS, samples.dtype), axis=-1)
    return found
