"""The images of a grid point whose pictures and maps its shard keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from jaxtyping import Bool, Float, UInt8

from pcsweep.metric import baselines_of
from pcsweep.pcoder import rule_of
from pcsweep.pcoder.rule import keys_of
from pcsweep.study import shards
from pcsweep.study.axes import RANDOMIZED, USUAL_ATTRIBUTION, Coordinates, coordinates, key
from pcsweep.study.conditions import sigma_unit, split_of
from pcsweep.study.labels import SYMBOLS, condition_text, file_name, on, text_of

_NOT_SHOWN = ("name", "sigma", "space", "clip", "seed", "source_sha256")  # of a noise's settings, in titles


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One image and its maps.

    Args:
        image_id: of the image.
        category: its dataset's word for the class.
        image: what the dataset shows.
        noisy: what the network saw, cut to the range of pixels.
        mask: where the object is.
        ignore: pixels left out of every metric.
        saliency: by timestep, the map at the mask's size divided by its maximum; NaN throughout where that is zero.
        iou: by timestep; None where it was not measured.
        baselines: the IoU of maps that look at no image, by label.
    """

    image_id: str
    category: str
    image: UInt8[np.ndarray, "height width 3"]
    noisy: UInt8[np.ndarray, "height width 3"]
    mask: Bool[np.ndarray, "height width"]
    ignore: Bool[np.ndarray, "height width"]
    saliency: dict[int, Float[np.ndarray, "height width"]]
    iou: dict[int, float | None]
    baselines: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Exhibition:
    """The pictured images of one grid point, in the order of the selection, and what the point is."""

    place: Coordinates
    title: str
    threshold: float  # of the IoU
    exhibits: list[Exhibit]


def exhibition(path: Path) -> Exhibition | None:
    """What the shard at `path` keeps for pictures, if anything.

    Raises:
        DamagedShard: it does not verify.
    """
    shard = shards.read(path)
    masks = [each.metric for each in baselines_of("iou") if each.metric in shard.table.column_names]
    columns = ["image_id", "category", "timestep", "iou", "map", "image", "noisy", "mask", "ignore", *masks]
    there = shard.table.filter(shard.table["image"].is_valid())["image_id"]  # of others there may be maps alone
    pictured = shard.table.select(columns).filter(pc.is_in(shard.table["image_id"], there.combine_chunks())).to_pylist()
    images: dict[str, list[dict[str, Any]]] = {}
    for row in pictured:
        images.setdefault(row["image_id"], []).append(row)
    if not images:
        return None
    settings = shard.settings
    place = coordinates(settings)
    for name in keys_of(rule_of(settings["pcoder"])):
        place[name] = str(settings["pcoder"][name]) if place[name] is None else place[name]
    place |= {RANDOMIZED: settings["model"].get("randomized"), **_attribution(settings)}
    exhibits = [_exhibit(rows) for rows in images.values()]
    return Exhibition(place, _title(place, settings), settings["threshold"], exhibits)


def _attribution(settings: Mapping[str, Any]) -> dict[str, str]:
    """By key, its settings as text, and its target."""
    own = {**settings.get("attribution", {}), "target": settings.get("target")}
    return {f"attribution.{name}": str(value) for name, value in own.items()}


def _exhibit(rows: list[dict[str, Any]]) -> Exhibit:
    import torch

    from pcsweep.measure import png
    from pcsweep.metric.saliency import scaled

    (first,) = (row for row in rows if row["image"] is not None)
    mask, ignore = png.pixels(first["mask"]) > 0, png.pixels(first["ignore"]) > 0
    maps = scaled(torch.tensor([row["map"] for row in rows]), (mask.shape[0], mask.shape[1]))
    return Exhibit(
        image_id=first["image_id"],
        category=first["category"] or "",
        image=png.pixels(first["image"]),
        noisy=png.pixels(first["noisy"]),
        mask=mask,
        ignore=ignore,
        saliency={row["timestep"]: saliency.numpy() for row, saliency in zip(rows, maps, strict=True)},
        iou={row["timestep"]: row["iou"] for row in rows},
        baselines=baselines(first),
    )


def baselines(row: Mapping[str, Any]) -> dict[str, float]:
    """Of one of an image's rows, by label; none where no IoU was measured, or what is not defined."""
    found = {each.label: row.get(each.metric) for each in baselines_of("iou") if row.get("iou") is not None}
    return {label: float(value) for label, value in found.items() if value is not None and value == value}


def _title(place: Coordinates, settings: dict[str, Any]) -> str:
    words = [on(str(place["model"]), str(place["dataset"]), split_of([settings]))]
    words += [f"{SYMBOLS[name]} = {text_of(place[name])}" for name in keys_of(rule_of(settings["pcoder"]))]
    space = sigma_unit(settings["noise"])
    if place["noise"] == "none" or place["sigma"] is None:
        own = {name: value for name, value in settings["noise"].items() if name not in _NOT_SHOWN}
        words.append(condition_text({"noise": place["noise"], **own}.items()))
    else:
        words.append(f"σ = {text_of(place['sigma'])}" + (f" (of {space})" if space else ""))
    words += [f"pcoder {place['pcoder']}"] if place["pcoder"] != "all" else []
    words += [str(place["attribution.name"])] if place.get("attribution.name", USUAL_ATTRIBUTION) != USUAL_ATTRIBUTION else []
    words += [f"randomized {place[RANDOMIZED]}"] if place[RANDOMIZED] is not None else []
    return ", ".join(words)


def names(exhibitions: Sequence[Exhibition]) -> Iterable[str]:
    """Of their files: what varies among them; empty where there is one."""
    places = [exhibition.place for exhibition in exhibitions]
    names = dict.fromkeys(axis for place in places for axis in place)
    varying = [axis for axis in names if len({key({axis: place.get(axis)}) for place in places}) > 1]
    found = [file_name([(axis, place.get(axis)) for axis in varying]) for place in places]
    return [f"{name}-{number}" if found.count(name) > 1 else name for number, name in enumerate(found, start=1)]
