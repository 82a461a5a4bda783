"""Update rules against each other, of one study or of two: best cell against best cell, where no coefficient is in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcsweep.aggregate.rules.best import Halves
from pcsweep.aggregate.rules.candidate import Candidate, side_by_side
from pcsweep.aggregate.rules.contrast import RuleContrast, contrasted
from pcsweep.compare.contrast import ReadShard, read_shards
from pcsweep.compare.settings import of_studies
from pcsweep.compare.study import Study, StudyCell
from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import progress
from pcsweep.pcoder import rule_of
from pcsweep.statistics.confirmation import confirm, confirming_half
from pcsweep.statistics.drawing import Drawn
from pcsweep.statistics.paired import paired
from pcsweep.study import axes
from pcsweep.study.axes import Coordinates, sort_key
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import MEANS, OF_MASKS
from pcsweep.study.values import ShardValues
from pcsweep.study.variants import variants_of


@dataclass(frozen=True, eq=False)
class RuleComparison:
    """Rules of one study, or of two.

    Args:
        studies: their names.
        contrast: best against best.
        images: how many are in all studies, and how many in each of them alone.
        different: the settings, beside those of the rules, in which the studies differ, with their values.
        damaged: what is wrong with shards that cannot be read.
        settings: of all cells.
    """

    studies: tuple[str, ...]
    contrast: RuleContrast
    images: tuple[int, ...]
    different: Mapping[str, list[tuple[str, str]]]
    damaged: list[str]
    settings: list[Mapping[str, Any]]


def rule_names(study: Study) -> set[str]:
    """Of the cells that are there."""
    return {rule_of(cell.settings["pcoder"]).name for cell in study.cells}


def are_rules(studies: Sequence[Study]) -> bool:
    """Whether rules are compared: those of one study, or of two that have no rule in common."""
    if len(studies) == 1:
        placing = _Placing.of(studies)
        return len(variants_of([placing.place(cell) for cell in studies[0].cells], placing.facets).labels) > 1
    a, b = map(rule_names, studies)
    return not a & b


def compare_rules(studies: Sequence[Study], metric: str, drawn: Drawn) -> RuleComparison:
    """Shards are read one cell at a time, and none is moved. Rules are judged on the images and timesteps that all studies have.

    Raises:
        BadSetting: the studies have no image, timestep or noise level in common, or lack the metric.
    """
    damaged = [text for study in studies for text in study.damaged]
    firsts = [_first(study) for study in studies]
    _check_metric(metric, studies, firsts)
    halves = _halves(studies, firsts, metric, drawn)
    placing, candidates = _Placing.of(studies), []
    with progress("reading cells", sum(len(_learned(study)) for study in studies), "cells") as advance:
        for cell in (cell for study in studies for cell in _learned(study)):
            read, texts = read_shards(cell.paths)
            damaged += texts
            candidates += [_candidate(cell, read, placing.place(cell), halves)] if read else []
            advance(1)
    sides = side_by_side(candidates, placing.facets, _left_out(studies, placing))
    contrast = contrasted(sides, placing.facets, halves, drawn)
    _check_conditions(contrast, studies)
    only = [len(set(first.images) - set(halves.images)) for first in firsts]
    different = of_studies(*studies) if len(studies) == 2 else {}
    settings = [cell.settings for study in studies for cell in study.cells]
    names = tuple(study.name for study in studies)
    return RuleComparison(names, contrast, (len(halves.images), *only), different, damaged, settings)


@dataclass(frozen=True, eq=False)
class _Placing:
    """The columns of all studies' cells."""

    names: tuple[str, ...]
    facets: list[str]

    @classmethod
    def of(cls, studies: Sequence[Study]) -> "_Placing":
        """Of cells that are there or planned."""
        settings = [each for study in studies for each in study.settings]
        return cls(axes.axes_of(settings), axes.further_columns(settings))

    def place(self, cell: StudyCell) -> Coordinates:
        """A cell's coordinates."""
        return axes.place_on(self.names, cell.settings, self.facets)


