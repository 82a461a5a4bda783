"""Which shard of a study is meant by values of its settings, such as `noise.sigma=0.4 pcoder.beta=0.8`, and which image."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.machine.threads import listed
from pcsweep.study import shards
from pcsweep.study.axes import COEFFICIENTS, coordinates, further_columns, further_coordinates, leaves
from pcsweep.study.labels import describe, in_order, text_of
from pcsweep.study.mixing import matches, where_of

SHORT = 12  # digits of a shard's name that people are shown
_ON_AXES = {"noise.sigma": "sigma", "pcoder.active": "pcoder", **{f"pcoder.{name}": name for name in COEFFICIENTS}}
_GROUPS = ("model", "dataset", "noise", "attribution")  # noise=gaussian is noise.name=gaussian

Settings = Mapping[str, Any]


def wanted_of(words: Sequence[str], own: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """The other words, and the values that are wanted by dotted setting."""
    named = [f"{word.replace('=', '.name=', 1)}" if word.partition("=")[0] in _GROUPS else word for word in words]
    return where_of(named, own)


def chosen(folder: Path, wanted: Mapping[str, Any]) -> str:
    """The name of the one shard in `folder` with these values.

    Raises:
        BadSetting: none has them, with the values that there are; or several have, with what tells them apart.
    """
    found = {path.stem: each for path in sorted(folder.glob("*.parquet")) if (each := _settings(path)) is not None}
    if not found:
        raise BadSetting(f"Expected `study` to name one with shards, but there are none in {folder}.")
    _check_there(list(found.values()), wanted)
    fitting = {name: each for name, each in found.items() if all(_has(each, *pair) for pair in wanted.items())}
    said = ", ".join(f"{name}={value}" for name, value in wanted.items())
    if not fitting:
        raise BadSetting(f"Expected a shard with {said}, but none has these together; there are {_cells(found)}.")
    if len(fitting) > 1:
        raise BadSetting(f"Expected one shard, but {len(fitting)} have {said}: {_cells(fitting)}.")
    return next(iter(fitting))


def named(folder: Path, prefix: str) -> str:
    """The name of the one shard in `folder` that begins with `prefix`.

    Raises:
        BadSetting: none does, or several do.
    """
    names = [path.stem for path in folder.glob("*.parquet")]
    if not names:
        raise BadSetting(f"Expected `study` to name one with shards, but there are none in {folder}.")
    found = sorted(name for name in names if name.startswith(prefix))
    if len(found) != 1:
        beginnings = listed([name[: max(12, len(prefix) + 4)] for name in found or sorted(names)])
        fault = f"{len(found)} begin with it" if found else "none begins with it"
        raise BadSetting(
            f"Expected `identity` to be the beginning of one shard's name in {folder}, but got {prefix!r}: {fault} "
            f"({'these' if found else 'there'} are {beginnings})."
        )
    return found[0]


def image_named(text: str | None, dataset: str, image_ids: Sequence[str], selection: Sequence[int]) -> str:
    """The identifier of the image that is meant.

    Args:
        text: an identifier, a part of one alone, or a position in the selection; None for the first of it.
        dataset: its name, for messages.
        image_ids: of all its images.
        selection: the places of those that are selected.

    Raises:
        BadSetting: none or several are meant.
    """
    if text is None:
        return image_ids[selection[0]]
    if text in image_ids:
        return text
    if re.fullmatch(r"0|[1-9]\d{0,11}", text):
        if int(text) < len(selection):
            return image_ids[selection[int(text)]]
        raise BadSetting(f"Expected `image` to be a position in the selection, 0 to {len(selection) - 1}, but got {text}.")
    found = [image_id for image_id in image_ids if text in image_id]
    if len(found) == 1:
        return found[0]
    some = listed(found or [image_ids[index] for index in selection])
    fault = f"{len(found)} have it ({some})" if found else f"none has it (there are {some})"
    raise BadSetting(f"Expected `image` to be an image_id of {dataset} or a part of one alone, but got {text!r}: {fault}.")


def _settings(path: Path) -> Settings | None:
    texts = shards.metadata(path)
    return None if shards.outdated(texts) else shards.settings(texts)


def _check_there(settings: Sequence[Settings], wanted: Mapping[str, Any]) -> None:
    """Refuses a setting or value that no shard has, with those that there are."""
    for name, value in wanted.items():
        known = {key for each in settings for key in leaves(each)}
        if name not in known:
            varying = sorted({*further_columns(settings), *(each for each in _ON_AXES if each in known)})
            raise BadSetting(f"Expected a setting of the study's shards, such as {', '.join(varying)}, but got {name!r}.")
        if not any(_has(each, name, value) for each in settings):
            there = listed([text_of(each) for each in in_order({_shown(each, name) for each in settings} - {None})])
            raise BadSetting(f"Expected `{name}` to be one of {there}, as in the study's shards, but got {value!r}.")


def _has(settings: Settings, name: str, value: Any) -> bool:
    """Whether a shard has the value; a coefficient that is one number is that of all active pcoders."""
    if name == "pcoder.active":
        whole = value is None or value == "all"
        numbers = value if isinstance(value, list) else [value]
        return bool(coordinates(settings)["pcoder"] == ("all" if whole else "+".join(map(str, numbers))))
    if name in _ON_AXES and isinstance(value, int | float):
        place = coordinates(settings)[_ON_AXES[name]]
        return place is not None and math.isclose(place, value, rel_tol=1e-9, abs_tol=1e-12)
    found = leaves(settings).get(name)
    if isinstance(value, list) and isinstance(found, list):
        return len(found) == len(value) and all(one == other for one, other in zip(found, value, strict=True))
    return matches(settings, {name: value})


def _shown(settings: Settings, name: str) -> Any:
    place = coordinates(settings)[_ON_AXES[name]] if name in _ON_AXES else None
    found = leaves(settings).get(name) if place is None else place
    return str(found) if isinstance(found, list | bool) else found


def _cells(found: Mapping[str, Settings]) -> str:
    """Each with what tells it from the others, and the beginning of its name."""
    columns = list(dict.fromkeys([*further_columns(list(found.values())), "noise.seed"]))
    places = {name: {**coordinates(each), **further_coordinates(each, columns)} for name, each in found.items()}
    varying = [key for key in next(iter(places.values())) if len({str(place[key]) for place in places.values()}) > 1]
    texts = [
        f"{describe({key: place[key] for key in varying})} (identity={name[:SHORT]})".strip() for name, place in places.items()
    ]
    return listed(sorted(texts), "; ")
