"""Whether maps depend on what the network has learned: those of networks drawn anew beside those of the network as it is.

Adebayo et al., 2018, "Sanity checks for saliency maps", NeurIPS. Spearman's correlation is of the maps of one image, noise seed,
timestep and attribution, as they were computed (before upsampling), over their positions. The maps here are nowhere below 0, so
the paper's correlation of absolute values is the same. docs/sanity.md says how to read it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Float64

from pcsweep.console.progress import progress
from pcsweep.statistics.bootstrap import interval, mean, means
from pcsweep.statistics.drawing import Drawing, Drawn
from pcsweep.statistics.paired import over_seeds
from pcsweep.statistics.rank_correlation import rank_correlation
from pcsweep.study import axes, shards
from pcsweep.study.axes import RANDOMIZED, RANDOMIZED_SEED
from pcsweep.study.labels import Row
from pcsweep.study.values import values_of

BOUND = 0.5  # of the correlation with a random head, by which a map is said to depend on the head or not
_OF_WEIGHTS = (RANDOMIZED, RANDOMIZED_SEED, "model.weights_sha256")
DEPENDS, SURVIVES, UNCHANGED, UNDECIDED, UNDEFINED = "depends", "survives", "unchanged", "undecided", "undefined"


@dataclass(frozen=True, eq=False)
class _Maps:
    """What a cell's shards hold: all arrays by noise seed.

    Args:
        path: of each shard.
    """

    paths: Sequence[Path]

    @cached_property
    def read(self) -> list[shards.Shard]:
        """The shards."""
        return [shards.read(path) for path in self.paths]

    @cached_property
    def iou(self) -> Float[np.ndarray, "seeds timesteps images"] | None:
        """None where it was not measured."""
        found = [values_of(shard).metrics.get("iou") for shard in self.read]
        return None if any(each is None for each in found) else np.stack([each for each in found if each is not None])

    @cached_property
    def maps(self) -> list[dict[tuple[int, str], np.ndarray]]:
        """The map of each timestep and image that has one, flat."""
        return [_maps_of(shard) for shard in self.read]

    @cached_property
    def images(self) -> list[str]:
        """Those of which there are maps, in order."""
        return sorted({image for of_seed in self.maps for _, image in of_seed})


def _maps_of(shard: shards.Shard) -> dict[tuple[int, str], np.ndarray]:
    kept = shard.table.select(["timestep", "image_id", "map"]).filter(shard.table["map"].is_valid()).to_pydict()
    named = zip(kept["timestep"], kept["image_id"], kept["map"], strict=True)
    return {(timestep, image): np.array(rows, np.float32).ravel() for timestep, image, rows in named}


def sanity(table: pa.Table, facets: Sequence[str], folder: Path, drawn: Drawn) -> pa.Table | None:
    """A row for each cell and timestep of a study that varies `model.randomized`; None of another.

    Args:
        table: of `aggregate`.
        facets: its columns beside the axes that tell cells apart.
        folder: of the study.
        drawn: the random draws for a number of images.

    Raises:
        DamagedShard: a shard was changed since it was aggregated.
    """
    if RANDOMIZED not in facets:
        return None
    coordinates = table.column_names[: table.column_names.index("identity")]
    names = [name for name in coordinates if name not in _OF_WEIGHTS]
    cell = table["identity"].combine_chunks().dictionary_encode().indices.to_numpy()
    groups: dict[str, list[Row]] = {}
    for row in table.take(pa.array(np.unique(cell, return_index=True)[1])).to_pylist():
        groups.setdefault(axes.key({name: row[name] for name in names}), []).append(row)
    series = [each for each in map(_ordered, groups.values()) if each]
    found: list[Row] = []
    with progress("rank correlations", sum(map(len, series)), "cells") as advance:
        for cells in series:
            reference = _Maps(_paths(cells[0], folder))
            for row in cells:
                own = reference if row is cells[0] else _Maps(_paths(row, folder))
                place = {name: row[name] for name in names}
                found += [place | _about(row) | each for each in _compared(reference, own, drawn)]
                advance(1)
    return pa.Table.from_pylist(found) if found else None


def _paths(row: Row, folder: Path) -> list[Path]:
    return [shards.place(folder / "shards", name) for name in row["shards"].split()]


def _ordered(cells: Sequence[Row]) -> list[Row]:
    """The cell of the network as it is, then the others by depth; none where there is not one such cell with the same seeds."""
    own = [row for row in cells if row[RANDOMIZED] is None]
    others = [row for row in cells if row[RANDOMIZED] is not None and own and row["noise_seeds"] == own[0]["noise_seeds"]]
    if len(own) != 1 or not others:
        return []
    return [*own, *sorted(others, key=lambda row: (depth_of(row[RANDOMIZED]), row.get(RANDOMIZED_SEED) or 0))]


def depth_of(randomized: str | None) -> int:
    """How many parts are drawn anew: none, the head, the head and one stage, and so on."""
    return 0 if randomized is None else 1 if randomized == "head" else 1 + int(randomized)


def _about(row: Row) -> dict[str, Any]:
    how = row[RANDOMIZED]
    return {
        RANDOMIZED: "none" if how is None else str(how),
        RANDOMIZED_SEED: row.get(RANDOMIZED_SEED),
        "depth": depth_of(how),
        "images": row["images"],
    }


def _compared(reference: _Maps, own: _Maps, drawn: Drawn) -> list[Row]:
    """A row for each timestep."""
    timesteps = values_of(own.read[0]).timesteps
    rho = _correlations(reference, own, timesteps)
    columns = {"rank_correlation": _estimated(rho, drawn), "iou": _estimated(own.iou, drawn)}
    gain = None if own.iou is None or reference.iou is None else own.iou.astype(np.float64) - reference.iou
    columns["iou_difference"] = _estimated(gain, drawn)
    rows = []
    for place, timestep in enumerate(timesteps):
        row: Row = {"timestep": timestep, "maps": len(reference.images)}
        for name, each in columns.items():
            row |= {f"{name}{end}": values[place] for end, values in each.items()} if each else dict.fromkeys(_ends(name))
        rows.append({**row, "verdict": verdict(row)})
    return rows


def _ends(name: str) -> list[str]:
    return [f"{name}{end}" for end in ("", "_low", "_high", "_n", "_nan")]


def _correlations(reference: _Maps, own: _Maps, timesteps: Sequence[int]) -> Float64[np.ndarray, "seeds timesteps images"] | None:
    """Of the maps of the same image, noise seed and timestep; None where no map was kept, NaN where maps have other sizes."""
    images = [image for image in reference.images if image in set(own.images)]
    if not images:
        return None
    found = np.full((len(own.maps), len(timesteps), len(images)), np.nan)
    for seed, (before, after) in enumerate(zip(reference.maps, own.maps, strict=True)):
        for step, timestep in enumerate(timesteps):
            pairs = [(before[timestep, image], after[timestep, image]) for image in images]
            if all(one.shape == other.shape == pairs[0][0].shape for one, other in pairs):
                one, other = (np.stack(each) for each in zip(*pairs, strict=True))
                found[seed, step] = rank_correlation(one, other)
    return found


def _estimated(values: Float[np.ndarray, "seeds timesteps images"] | None, drawn: Drawn) -> Mapping[str, list[Any]]:
    """Mean over images and its 95 % interval, how many images are defined, and how many values are not; by timestep."""
    if values is None:
        return {}
    of_images = over_seeds(values)  # (timesteps, images)
    drawing: Drawing = drawn(values.shape[-1])
    low, high = interval(means(of_images, drawing.counts))
    defined = (~np.isnan(of_images)).sum(-1)
    columns = ("", mean(of_images)), ("_low", low), ("_high", high), ("_n", defined), ("_nan", np.isnan(values).sum((0, -1)))
    return {end: found.tolist() for end, found in columns}


def verdict(row: Row) -> str:
    """By the 95 % interval of the mean correlation with the maps of the network as it is, and `BOUND`."""
    middle, low, high = (row[f"rank_correlation{end}"] for end in ("", "_low", "_high"))
    if middle is None or middle != middle:
        return UNDEFINED
    if low == high == middle == 1:
        return UNCHANGED
    return SURVIVES if low > BOUND else DEPENDS if high < BOUND else UNDECIDED
