"""From configurations to finished shards: check all, plan, run one.

The only module below `__main__` that sees a `DictConfig`.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pcsweep import shards
from pcsweep.cells import coordinates
from pcsweep.claims import claimed
from pcsweep.classes import compared
from pcsweep.device import check_device, computing_in, device_name, device_of
from pcsweep.errors import BadSetting
from pcsweep.grid import GridPoint, grid_point, load_dataset, load_model
from pcsweep.hydra_task import as_given
from pcsweep.measurement import Columns, Measurement, batch, summary
from pcsweep.packs import ahead, images_at_once, packed, rows_for
from pcsweep.parallel import listed
from pcsweep.plan_notes import check_studies, note
from pcsweep.progress import progress, stage
from pcsweep.provenance import provenance
from pcsweep.refusals import told
from pcsweep.selected import samples_of
from pcsweep.tidying import tidy

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """A grid point as it was when it was planned; its identity is None where it is skipped."""

    point: GridPoint
    identity: str | None


@dataclass(frozen=True)
class Plan:
    """What a sweep still has to do, counted in grid points; `waiting` are the numbers of those to be run, each identity once."""

    points: Sequence[Planned]
    waiting: tuple[int, ...]
    done: int

    @property
    def skipped(self) -> int:
        """How many have β + λ > 1."""
        return sum(planned.identity is None for planned in self.points)

    def packs(self, most: int) -> list[list[int]]:
        """The numbers of the waiting points that are computed together, at most so many at once."""
        found = packed([self.points[number].point for number in self.waiting], most)
        return [[self.waiting[place] for place in places] for places in found]

    def decode(self) -> None:
        """Decodes the images of the waiting points, so that broken ones are refused before any point is computed.

        Raises:
            BadSetting: images that cannot be used.
        """
        waiting = [self.points[number].point for number in self.waiting]
        for asked in dict.fromkeys((point.dataset, point.selection(), point.cache) for point in waiting):
            samples_of(*asked)

    def note(self) -> None:
        """Notes in each study's folder what was asked for, so that aggregation and status can say what is missing."""
        for folder in {planned.point.settings.folder for planned in self.points}:
            tidy(folder)
            note(folder, [(each.point, each.identity) for each in self.points if each.point.settings.folder == folder])

    def __str__(self) -> str:
        twice = len(self.points) - self.skipped - self.done - len(self.waiting)
        words = [f"{self.done} of {len(self.points)} already done", f"{self.skipped} skipped (β+λ>1)"]
        words += [f"{twice} the same as another"] if twice else []
        return ", ".join([*words, f"{len(self.waiting)} to run"])


def point_from(config: DictConfig, here: bool = True) -> GridPoint:
    """The grid point of a composed configuration.

    Args:
        config: without Hydra's own node.
        here: whether this machine computes it, and so must have its device.

    Raises:
        BadSetting: a value is wrong.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True)
        text = OmegaConf.to_yaml(config, resolve=True)
    except OmegaConfBaseException as error:
        raise BadSetting(told(error)) from error
    assert isinstance(plain, dict)  # a DictConfig
    return grid_point({str(key): value for key, value in plain.items()}, text, here)


def points_from(configs: Iterable[DictConfig], numbers: Sequence[int], here: bool = True) -> list[Planned]:
    """The grid points of a sweep by number, with a bar while that takes long.

    Args:
        configs: one per point; each is composed when it is its turn, and not kept.
        numbers: 0, 1, … in the order of the configurations.
        here: whether this machine computes them.

    Raises:
        BadSetting: one line for every kind of refusal, with the numbers of the points that are refused.
    """
    points: dict[int, Planned] = {}
    refused: dict[str, list[int]] = {}
    with progress("checking", len(numbers), "points") as advance:
        for number, config in zip(numbers, configs, strict=True):
            try:
                point = point_from(config, here)
                points[number] = Planned(point, None if point.skipped else shards.identity(point.identified()))
            except BadSetting as error:
                refused.setdefault(str(error), []).append(number)
            advance(1)
    if refused:
        raise BadSetting("\n".join(f"{_numbered(sorted(each), len(numbers))}{error}" for error, each in refused.items()))
    return [points[number] for number in sorted(points)]


def plan(configs: Iterable[DictConfig], numbers: Sequence[int], here: bool = True) -> Plan:
    """Checks every grid point of a sweep before any is computed, and finds what is done.

    Args:
        configs: one per point.
        numbers: 0, 1, … in the order of the configurations.
        here: whether this machine computes them.

    Raises:
        BadSetting: one line for every kind of refusal.
    """
    points = points_from(configs, numbers, here)
    first: dict[tuple[Path, str], int] = {}
    for number, planned in enumerate(points):
        if planned.identity is not None:
            first.setdefault((planned.point.shard_folder, planned.identity), number)
    there = {place for place in first if shards.place(*place).exists()}
    with progress("verifying", len(there), "shards") as advance:
        for place in sorted(there):
            if not _is_done(*place):
                there.discard(place)
            advance(1)
    waiting = tuple(number for place, number in first.items() if place not in there)
    check_studies([points[number].point for number in waiting])
    done = sum(each.identity is not None and (each.point.shard_folder, each.identity) in there for each in points)
    return Plan(points, waiting, done)


def _numbered(numbers: Sequence[int], count: int) -> str:
    """Such as `point 3: ` or `points 0, 1, 4: `; nothing for the only one."""
    if count == 1:
        return ""
    return f"point{'s' if len(numbers) > 1 else ''} {listed([str(number) for number in numbers])}: "


def main(config: DictConfig) -> None:
    """`run`, for Hydra's task: a refused value ends the process with exit code 2 and one message."""
    with as_given():
        run(config)