def _learned(study: Study) -> list[StudyCell]:
    """The cells of networks as they are, by which nothing that is drawn anew can be best; all where there are no others."""
    return [cell for cell in study.cells if axes.leaves(cell.settings).get(axes.RANDOMIZED) is None] or study.cells


def _left_out(studies: Sequence[Study], placing: _Placing) -> list[str]:
    """The columns beside the noise in which two studies have one value each, and not the same: no rule could have a rival."""
    names = [name for name in ("model", *placing.facets) if not is_noise(name)]
    values = [
        {name: {axes.key({name: placing.place(cell)[name]}) for cell in study.cells} for name in names} for study in studies
    ]
    first, *others = values
    return [name for name in names for each in others if len(first[name]) == len(each[name]) == 1 and first[name] != each[name]]


def _first(study: Study) -> ShardValues:
    """Of the first cell that can be read: all cells of a study have the same images."""
    for cell in study.cells:
        read, _ = read_shards(cell.paths)
        if read:
            return next(iter(read.values())).values
    raise BadSetting(f"Expected cells of {study.name} that can be read, but all have damaged shards.")


def _check_metric(metric: str, studies: Sequence[Study], firsts: Sequence[ShardValues]) -> None:
    there = [name for name in firsts[0].metrics if name not in OF_MASKS and all(name in each.metrics for each in firsts)]
    there = [name for name in there if name.partition("@")[0] in MEANS]
    if metric not in there:
        named = " and ".join(study.name for study in studies)
        raise BadSetting(f"Expected `metric` to be one that {named} measured ({', '.join(there) or 'none'}), but got {metric!r}.")


def _halves(studies: Sequence[Study], firsts: Sequence[ShardValues], metric: str, drawn: Drawn) -> Halves:
    images = sorted(set.intersection(*(set(each.images) for each in firsts)))
    timesteps = sorted(set.intersection(*(set(each.timesteps) for each in firsts)))
    named = " and ".join(study.name for study in studies)
    if not images:
        raise BadSetting(f"Expected {named} to have images in common, but they have none, such as {firsts[0].images[0]}.")
    if timesteps[:1] != [0] or len(timesteps) < 2:
        raise BadSetting(f"Expected {named} to have t = 0 and a later timestep in common, but they have {timesteps}.")
    classes = dict(zip(firsts[0].images, firsts[0].classes, strict=True))
    confirming = confirming_half(images, np.array([classes[name] for name in images], int), drawn(len(images)).seed)
    return Halves(metric, images, confirming, timesteps)


def _candidate(cell: StudyCell, read: Mapping[Any, ReadShard], place: Coordinates, halves: Halves) -> Candidate:
    found = [read[seed].values for seed in sorted(read, key=sort_key)]
    for each in found:
        if halves.metric not in each.metrics or not set(halves.images) <= set(each.images):
            raise BadSetting(f"Expected {cell.paths[0]} to have {halves.metric} of its study's images, but it has not.")
    values = paired(np.stack([halves.values(each, halves.metric) for each in found])[:, None])  # of one metric
    there = {each.identity for each in read.values()}
    return Candidate(
        paths=tuple(path for path in cell.paths if path.stem in there),
        place=place,
        fixed=axes.is_fixed(cell.settings),
        choosing=confirm(values, halves.confirming).choosing_normalized[0],
    )


def _check_conditions(contrast: RuleContrast, studies: Sequence[Study]) -> None:
    """Refuses studies whose rules nowhere meet."""
    conditions = [best.condition for best in contrast.bests]
    if not any(conditions.count(each) > 1 for each in conditions):
        named = " and ".join(study.name for study in studies)
        have = "; ".join(f"{best.rule} {_noise(best.condition)}" for best in contrast.bests[:4])
        raise BadSetting(f"Expected rules of {named} under the same noise and model, but they have none in common: {have}.")


def _noise(condition: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in condition.items() if value is not None)
