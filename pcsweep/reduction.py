"""One shard → the statistics of its cell."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcsweep import shards
from pcsweep.cells import AXES, Coordinates
from pcsweep.statistics import Summary, summarise

METRICS = ("area", "iou", "pointing", "mass", "rank", "target_logit", "target_probability", "correct")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cell:
    """One shard's statistics.

    Args:
        identity: of the shard.
        place: on the axes.
        settings: that the identity is the hash of, and the images.
        metrics, timesteps: what the statistics are of.
        summary: the statistics.
        hyperparameter, figure: name of its set of coefficients, and the figure asked for, when it was computed.
    """

    identity: str
    place: Coordinates
    settings: Mapping[str, Any]
    metrics: list[str]
    timesteps: list[int]
    summary: Summary
    hyperparameter: str = ""
    figure: str = "heatmap"


def reduced(path: Path, resample: Callable[[int], np.ndarray]) -> Cell | shards.DamagedShard | None:
    """One shard's statistics; what is wrong with it, where it had to be moved aside; None where it went away meanwhile."""
    try:
        shard = shards.read(path)
    except shards.DamagedShard as error:
        shards.set_aside(path)
        log.warning("Damaged shard moved aside: %s", error)
        return error
    except FileNotFoundError:
        log.warning("%s went away while the study was read", path)
        return None
    metrics, values, timesteps, images = _values(shard)
    settings = {**shard.settings, "images": images}
    summary = summarise(values, resample(values.shape[-1]))
    told = {name: shard.metadata[name] for name in ("hyperparameter", "figure") if shard.metadata.get(name)}
    return Cell(path.stem, _place(shard), settings, metrics, timesteps, summary, **told)


def _values(shard: shards.Shard) -> tuple[list[str], np.ndarray, list[int], str]:
    """Names of the metrics, their values as (metrics, timesteps, images by identifier), the timesteps, the images' digest."""
    table = shard.table
    ids = table["image_id"].combine_chunks().dictionary_encode()
    names = np.array(ids.dictionary.to_pylist())
    order = np.argsort(names)
    image = np.argsort(order)[ids.indices.to_numpy()]
    timesteps, step = np.unique(table["timestep"].to_numpy(), return_inverse=True)
    position = step * len(names) + image
    if table.num_rows != len(names) * len(timesteps) or np.bincount(position).max() > 1:
        raise ValueError(f"{shard.path}: expected one row per image and timestep, but got {table.num_rows} rows, some twice")
    columns = _columns(shard)
    values = np.empty((len(columns), table.num_rows), np.float32)
    for row, column in zip(values, columns.values(), strict=True):
        row[position] = column
    digest = hashlib.sha256("\n".join(names[order]).encode()).hexdigest()
    images = f"{len(names)} images {digest[:8]}"
    return list(columns), values.reshape(len(columns), len(timesteps), len(names)), timesteps.tolist(), images


def _columns(shard: shards.Shard) -> dict[str, np.ndarray]:
    """The metrics that were asked for, one value per row."""
    table, columns = shard.table, {}
    for name in METRICS:
        if table[name].null_count < table.num_rows:
            columns[name] = table[name].cast(pa.float32()).to_numpy()
        if name == "iou" and table["iou_at"].null_count < table.num_rows:
            thresholds = shard.settings.get("thresholds", [])
            flat = pc.list_flatten(table["iou_at"]).to_numpy()
            if flat.size != table.num_rows * len(thresholds):
                raise ValueError(f"{shard.path}: expected iou_at to have one value per threshold {thresholds}")
            columns |= {f"iou@{each:g}": flat[index :: len(thresholds)] for index, each in enumerate(thresholds)}
    return columns


def _place(shard: shards.Shard) -> Coordinates:
    row = shard.table.slice(0, 1).to_pylist()[0]
    return {axis: shards.canonical(row[axis]) for axis in AXES}
