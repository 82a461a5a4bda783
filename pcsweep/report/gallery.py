"""The images that gained and lost most at the best cells: image, noisy image, mask and maps over time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcsweep.aggregate.best import Headline, where
from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import progress
from pcsweep.figures.overlays import SHOWN
from pcsweep.measure.exhibit import Exhibit, baselines, exhibition
from pcsweep.metric import TABLE, baselines_of
from pcsweep.metric.iou import iou
from pcsweep.metric.row import Scored
from pcsweep.report.best_cells import BestCells
from pcsweep.report.breakdown import Images, most, spread
from pcsweep.report.pictures import Picture, pictures
from pcsweep.study import shards
from pcsweep.study.labels import direction

if TYPE_CHECKING:
    from pcsweep.grid.loaded import Loaded

GALLERIES = 4  # best cells that get one at most
CLOSE = 1e-3  # an IoU computed anew that differs by more is pointed out


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


def galleries(folder: Path, best: BestCells, count: int, extensions: Sequence[str]) -> list[tuple[str, Gallery]]:
    """The galleries of some best cells, with a title each; none where no image is asked for.

    Args:
        folder: of the shards.
        best: the best cells.
        count: of images that gained, and of those that lost, in each gallery.
        extensions: modules of the study's author that may be imported.
    """
    shown = spread(best.headlines, GALLERIES) if best.headlines and count else []
    if not shown:
        return []
    from pcsweep.grid.loaded import Loaded  # torch: only where it is needed

    found, loaded = [], Loaded()
    with progress("gallery", len(shown), "cells") as advance:
        for headline in shown:
            of_cell = best.images[best.headlines.index(headline)]
            found.append((f"{where(headline)}: {headline}", gallery(folder, headline, of_cell, count, loaded, extensions)))
            advance(1)
    return found


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
    shard = shards.read(shards.place(folder, headline.row["shards"].split()[0]))
    sign = direction(headline.metric)
    try:
        chosen = _computed_anew(shard, most(of_cell, count, sign), loaded, extensions)
    except BadSetting as error:
        chosen = _kept(shard, most(of_cell, len(of_cell.ids), sign), count, error)
    usual = float(shard.settings["threshold"])
    threshold = cut(headline.metric, usual)
    exhibits = chosen.exhibits if threshold == usual else [with_iou_at(threshold, each) for each in chosen.exhibits]
    timesteps = sorted({*SHOWN, headline.row["timestep"]})
    strips = {each.image_id: _strip(each, of_cell, pictures(each, timesteps, threshold)) for each in exhibits}
    return Gallery(
        gained=[strips[name] for name in chosen.gained],
        lost=[strips[name] for name in chosen.lost],
        note=chosen.note + _seeds_note(headline, shard),
    )


@dataclass(frozen=True)
class _Chosen:
    """The images of a gallery.

    Args:
        gained, lost: identifiers of the images that gained and of those that lost, the largest change first.
        exhibits: these images with their maps, and perhaps others.
        note: what the reader must know of where they are from.
    """

    gained: list[str]
    lost: list[str]
    exhibits: list[Exhibit]
    note: str


def _computed_anew(
    shard: shards.Shard, gained_and_lost: tuple[list[str], list[str]], loaded: "Loaded", extensions: Sequence[str]
) -> _Chosen:
    """Computes the maps of these images again.

    Raises:
        BadSetting: that cannot be done here, for example without the dataset.
    """
    from pcsweep.compute.again import point_of, recomputed

    gained, lost = gained_and_lost
    exhibits = recomputed(point_of(shard, loaded, extensions), [*gained, *lost], loaded)
    return _Chosen(gained, lost, exhibits, f"Computed anew from the shard's configuration.{_difference_note(shard, exhibits)}")


def _difference_note(shard: shards.Shard, exhibits: Sequence[Exhibit]) -> str:
    """A warning where the maps computed anew do not have the shard's IoU."""
    columns = shard.table.select(["image_id", "timestep", "iou"]).to_pydict()
    stored = dict(zip(zip(columns["image_id"], columns["timestep"], strict=True), columns["iou"], strict=True))
    pairs = [(stored[each.image_id, t], iou) for each in exhibits for t, iou in each.iou.items() if iou is not None]
    gap = max((abs(a - b) for a, b in pairs if a == a and b == b), default=0.0)
    return f" Their IoU differs from the shard's by up to {gap:.3f}." if gap > CLOSE else ""


def _kept(shard: shards.Shard, ordered: tuple[list[str], list[str]], count: int, error: BadSetting) -> _Chosen:
    """Chooses among the images whose pictures the shard keeps, because of that error."""
    kept = exhibition(shard.path)
    exhibits = kept.exhibits if kept else []
    there = {exhibit.image_id for exhibit in exhibits}
    gained, lost = ([name for name in names if name in there][:count] for names in ordered)
    what = f"Chosen among the {len(exhibits)} images whose pictures the shard keeps" if exhibits else "No pictures"
    why = f"because the maps of others could not be computed here. {str(error).rstrip('.')}."
    return _Chosen(gained, lost, exhibits, f"{what}, {why}")


def cut(metric: str, usual: float) -> float:
    """The threshold of the maps that are shown: the metric's own, or the usual one."""
    name, _, own = metric.partition("@")
    return float(own) if name == "iou" and own else usual


def with_iou_at(threshold: float, exhibit: Exhibit) -> Exhibit:
    """With the IoU of its maps, and of those that look at no image, at that threshold."""
    import torch

    saliency = torch.tensor(np.stack(list(exhibit.saliency.values())))  # (timesteps, height, width)
    mask, ignore = (torch.tensor(region).expand(saliency.shape) for region in (exhibit.mask, exhibit.ignore))
    found = iou(saliency, mask, ignore, threshold).tolist()  # (timesteps,)
    nothing, label = saliency.new_zeros(len(saliency), 0), torch.zeros(len(saliency), dtype=torch.long)
    scored = Scored(saliency, mask, ignore, nothing, label, label, threshold, ())
    beside = {each.metric: TABLE[each.metric].measured for each in baselines_of("iou")}
    row = {"iou": found[0], **{name: measured(scored)[0].item() for name, measured in beside.items() if measured}}
    return replace(exhibit, iou=dict(zip(exhibit.saliency, found, strict=True)), baselines=baselines(row))


def _strip(exhibit: Exhibit, of_cell: Images, shown: list[Picture]) -> Strip:
    place = of_cell.ids.index(exhibit.image_id)
    name = " ".join(word for word in (exhibit.category, exhibit.image_id.rpartition("/")[2]) if word)
    return Strip(name, float(of_cell.gain[place]), float(of_cell.start[place]), float(of_cell.end[place]), shown)


def _seeds_note(headline: Headline, shard: shards.Shard) -> str:
    """Of several noise seeds, which one the pictures show."""
    seeds, shown = headline.row["seeds"], shard.settings["noise"].get("seed")
    return f" Gains are means over {seeds} noise seeds; the pictures are of noise seed {shown}." if seeds > 1 else ""
