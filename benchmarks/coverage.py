"""How far the statistics can be trusted, by simulation: the tables of docs/statistics.md.

    python benchmarks/coverage.py [--studies 4000] [--grids 200]

Coverage of the 95 % intervals, also of mIoU by how many images there are of a class; false discoveries and power on grids that
share their images; the p of the cell that looks best, and its ratio, of all images and confirmed on a half; and PxAP from a dozen
thresholds beside a thousand.
"""

import argparse
import logging
import sys
from collections.abc import Iterator

import numpy as np
import torch

from pcsweep.metric.area import area as area_of
from pcsweep.metric.area import pixels as pixels_of
from pcsweep.metric.iou import found as found_of
from pcsweep.metric.iou import iou as iou_of
from pcsweep.metric.saliency import scaled as scaled_of
from pcsweep.statistics.bootstrap import Resamples, interval, means, resampling
from pcsweep.statistics.confirmation import confirm, confirm_pooled, confirming_half
from pcsweep.statistics.miou import PixelsOfClasses
from pcsweep.statistics.paired import paired
from pcsweep.statistics.permutation import false_discovery, family_wise, flipped, flips
from pcsweep.statistics.pxap import Pixels, pixels

log = logging.getLogger("coverage")
IMAGES = (10, 20, 50, 100, 500)
CLASSES, OF_CLASS = 20, (1, 2, 5, 10)
THRESHOLDS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05]  # the default ones


def coverage(studies: int, images: int) -> list[float]:
    """Of a mean of skewed values in [0, 1], of a mean of skewed differences, and of a ratio of two correlated means."""
    generator = np.random.default_rng(images)
    counts = resampling(images, 1000, 0)

    def covered(low: np.ndarray, high: np.ndarray, truth: float) -> float:
        return float(np.mean((low <= truth) & (truth <= high)))

    skewed = generator.beta(1.5, 4, (studies, images)).astype(np.float32)
    gains = generator.normal(0.03, 0.08, (studies, images)) + generator.gamma(1, 0.05, (studies, images)) - 0.05
    start, end = correlated(generator, (studies, images))
    truth = np.divide(*(each.mean() for each in reversed(correlated(np.random.default_rng(0), (5_000_000,)))))
    ratios = means(end, counts) / means(start, counts)
    return [
        covered(*interval(means(skewed, counts)), 1.5 / 5.5),
        covered(*interval(means(gains, counts)), 0.03),
        covered(*interval(ratios), float(truth)),
    ]


