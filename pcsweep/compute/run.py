"""Grid points are computed, and each gets its shard."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pcsweep.compute.account import Account
from pcsweep.compute.rows import ahead, as_memory_allows, images_at_once, rows_for
from pcsweep.compute.taken import Taken, taken
from pcsweep.console.progress import progress, stage
from pcsweep.dataset import Sample
from pcsweep.grid.classes import compared
from pcsweep.grid.identified import IdentifiedPoint
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.notes import check_studies, note, say_sources
from pcsweep.grid.plan import is_done
from pcsweep.grid.point import GridPoint
from pcsweep.machine.device import check_device, computing_in, device_name, device_of
from pcsweep.machine.provenance import provenance
from pcsweep.machine.stopwatch import Stopwatch
from pcsweep.machine.transfer import Sender
from pcsweep.measure.batch import Batch
from pcsweep.measure.columns import Columns, summary
from pcsweep.measure.measurement import Measurement
from pcsweep.pcoder.rule import keys_of, why_skipped
from pcsweep.study import shards, spent
from pcsweep.study.axes import coordinates
from pcsweep.study.claims import claimed
from pcsweep.study.tidying import tidy

_log = logging.getLogger(__name__)


def run(planned: IdentifiedPoint, loaded: Loaded) -> None:
    """Computes a grid point, unless its shard is there or there is no update with its coefficients, such as β + λ > 1.

    Raises:
        BadSetting: its device is not here, or its study holds other experiments.
    """
    if planned.identity is None:
        _log.info("Skipped: %s%s", planned.point.label, why_skipped([planned.point.rule]))
        return
    say_sources([planned])
    if planned.point.settings.labelling:  # which a sweep notes with its plan
        check_studies([planned])
        note(planned.folder, [planned])
    if is_done(planned):
        _log.info("Already done: %s (%s)", planned.point.label, planned.shard)
    else:
        check_studies([planned])
        tidy(planned.folder)
        with claimed(planned.folder, planned.identity, partial(is_done, planned)) as ours:
            if ours:
                (alone,) = _alike([planned], loaded)
                _compute(alone, loaded, Account(planned.point.settings.device, 1))


def run_pack(pack: Sequence[IdentifiedPoint], loaded: Loaded) -> list[int]:
    """Computes the planned grid points that have no shard yet, all at once; each gets its shard.

    Args:
        pack: points that differ in their coefficients alone.
        loaded: where their model and dataset are, or will be.

    Returns:
        The places in the pack of the points that were computed.

    Raises:
        BadSetting: the device is not here, or the weights or images have changed since the points were planned.
    """
    missing: dict[str, int] = {}
    for place, planned in enumerate(pack):
        if planned.identity is not None and not is_done(planned):
            missing.setdefault(planned.identity, place)
    if missing:
        points = [pack[place] for place in missing.values()]
        settings = points[0].point.settings
        check_device(settings.device, settings.precision)
        for alike in _alike(points, loaded):
            account = Account(settings.device, len(alike))
            with account.watch.during("loading"):
                for planned in alike:
                    planned.check_unchanged(loaded)
            _compute(alike, loaded, account)
    return list(missing.values())


def _alike(pack: Sequence[IdentifiedPoint], loaded: Loaded) -> list[dict[IdentifiedPoint, Taken]]:
    """The points of a pack with the rows that are known, in parts of which as many images are known."""
    parts: dict[int, dict[IdentifiedPoint, Taken]] = {}
    for planned in pack:
        known = taken(planned, loaded) if planned.known else Taken()
        parts.setdefault(known.images, {})[planned] = known
    return list(parts.values())


def _compute(pack: Mapping[IdentifiedPoint, Taken], loaded: Loaded, account: Account) -> None:
    """Measures the points of a pack and writes their shards, with the rows that are known and with what that has cost."""
    points = [planned.point for planned in pack]
    started = time.monotonic()
    first = next(iter(pack.values())).images  # as of all
    rows, measured = _measure(points, loaded, account.watch, first)
    seconds = (time.monotonic() - started) / len(points)
    classes = compared(loaded.model(points[0].model), loaded.dataset(points[0].dataset))
    machine = {**provenance(), "device": device_name(points[0].settings.device), "seconds": f"{seconds:.3f}"}
    for written, ((planned, known), own) in enumerate(zip(pack.items(), measured, strict=True)):
        cost = spent.text_of(account.spent(planned.point, rows, written))
        with account.watch.during("writing"):
            point = planned.point
            columns = known.before(_all_columns(planned, own) if own else {})
            told = {"hyperparameter": point.hyperparameter, "figure": point.settings.figure, "classes": classes}
            told |= {"sources": json.dumps(point.sources(), sort_keys=True), spent.KEY: cost, **known.told}
            path = shards.write(point.shard_folder, planned.settings, columns, {**machine, **told, "config": point.config})
        _log.info("%s: %s in %.1f s (shard %s)", point.label, summary(columns), seconds, path.stem[:12])


def _measure(points: Sequence[GridPoint], loaded: Loaded, watch: Stopwatch, first: int) -> tuple[int, list[Columns]]:
    """How many rows were computed at once, and the measured columns of the points of a pack; none where no image is left.

    Where memory does not suffice, it is computed again with half of the rows, as long as that is possible.

    Args:
        points: of the pack.
        loaded: where their model and dataset are.
        watch: that is told what is done when.
        first: place of the first image that is measured.
    """
    point, settings = points[0], points[0].settings
    selection = point.selection(loaded)[first:]
    if not selection:
        return 0, [{} for _ in points]
    with watch.during("decoding"):
        samples = loaded.samples(point.dataset, selection, point.cache)
    with watch.during("loading"):
        model = loaded.model(point.model)
        device = device_of(settings.device)
        model.network.on(device)
    with stage("timing the network"), computing_in(settings.precision, device):
        rows = rows_for(settings.batch_size, model.network, samples[0].image.to(device), (point.rule, point.rules))
    measurement = Measurement(
        model=model,
        rule=point.rule,
        points=[each.rules for each in points],
        attribution=point.attribute,
        layer=point.taken_at,
        every_layer=point.every_layer,
        target=point.target,
        timesteps=settings.timesteps,
        threshold=settings.threshold,
        thresholds=settings.thresholds,
        metrics=settings.metrics,
        precision=settings.precision,
        rows=rows,
        pictured=_first(settings.pictures, point, loaded),
        mapped=_first(settings.maps or 0, point, loaded),
        perturbation=point.perturbation,
        watch=watch,
    )
    return as_memory_allows(rows, lambda rows: _measured(replace(measurement, rows=rows), points, samples))


def _measured(measurement: Measurement, points: Sequence[GridPoint], samples: Sequence[Sample]) -> list[Columns]:
    """The measured columns of the points of a pack, images after images."""
    point, model, watch = points[0], measurement.model, measurement.watch
    parts: list[list[Columns]] = [[] for _ in points]
    label = point.label if len(points) == 1 else f"{point.label} and {len(points) - 1} more"
    step = images_at_once(measurement.rows, len(points))
    sender = Sender(device_of(point.settings.device))

    def prepared(start: int) -> Batch:
        return point.batch(samples[start : start + step], model).on_its_way(sender)

    with progress(label, len(samples), "images", measurement.parts) as advance:
        for given in watch.over("noise", ahead(prepared, range(0, len(samples), step))):
            for own, columns in zip(parts, measurement.of(given, advance), strict=True):
                own.append(columns)
    return [{name: np.concatenate([part[name] for part in own]) for name in own[0]} for own in parts]


def _first(count: int | str, point: GridPoint, loaded: Loaded) -> frozenset[str]:
    """The identifiers of the first images of the selection, so many or all."""
    ids = loaded.dataset(point.dataset).image_ids
    return frozenset(ids[index] for index in point.selection(loaded)[: None if count == "all" else int(count)])


def _all_columns(planned: IdentifiedPoint, measured: Columns) -> Columns:
    """The shard's columns: what is constant and what was measured."""
    rows = len(measured["timestep"])
    constants = {**coordinates(planned.settings), **_per_pcoder(planned.point)}
    columns = {**{name: [value] * rows for name, value in constants.items()}, **measured}
    columns |= {name: list(values) for name, values in measured.items() if np.ndim(values) > 1}
    return columns


def _per_pcoder(point: GridPoint) -> dict[str, list[float]]:
    """The coefficients as computed, such as `beta_n`: what is inert in the last pcoder is 0 there."""
    columns: dict[str, list[float]] = {}
    for key, values in zip(keys_of(point.rule), zip(*point.rules, strict=True), strict=True):
        columns[f"{key}_n"] = [*values[:-1], 0.0] if key in point.rule.inert_in_last else list(values)
    return columns