def run(config: DictConfig) -> None:
    """Computes the configuration's grid point, unless its shard is there or β + λ > 1.

    Raises:
        BadSetting: a value is wrong.
    """
    with stage("checking model, images and weights"):
        point = point_from(config)
        identity = None if point.skipped else shards.identity(point.identified())
    if identity is None:
        _log.info("Skipped: %s (β+λ>1)", point.label)
    elif _is_done(point.shard_folder, identity):
        _log.info("Already done: %s (%s)", point.label, shards.place(point.shard_folder, identity))
    else:
        check_studies([point])
        tidy(point.settings.folder)
        with claimed(point.settings.folder, identity, partial(_is_done, point.shard_folder, identity)) as ours:
            if ours:
                _compute([point])


def run_pack(pack: Sequence[Planned]) -> list[int]:
    """Computes the planned grid points that have no shard yet, all at once; each gets its shard.

    Args:
        pack: points that differ in their coefficients alone.

    Returns:
        The places in the pack of the points that were computed.

    Raises:
        BadSetting: the device is not here, or the weights or images have changed since the points were planned.
    """
    missing: dict[str, int] = {}
    for place, planned in enumerate(pack):
        if planned.identity is not None and not _is_done(planned.point.shard_folder, planned.identity):
            missing.setdefault(planned.identity, place)
    if missing:
        points = [pack[place].point for place in missing.values()]
        check_device(points[0].settings.device, points[0].settings.precision)
        _check_unchanged([pack[place] for place in missing.values()])
        _compute(points)
    return list(missing.values())


def _check_unchanged(pack: Sequence[Planned]) -> None:
    for planned in pack:
        if shards.identity(planned.point.identified()) != planned.identity:
            raise BadSetting(
                f"The weights of {planned.point.model.name} or the images of {planned.point.dataset.name} have changed since "
                "this point was planned; give the command again to plan it anew."
            )


def _compute(points: Sequence[GridPoint]) -> None:
    """Measures the points of a pack and writes their shards."""
    started = time.monotonic()
    measured = _measure(points)
    seconds = (time.monotonic() - started) / len(points)
    classes = compared(load_model(points[0].model), load_dataset(points[0].dataset))
    machine = {**provenance(), "device": device_name(points[0].settings.device), "seconds": f"{seconds:.3f}"}
    for point, own in zip(points, measured, strict=True):
        settings = point.identified()
        columns = _all_columns(point, settings, own)
        told = {"hyperparameter": point.hyperparameter, "figure": point.settings.figure, "classes": classes}
        metadata = {**machine, **told, "config": point.config}
        path = shards.write(point.shard_folder, settings, columns, metadata)
        _log.info("%s: %s in %.1f s (shard %s)", point.label, summary(columns), seconds, path.stem[:12])


def _is_done(folder: Path, identity: str) -> bool:
    """Like `shards.is_done`, and says so where a damaged shard was set aside."""
    try:
        return shards.is_done(folder, identity)
    except shards.DamagedShard as damaged:
        _log.warning("Computing again, the file is kept in %s: %s", shards.damaged_folder(folder), damaged)
        return False


def _measure(points: Sequence[GridPoint]) -> list[Columns]:
    """The measured columns of the points of a pack."""
    point, settings = points[0], points[0].settings
    samples = samples_of(point.dataset, point.selection(), point.cache)
    model = load_model(point.model)
    device = device_of(settings.device)
    model.network.to(device)
    with stage("timing the network"), computing_in(settings.precision, device):
        rows = rows_for(settings.batch_size, model.network, samples[0].image.to(device), point.rules)
    measurement = Measurement(
        model=model,
        points=[each.rules for each in points],
        attribution=point.attribute,
        target=point.target,
        timesteps=settings.timesteps,
        threshold=settings.threshold,
        thresholds=settings.thresholds,
        metrics=settings.metrics,
        precision=settings.precision,
        rows=rows,
        pictured=_pictured(point),
    )
    parts: list[list[Columns]] = [[] for _ in points]
    label = point.label if len(points) == 1 else f"{point.label} and {len(points) - 1} more"
    step = images_at_once(rows, len(points))
    with progress(label, len(samples), "images", measurement.parts) as advance:
        groups = [samples[start : start + step] for start in range(0, len(samples), step)]
        for given in ahead(partial(batch, corrupt=point.corrupt), groups):
            for own, columns in zip(parts, measurement.of(given, advance), strict=True):
                own.append(columns)
    return [{name: np.concatenate([part[name] for part in own]) for name in own[0]} for own in parts]


def _pictured(point: GridPoint) -> frozenset[str]:
    """The identifiers of the first images of the selection, as many as `pictures` says."""
    ids = load_dataset(point.dataset).image_ids
    return frozenset(ids[index] for index in point.selection()[: point.settings.pictures])


def _all_columns(point: GridPoint, settings: dict[str, Any], measured: Columns) -> Columns:
    """The shard's columns: what is constant and what was measured."""
    rows = len(measured["timestep"])
    beta, lambda_, alpha = zip(*point.rules, strict=True)
    per_pcoder = {"beta_n": beta, "lambda_n": (*lambda_[:-1], 0.0), "alpha_n": alpha}  # no feedback reaches the last pcoder
    constants = {**coordinates(shards.canonical(settings)), **per_pcoder}
    columns = {**{name: [value] * rows for name, value in constants.items()}, **measured}
    columns |= {name: list(measured[name]) for name in ("iou_at", "found_at") if name in measured}
    return columns