def correlated(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An image's value at t = 0 and at t."""
    start = generator.beta(3, 5, shape)
    return start.astype(np.float32), np.clip(1.05 * start + generator.normal(0, 0.05, shape), 0, 1).astype(np.float32)


def of_classes(generator: np.random.Generator, each: int) -> PixelsOfClasses:
    """So many images of each class at t = 0 and 1; some classes are found better than others, and some images than others."""
    classes = np.repeat(np.arange(CLASSES), each)
    mask, beside = generator.beta(2, 6, len(classes)), generator.beta(1.5, 8, len(classes))
    before = np.random.default_rng(0).normal(0, 0.7, CLASSES)[classes] + generator.normal(0, 1, len(classes))
    after = before + generator.normal(0.2, 0.5, len(classes))
    inside = mask / (1 + np.exp(-np.stack([before, after])))  # (timesteps, images)
    found = inside + beside * (1 - mask)
    counted = (found[None], inside[None], np.tile(mask, (2, 1)), np.ones((2, len(classes))))
    return PixelsOfClasses(classes, Pixels(*(np.rint(224 * 224 * share) for share in counted)))


def coverage_of_miou(studies: int, each: int) -> tuple[float, float]:
    """Of mIoU and of its gain, with so many images of each class."""
    generator, resamples = np.random.default_rng(each), Resamples(resampling(CLASSES * each, 1000, 0))
    start, end = of_classes(np.random.default_rng(1), 20_000).observed()
    covered = np.zeros(2)
    for _ in range(studies):
        at = of_classes(generator, each).resampled(resamples)
        low, high = interval(np.stack([at[1], at[1] - at[0]]))
        covered += (low <= [end, end - start]) & ([end, end - start] <= high)
    of_end, of_gain = covered / studies
    return float(of_end), float(of_gain)


def coverage_of_halves(studies: int, each: int) -> tuple[float, float]:
    """Of the gains in mIoU and PxAP on a half with so many images of each class, by the delete-a-group jackknife."""
    generator, truth = np.random.default_rng(each), of_classes(np.random.default_rng(1), 20_000)
    gains = [float(np.diff(metric.observed())[0]) for metric in (truth, truth.pixels)]
    covered = np.zeros(2)
    for _ in range(studies):
        half = of_classes(generator, each)
        for place, metric in enumerate((half, half.pixels)):
            found = confirm_pooled((metric, None), (metric, None), CLASSES * each, 0)
            covered[place] += found.confirming_difference_low[0, 1] <= gains[place] <= found.confirming_difference_high[0, 1]
    of_miou, of_pxap = covered / studies
    return float(of_miou), float(of_pxap)


def discoveries(grids: int, images: int, gain: float) -> tuple[float, float, float]:
    """Of grids of 100 cells, 40 with a gain: how many make a discovery, the false share of discoveries, the share found."""
    generator = np.random.default_rng(images)
    signs = flips(images, 4999, 0)
    gains = np.where(np.arange(100) < 40, gain, 0.0)
    some, false, power = [], [], []
    for _ in range(grids):
        shared, own = generator.normal(0, 0.05, images), generator.normal(0, 0.05, (100, images))
        discovered = false_discovery(flipped(shared + own + gains[:, None], signs).p) < 0.05
        some.append(discovered.any())
        false.append(np.mean(gains[discovered] == 0) if discovered.any() else 0.0)
        power.append(np.mean(discovered[:40]))
    return float(np.mean(some)), float(np.mean(false)), float(np.mean(power))


def best(grids: int, images: int) -> tuple[float, float]:
    """How often the cell with the highest mean is a false discovery by q and by p over the grid.

    100 cells: 40 with a small gain and a small spread, 60 without a gain and with a large spread.
    """
    generator = np.random.default_rng(1)
    signs = flips(images, 4999, 0)
    real = np.arange(100) < 40
    wrong = np.zeros(2)
    for _ in range(grids):
        gain, spread = np.where(real, 0.02, 0)[:, None], np.where(real, 0.03, 0.15)[:, None]
        differences = gain + spread * generator.normal(0, 1, (100, images))
        found = flipped(differences, signs)
        chosen = differences.mean(axis=1).argmax()
        each = false_discovery(found.p)[chosen], family_wise(found.strength, found.strongest)[chosen]
        wrong += [not real[chosen] and value < 0.05 for value in each]
    by_q, by_p = wrong / grids
    return float(by_q), float(by_p)


def confirmation(studies: int, images: int, highest: float) -> tuple[float, ...]:
    """Of the best of 100 cells by value(t) / value(0), of all images and confirmed on a half: mean error, and coverage.

    The true gains are evenly between 0 and the highest; the value at t = 0 is 0.5 on average. The cells share their images.
    """
    generator, counts = np.random.default_rng(images), resampling(images, 1000, 0)
    gains = np.linspace(0, highest, 100)
    confirming = confirming_half([str(image) for image in range(images)], np.zeros(images, int), 0)
    naive, confirmed = [], []
    for _ in range(studies):
        start = generator.beta(6, 6, images)
        end = start + gains[:, None] + generator.normal(0, 0.05, images) + generator.normal(0, 0.1, (100, images))
        values = paired(np.stack([np.broadcast_to(start, end.shape), end], axis=1)[None].astype(np.float32))
        ratios = values.now[:, 1].mean(axis=-1) / values.start[:, 1].mean(axis=-1)
        best = ratios.argmax()
        resampled = means(values.now[[best], 1], counts) / means(values.start[[best], 1], counts)
        naive.append([ratios[best], *np.concatenate(interval(resampled)), 1 + 2 * gains[best]])
        found = confirm(values, confirming)
        chosen = found.choosing_normalized[:, 1].argmax()
        ends = ("", "_low", "_high")
        confirmed.append([*(getattr(found, f"confirming_normalized{each}")[chosen, 1] for each in ends), 1 + 2 * gains[chosen]])
    told = []
    for observed, low, high, truth in (np.array(naive).T, np.array(confirmed).T):
        told += [np.mean(observed - truth), np.mean((low <= truth) & (truth <= high))]
    return tuple(map(float, told))


def blobs(spread: float) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """200 smooth, noisy maps of 7 × 7 that find their objects more or less, and masks of 56 × 56."""
    generator = np.random.default_rng(0)
    low, high = (np.mgrid[:side, :side] / side for side in (7, 56))
    for _ in range(200):
        place = generator.uniform(0.25, 0.75, 2)
        seen = place + generator.normal(0, spread, 2)
        y, x = low
        saliency = np.exp(-10 * ((y - seen[0]) ** 2 + (x - seen[1]) ** 2)) + generator.random((7, 7)) * 0.5
        y, x = high
        yield torch.tensor(saliency, dtype=torch.float32), torch.tensor(np.hypot(y - place[0], x - place[1]) < 0.2)


def precision(spread: float) -> tuple[float, float]:
    """PxAP from a dozen thresholds, and from a thousand steps."""
    maps, masks = (torch.stack(each) for each in zip(*blobs(spread), strict=True))
    saliency, nothing = scaled_of(maps, (56, 56)), torch.zeros_like(masks)
    at = torch.stack([iou_of(saliency, masks, nothing, each) for each in THRESHOLDS]).numpy()[None, :, None]
    found = torch.stack([found_of(saliency, nothing, each) for each in THRESHOLDS]).numpy()[None, :, None]
    area, count = area_of(masks, nothing).numpy()[None, None], pixels_of(nothing).numpy()[None, None]
    dozen = pixels(at, found, area, count)[0].observed()[0]
    recall, total = 0.0, 0.0
    for threshold in np.linspace(1, 0, 1001)[1:]:
        above = saliency > threshold
        inside = (above & masks).sum().item() / masks.sum().item()
        total += (inside - recall) * (above & masks).sum().item() / above.sum().item()
        recall = inside
    return float(dozen), total


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--grids", type=int, default=200)
    sizes = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    log.info("coverage of a mean, a mean difference, a ratio of means")
    for images in IMAGES:
        log.info("%4d images  %s", images, "  ".join(f"{share:.1%}" for share in coverage(sizes.studies, images)))
    log.info("coverage of mIoU and of its gain")
    for images in OF_CLASS:
        told = "  ".join(f"{share:.1%}" for share in coverage_of_miou(sizes.studies, images))
        log.info("%4d images of a class  %s", images, told)
    log.info("coverage of the gains in mIoU and in PxAP on a half")
    for each in (1, 2, 5, 10):
        told = ", ".join(f"{share:.1%}" for share in coverage_of_halves(sizes.studies, each))
        log.info("%4d images of a class  %s", each, told)
    log.info("any discovery without an effect; false share and power at d = 0.28; at d = 0.57")
    for images in IMAGES[1:]:
        without, _, _ = discoveries(sizes.grids, images, 0.0)
        each = (discoveries(sizes.grids, images, gain)[1:] for gain in (0.02, 0.04))
        with_gain = "; ".join(f"{false:.1%}, {power:.0%}" for false, power in each)
        log.info("%4d images  %.1f %%; %s", images, 100 * without, with_gain)
    log.info("the cell that looks best is a false discovery, by q and by p over the grid")
    for images in IMAGES[1:4]:
        log.info("%4d images  %s", images, ", ".join(f"{share:.1%}" for share in best(sizes.grids, images)))
    log.info("the best of 100 cells: error of its ratio, coverage; of all images, and confirmed on a half")
    for highest in (0.0, 0.04):
        for images in IMAGES[1:]:
            each = confirmation(sizes.studies, images, highest)
            told = f"{each[0]:+.2%}, {each[1]:.1%}; {each[2]:+.2%}, {each[3]:.1%}"
            log.info("%4d images, gains to %.2f  %s", images, highest, told)
    log.info("PxAP from a dozen thresholds, and from a thousand steps")
    for spread in (0.05, 0.15, 0.3):
        log.info("misplaced by %.2f  %s", spread, ", ".join(f"{value:.4f}" for value in precision(spread)))


if __name__ == "__main__":
    main()
