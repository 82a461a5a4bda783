"""The images that gained and lost most at the best cells: image, noisy image, mask and maps over time."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.ndimage import binary_erosion

from pcsweep.aggregate.best import Headline
from pcsweep.config.errors import BadSetting
from pcsweep.figures.overlays import blended, masked, under
from pcsweep.measure.exhibit import Exhibit, exhibition
from pcsweep.report.breakdown import Images, most
from pcsweep.study import shards

if TYPE_CHECKING:
    from pcsweep.grid.loaded import Loaded

SHOWN = (0, 1, 2, 4, 8)  # timesteps, beside the headline's
SIDE = 192  # pixels of a picture at most
QUALITY = 82  # of JPEG
CLOSE = 1e-3  # an IoU computed anew that differs by more is pointed out
_OUTLINE, _REGION = (255, 255, 255), (86, 180, 233)


@dataclass(frozen=True)
class Picture:
    """One picture: what is over and under it, and a JPEG as a data URI."""

    heading: str
    caption: str
    source: str


@dataclass(frozen=True)
class Strip:
    """The pictures of one image in a row."""

    name: str
    gain: float
    start: float
    end: float
    pictures: list[Picture]


@dataclass(frozen=True)
class Gallery:
    """Of one headline; `note` says what the reader must know of where the pictures are from."""

    gained: list[Strip]
    lost: list[Strip]
    note: str


def gallery(
    folder: Path, headline: Headline, of_cell: Images, count: int, loaded: "Loaded", extensions: Sequence[str] = ()
) -> Gallery:
    """So many images of either kind, their maps computed anew; where that cannot be done, what the shard keeps.

    Args:
        folder: of the shards.
        headline: which cell and timestep; of several noise seeds, the first is shown.
        of_cell: its images.
        count: of images that gained, and of those that lost.
        loaded: where models and datasets are, or will be.
        extensions: modules of its author's own that may be imported for it.
    """
    gained, lost = most(of_cell, count)
    name = headline.row["shards"].split()[0]
    shard = shards.read(shards.place(folder, name))
    seed = shard.settings["noise"].get("seed")
    several = f" Gains are means over {headline.row['seeds']} noise seeds; the pictures are of noise seed {seed}."
    try:
        exhibits, note = _anew(shard, [*gained, *lost], loaded, extensions), "Computed anew from the shard's configuration."
        note += _differing(shard, exhibits)
    except BadSetting as error:
        kept = exhibition(shard.path)
        exhibits = kept.exhibits if kept else []
        note = f"Chosen among the {len(exhibits)} images whose pictures the shard keeps" if exhibits else "No pictures"
        note += f", because the maps of others could not be computed here. {str(error).rstrip('.')}."
        there = {exhibit.image_id for exhibit in exhibits}
        gained, lost = ([name for name in names if name in there][:count] for names in most(of_cell, len(of_cell.ids)))
    usual = float(shard.settings["threshold"])
    threshold = cut(headline.metric, usual)
    if threshold != usual:
        exhibits = [replace(each, iou={t: iou(each, t, threshold) for t in each.saliency}) for each in exhibits]
    timesteps = sorted({*SHOWN, headline.row["timestep"]})
    strips = {each.image_id: _strip(each, of_cell, timesteps, threshold) for each in exhibits}
    return Gallery(
        [strips[name] for name in gained], [strips[name] for name in lost], note + several * (headline.row["seeds"] > 1)
    )


def _anew(shard: shards.Shard, names: Sequence[str], loaded: "Loaded", extensions: Sequence[str]) -> list[Exhibit]:
    from pcsweep.compute.again import point_of, recomputed

    return recomputed(point_of(shard, loaded, extensions), names, loaded)


def _differing(shard: shards.Shard, exhibits: Sequence[Exhibit]) -> str:
    """A warning where the maps computed anew do not have the shard's IoU."""
    columns = shard.table.select(["image_id", "timestep", "iou"]).to_pydict()
    stored = dict(zip(zip(columns["image_id"], columns["timestep"], strict=True), columns["iou"], strict=True))
    pairs = [(stored[each.image_id, t], iou) for each in exhibits for t, iou in each.iou.items() if iou is not None]
    gap = max((abs(a - b) for a, b in pairs if a == a and b == b), default=0.0)
    return f" Their IoU differs from the shard's by up to {gap:.3f}." if gap > CLOSE else ""


def _strip(exhibit: Exhibit, of_cell: Images, timesteps: Sequence[int], threshold: float) -> Strip:
    pictures = [
        Picture("image", "", jpeg(exhibit.image)),
        Picture("noisy image", "", jpeg(exhibit.noisy)),
        Picture("mask", "", jpeg(masked(exhibit))),
    ]
    for timestep in timesteps:
        if timestep in exhibit.saliency:
            pictures.append(Picture(f"t = {timestep}", under(exhibit, timestep), jpeg(overlay(exhibit, timestep, threshold))))
    place = of_cell.ids.index(exhibit.image_id)
    name = " ".join(word for word in (exhibit.category, exhibit.image_id.rpartition("/")[2]) if word)
    return Strip(name, float(of_cell.gain[place]), float(of_cell.start[place]), float(of_cell.end[place]), pictures)


def cut(metric: str, usual: float) -> float:
    """The threshold of the maps that are shown: the metric's own, or the usual one."""
    name, _, own = metric.partition("@")
    return float(own) if name == "iou" and own else usual


def iou(exhibit: Exhibit, timestep: int, threshold: float) -> float:
    """|found ∩ mask| / |found ∪ mask| of one map, as `metrics.iou`; NaN where the mask is empty."""
    found, mask = (region & ~exhibit.ignore for region in (exhibit.saliency[timestep] > threshold, exhibit.mask))
    return float((found & mask).sum() / (found | mask).sum()) if mask.any() else np.nan


def overlay(exhibit: Exhibit, timestep: int, threshold: float) -> np.ndarray:
    """The map over the grey image, outlined: the mask in white, what the map finds in blue; (height, width, 3) of bytes."""
    saliency = exhibit.saliency[timestep]
    picture: np.ndarray = (255 * blended(exhibit.image, saliency)).astype(np.uint8)
    for region, colour in ((saliency > threshold, _REGION), (exhibit.mask, _OUTLINE)):
        picture[region & ~binary_erosion(region, iterations=1 + max(region.shape) // 256)] = colour
    return picture


def jpeg(picture: np.ndarray) -> str:
    """A data URI, at most `SIDE` pixels a side; small pictures are enlarged to sharp squares."""
    image = Image.fromarray(picture)
    longest = max(image.size)
    factor = SIDE // longest if longest < SIDE else SIDE / longest
    width, height = (max(1, round(side * factor)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
