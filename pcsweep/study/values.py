"""The rows of one shard → arrays of images and timesteps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float32, Int, Shaped

from pcsweep.config.errors import BadSetting
from pcsweep.metric import TABLE
from pcsweep.study import shards
from pcsweep.study.schema import at_layers

# Metrics with a value per image, in the order of a shard's columns.
MEASURED = tuple(name for name in dict.fromkeys((*shards.SCHEMA.names, *TABLE)) if name in TABLE and TABLE[name].measured)

_PARTLY = tuple(name for name in MEASURED if TABLE[name].variants)  # of these, at chosen timesteps alone


@dataclass(frozen=True, eq=False)
class ShardValues:
    """What one shard holds; images are in the order of their identifiers.

    Args:
        images: identifiers.
        classes: of the images.
        timesteps: from t = 0 on.
        metrics: by name, such as iou or iou@0.15.
        lists: by name of a column with a value for each threshold, and by threshold from high to low.
        layers: by metric, where the attribution was taken at every pcoder, from the lowest up.
        pixels: how many of each image are looked at.
        threshold: of the study.
        chosen: of metrics that were measured at chosen timesteps alone, by name, whether each timestep is one of them; at the
            others their values are NaN, which is not counted as undefined.
    """

    images: list[str]
    classes: Int[np.ndarray, " images"]
    timesteps: list[int]
    metrics: dict[str, Float32[np.ndarray, "timesteps images"]]
    lists: dict[str, dict[float, Float32[np.ndarray, "timesteps images"]]]
    layers: dict[str, Float32[np.ndarray, "layers timesteps images"]]
    pixels: Float32[np.ndarray, "timesteps images"]
    threshold: float
    chosen: dict[str, Bool[np.ndarray, " timesteps"]] = field(default_factory=dict)

    def measured(self, metric: str) -> Bool[np.ndarray, " timesteps"]:
        """At which timesteps a metric was measured."""
        return self.chosen.get(metric, np.ones(len(self.timesteps), bool))

    def at_thresholds(self, column: str) -> dict[float, Float32[np.ndarray, "timesteps images"]]:
        """A column with a value for each threshold, by threshold from high to low; empty where it was not measured."""
        return self.lists.get(column, {})

    def of(self, kept: Bool[np.ndarray, " images"]) -> "ShardValues":
        """What it holds of some of its images."""
        return ShardValues(
            images=[name for name, there in zip(self.images, kept, strict=True) if there],
            classes=self.classes[kept],
            timesteps=self.timesteps,
            metrics={name: values[:, kept] for name, values in self.metrics.items()},
            lists={name: {at: values[:, kept] for at, values in found.items()} for name, found in self.lists.items()},
            layers={name: values[..., kept] for name, values in self.layers.items()},
            pixels=self.pixels[:, kept],
            threshold=self.threshold,
            chosen=self.chosen,
        )


def values_of(shard: shards.Shard) -> ShardValues:
    """The shard's values, whatever the order of its rows.

    Raises:
        BadSetting: a row is missing or there twice.
    """
    images, timesteps, placed = _layout(shard)
    lists = {name: _at_thresholds(shard, name) for row in TABLE.values() for name in row.lists}
    return ShardValues(
        images=images,
        classes=placed(shard.table["class_index"].to_numpy())[0].astype(int),
        timesteps=timesteps,
        metrics={name: placed(column) for name, column in _metrics(shard, lists["iou_at"]).items()},
        lists={name: {each: placed(found[each]) for each in sorted(found, reverse=True)} for name, found in lists.items()},
        layers={name: np.stack([placed(each) for each in found]) for name, found in _at_layers(shard).items()},
        pixels=placed(shard.table["pixels"].cast(pa.float32()).to_numpy()),
        threshold=float(shard.settings["threshold"]),
        chosen={name: _chosen(placed, shard.table[name]) for name in _PARTLY if _is_measured(shard, name)},
    )


def _chosen(placed: Callable[[np.ndarray], np.ndarray], column: pa.ChunkedArray) -> Bool[np.ndarray, " timesteps"]:
    """At which timesteps a column is not null throughout."""
    return np.asarray((placed(column.is_valid().to_numpy()) > 0).any(axis=1))


def _layout(shard: shards.Shard) -> tuple[list[str], list[int], Callable[[np.ndarray], Float32[np.ndarray, "timesteps images"]]]:
    """The shard's images and timesteps in order, and a function that puts a column of its rows into an array of them."""
    table = shard.table
    ids = table["image_id"].combine_chunks().dictionary_encode()
    names = np.array(ids.dictionary.to_pylist())  # (images,)
    order = np.argsort(names)
    image = np.argsort(order)[ids.indices.to_numpy()]  # (rows,): place of each row's image among the sorted ones
    timesteps, step = np.unique(table["timestep"].to_numpy(), return_inverse=True)  # (timesteps,), (rows,)
    position = step * len(names) + image  # (rows,)
    if table.num_rows != len(names) * len(timesteps) or np.bincount(position).max() > 1:
        raise BadSetting(f"{shard.path}: expected one row per image and timestep, but got {table.num_rows} rows, some twice")

    def placed(column: Shaped[np.ndarray, " rows"]) -> Float32[np.ndarray, "timesteps images"]:
        values = np.empty(table.num_rows, np.float32)
        values[position] = column
        return values.reshape(len(timesteps), len(names))

    return names[order].tolist(), timesteps.tolist(), placed


def _metrics(shard: shards.Shard, iou_at: Mapping[float, np.ndarray]) -> dict[str, np.ndarray]:
    """The metrics that were measured, (rows,) each; after the IoU those at further thresholds."""
    table, columns = shard.table, {}
    for name in MEASURED:
        if _is_measured(shard, name):
            columns[name] = table[name].cast(pa.float32()).to_numpy()
        if name == "iou":
            columns |= {iou_at_threshold(threshold): values for threshold, values in iou_at.items()}
    return columns


def iou_at_threshold(threshold: float) -> str:
    """The metric's name, such as iou@0.15, in all digits that a shard's settings have."""
    return f"iou@{threshold:.10g}"


def _at_thresholds(shard: shards.Shard, name: str) -> dict[float, np.ndarray]:
    """A column of lists as one column for each threshold, (rows,) each; empty where it was not measured."""
    if not _is_measured(shard, name):
        return {}
    table, thresholds = shard.table, shard.settings.get("thresholds", [])
    flat = pc.list_flatten(table[name]).to_numpy()  # (rows × thresholds,)
    if flat.size != table.num_rows * len(thresholds):
        raise BadSetting(f"{shard.path}: expected {name} to have one value per threshold {thresholds}")
    return {threshold: flat[index :: len(thresholds)] for index, threshold in enumerate(thresholds)}


def _at_layers(shard: shards.Shard) -> dict[str, np.ndarray]:
    """Each metric at every pcoder, (layers, rows); empty where the attribution was taken at one alone."""
    found = {}
    for name in (name for name in MEASURED if _is_measured(shard, at_layers(name))):
        flat = pc.list_flatten(shard.table[at_layers(name)]).to_numpy()  # (rows × layers,)
        if flat.size % shard.table.num_rows:
            raise BadSetting(f"{shard.path}: expected {at_layers(name)} to have one value per pcoder in every row")
        found[name] = flat.reshape(shard.table.num_rows, -1).T
    return found


def _is_measured(shard: shards.Shard, name: str) -> bool:
    """Whether a column is there and is not null throughout."""
    return name in shard.table.column_names and shard.table[name].null_count < shard.table.num_rows
