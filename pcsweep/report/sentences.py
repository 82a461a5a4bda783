"""What the page says in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from pcsweep.aggregate.best import Headline, where
from pcsweep.aggregate.best_table import with_interval
from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.words import AggregateOptions
from pcsweep.console.text import duration, number_of
from pcsweep.pcoder.rule import why_skipped
from pcsweep.report.origins import Origins
from pcsweep.study.axes import COEFFICIENTS, RANDOMIZED, Coordinates
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import Row, axis_label, coefficient, describe, in_order, label_of, on, rules_of, text_of
from pcsweep.study.mixing import Where

LISTED = 100  # missing cells named
UNSUSPICIOUS = "hardly any NaN, accuracy above chance, all images there, and the control, if there is one, flat"


def question(rows: Sequence[Row]) -> str:
    """What the study asks."""
    models, datasets = (", ".join(sorted({row[name] for row in rows})) for name in ("model", "dataset"))
    asked = " or ".join(rule.asks for rule in rules_of(rows))
    noisy = any(row["sigma"] or (row["sigma"] is None and row["noise"] != "none") for row in rows)
    return f"Does {asked} change what {models} attends to on {'noisy ' if noisy else ''}images of {datasets}?"


def grid(rows: Sequence[Row], result: Aggregate, from_where: Origins) -> list[str]:
    """The grid in words."""
    everything = [*rows, *result.gaps.skipped, *result.gaps.missing]

    def values(name: str) -> str:
        found = in_order({coefficient(row, name) if name in COEFFICIENTS else row[name] for row in everything})
        found = [value for value in found if value is not None] if name in COEFFICIENTS else found
        texts = ["none" if value is None else text_of(value) for value in found]
        return ", ".join(texts) if len(texts) < 13 else f"{texts[0]} to {texts[-1]} ({len(texts)} values)"

    common, first = {name: value.strip('"') for name, value in from_where.common.items()}, rows[0]
    levels = [
        f"{axis_label(name)} = {values(name)}" for name in ("sigma", *filter(is_noise, result.facets)) if _known(everything, name)
    ]
    if levels and levels[0].startswith("σ") and result.unit:
        levels[0] += f" (of {result.unit})"
    measured = "iou" in pc.unique(result.table["metric"]).to_pylist()
    cut = f"; IoU of what is above {common.get('threshold', 'a share')} of the map's maximum" if measured else ""
    counted = sorted({row["seeds"] for row in rows})
    seeds = (
        f"{number_of(counted[0], 'seed')}, the same for every cell"
        if len(counted) == 1
        else f"{counted[0]} to {counted[-1]} seeds"
    )
    coefficients = "; ".join(f"{each.label} = {values(each.key)}" for rule in result.rules for each in rule.coefficients)
    classes = "1 class" if first["categories"] == 1 else f"{first['categories']} classes"
    maps, targets = (_values_of(from_where, name) for name in ("attribution.name", "target"))
    drawn = f" Drawn anew: {values(RANDOMIZED)}." if RANDOMIZED in result.facets else ""
    return [
        f"Coefficients: {coefficients}; active pcoders: {values('pcoder')}.",
        f"Noise: {', '.join([values('noise'), *levels])}, {seeds}.",
        f"{number_of(first['images'], 'image')} of {classes}, at t = 0 (plain feedforward) to {common.get('timesteps', 'T')}.",
        f"Measured: the map of the attribution {maps} for the target {targets}, against the object's mask{cut}.{drawn}",
    ]


def _values_of(from_where: Origins, name: str) -> str:
    """Of a setting, the value, or all of them."""
    found = from_where.varying.get(name, [from_where.common.get(name, "")])
    return ", ".join(value.strip('"') for value in found)


def _known(everything: Sequence[Row], name: str) -> bool:
    return any(row.get(name) is not None for row in everything)


def only(settings: Where) -> list[str]:
    """Which part of a study is shown, if not all of it."""
    told = ", ".join(f"{name} = {value}" for name, value in settings.items())
    return [f"Of all that the study has, only what was computed with {told}."] if told else []


def about(rows: Sequence[Row], unit: str, split: str) -> list[str]:
    """What is said beside every plot: model, data, number of images, what σ is of."""
    models, datasets = (", ".join(sorted({row[name] for row in rows})) for name in ("model", "dataset"))
    images = sorted({row["images"] for row in rows})
    n = f"{images[0]:,}" if len(images) == 1 else f"{images[0]:,} to {images[-1]:,}"
    return [on(models, datasets, split), f"n = {n} images", *([f"σ of {unit}"] if unit else [])]


def counts(found: int, result: Aggregate, aside: int) -> str:
    """How many cells there are and are not; `aside` is how many files have been moved aside at any time."""
    gaps = result.gaps
    seeds = f", {number_of(len(gaps.missing_seeds), 'noise seed')} of done cells missing" if gaps.missing_seeds else ""
    older = f", {number_of(result.older, 'shard')} of an earlier version left out" if result.older else ""
    return (
        f"{number_of(found, 'cell')} done, {len(gaps.skipped)} skipped{why_skipped(result.rules)}, "
        f"{len(gaps.missing)} missing, {number_of(aside, 'file')} damaged{seeds}{older}"
    )


def trend(best: Sequence[Headline]) -> str:
    """The first and the last σ in a sentence; of one kind of cells only, since others are in the table."""
    if not best:
        return ""
    by_group = [headline for headline in best if others(headline) == others(best[0])]
    first, last = by_group[0], by_group[-1]

    def told(headline: Headline) -> str:
        return f"{with_interval(headline.row, 'normalized')} at {where(headline)} ({headline})"

    if len(by_group) < 2:
        return f"The best cell has {ratio(first.metric)} = {told(first)}."
    return f"The best cell's {ratio(first.metric)} goes from {told(first)} to {told(last)}."


def ratio(metric: str) -> str:
    """What cells are best by."""
    return "IoU(t) / IoU(0)" if metric == "iou" else f"value(t) / value(0) of {label_of(metric)}"


def others(headline: Headline) -> tuple[Any, ...]:
    """What tells its kind of cells from others, apart from σ."""
    return tuple(value for name, value in headline.group.items() if name != "sigma")


def listed(missing: Sequence[Coordinates]) -> list[str]:
    """Cells in words, of many the first."""
    more = [f"… and {len(missing) - LISTED} more"] if len(missing) > LISTED else []
    return [describe(place) for place in missing[:LISTED]] + more


def hours(spent: Mapping[str, float]) -> str:
    """Computing time by device."""
    texts = []
    for name, value in spent.items():
        if name in ("cpu", "unknown"):
            texts.append(f"{duration(3600 * value)} {'on CPUs' if name == 'cpu' else 'on a device that was not noted'}")
        else:
            texts.append(f"{value:,.2f} GPU-hours on {name}")
    return "; ".join(texts)


def methods(options: AggregateOptions) -> list[str]:
    """How the numbers of the page are made."""
    return [
        "t = 0 is the plain feedforward network; the noise of an image is the same at every t and in every cell.",
        f"Intervals: 95 % percentile bootstrap over images, {options.resamples:,} resamples, seed {options.seed}; the same "
        "resamples for every cell, timestep and metric. Several noise seeds are averaged within each image first.",
        "Gain: mean over images of value(t) − value(0). Its p: two-sided, by flipping the signs of the images' gains, "
        f"{options.permutations:,} times (all ways, where there are few images); q: Benjamini and Hochberg over all tested "
        "cells and timesteps of the metric.",
        "p beside best cells: corrected for the choice among all of them, by the largest statistic under each pattern of signs "
        "(Westfall and Young).",
        "Confirmed: every second image, class by class in an order that follows from the seed and the images' names, confirms "
        "what the others choose. Intervals of a half are Student's, and of the ratio by its linearisation; p: paired t test.",
        "Undefined values (a map that is zero everywhere, an empty mask) are NaN: left out, and counted.",
        "PxAP and mIoU are of all pixels of all images together, so they have intervals, but no p and no effect size. mIoU: the "
        "IoU of each class and of the background from the pixels of all their images, at the threshold, averaged; mIoU@small and "
        "so on: of the images whose object has that size.",
    ]
