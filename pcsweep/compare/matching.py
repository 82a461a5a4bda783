"""Which cells of two studies belong together, which have no partner, and in which settings partners differ."""

import json
import logging
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pcsweep.aggregate.gaps import product_gaps
from pcsweep.aggregate.grouping import grouped, without_seed
from pcsweep.config.errors import BadSetting
from pcsweep.study import axes, plans, shards
from pcsweep.study.axes import AXES, COEFFICIENTS, Coordinates
from pcsweep.study.labels import coefficient, describe, text_of

SETTING = {
    **{axis: f"{axis}.name" for axis in ("model", "dataset", "noise")},
    "sigma": "noise.sigma",
    "pcoder": "pcoder.active",
    **{name: f"pcoder.{name}" for name in COEFFICIENTS},
}
_HASH = re.compile(r"[0-9a-f]{64}")
_NAMED = 3  # pairs of values of one setting

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Found:
    """A cell of one study.

    Args:
        paths: its shards, one per noise seed.
        settings: that they share.
        seeds: of the noise, in the shards' order.
        place: on the axes and further columns of both studies.
    """

    paths: list[Path]
    settings: Mapping[str, Any]
    seeds: list[Any]
    place: Coordinates = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Study:
    """What there is of a study, from its shards' metadata and its plans.

    Args:
        name: of its folder.
        found: its cells.
        points: that were planned.
        damaged: what is wrong with shards whose metadata cannot be read.
    """

    name: str
    found: list[Found]
    points: list[plans.PlannedPoint]
    damaged: list[str]

    @property
    def settings(self) -> list[Mapping[str, Any]]:
        """Of every cell, found or planned."""
        return [*(each.settings for each in self.found), *(without_seed(point.settings) for point in self.points)]


@dataclass(frozen=True, eq=False)
class Matching:
    """The cells of studies A and B, by what both have values of in common.

    Args:
        columns: axes and further columns that partners agree in.
        compared: those in which no cell of A agrees with one of B.
        pairs: partners, in the order of their places.
        only: places of the cells without a partner, of A and of B.
        skipped: places that were planned in one of them, and have no update with their coefficients.
        missing: places that were planned in one of them, and are not among the pairs.
    """

    columns: list[str]
    compared: list[str]
    pairs: list[tuple[Found, Found]]
    only: tuple[list[Coordinates], list[Coordinates]]
    skipped: list[Coordinates]
    missing: list[Coordinates]

    def shared(self, place: Coordinates) -> Coordinates:
        """Of a place, what partners agree in."""
        return {name: place[name] for name in self.columns}


def study_in(folder: Path) -> Study:
    """The study of that folder; nothing is moved or written.

    Raises:
        BadSetting: it has no shard that can be read, or its shards differ in settings that must not be mixed.
    """
    found, damaged = [], []
    groups = grouped(folder / "shards")
    for group in groups.paths:
        read: dict[Path, dict[str, Any]] = {}
        for path in group:
            try:
                read[path] = json.loads(shards.verified_metadata(path)["settings"])
            except shards.DamagedShard as error:
                damaged.append(str(error))
            except FileNotFoundError:
                log.warning("%s went away while the study was read", path)
        if read:
            seeds = [settings["noise"].get("seed") for settings in read.values()]
            found.append(Found(list(read), without_seed(next(iter(read.values()))), seeds))
    if not found:
        but = f" but {groups.older} of an earlier version" if groups.older else ""
        but += f" {'and' if but else 'but'} damaged ones: {'; '.join(damaged)}" if damaged else ""
        raise BadSetting(f"Expected shards in {folder / 'shards'}, but there are none{but}.")
    try:
        axes.check_alike([each.settings for each in found])
    except ValueError as error:
        raise BadSetting(f"Study {folder.name}: {error}") from error
    return Study(folder.name, found, plans.planned(folder / "planned"), damaged)


def match(a: Study, b: Study) -> Matching:
    """Partners are in the same place, but for the axes and columns in which the studies have no value in common.

    Those are what is compared: α where A has α = 0 and B has α = 0.01 throughout, or the model.

    Raises:
        BadSetting: a cell has several partners, since what is compared varies within a study; or no cell has one.
    """
    on_axes = axes.axes_of([*a.settings, *b.settings])
    further = list(dict.fromkeys([*axes.further_columns(a.settings), *axes.further_columns(b.settings)]))
    place = partial(axes.place_on, on_axes, columns=further)
    found = [[replace(each, place=place(each.settings)) for each in study.found] for study in (a, b)]
    names = [*on_axes, *further]
    values = {name: [{axes.key({name: each.place[name]}) for each in of_study} for of_study in found] for name in names}
    compared = [name for name in names if values[name][0].isdisjoint(values[name][1])]
    columns = [name for name in names if name not in compared]
    if several := [name for name in compared if name in on_axes and max(map(len, values[name])) > 1]:
        raise BadSetting(_ambiguous(a, b, several))

    def key(place: Coordinates) -> str:
        return axes.key({name: place[name] for name in columns})

    of_a, of_b = ({key(each.place): each for each in of_study} for of_study in found)
    if len(of_a) < len(found[0]) or len(of_b) < len(found[1]):
        raise BadSetting(_ambiguous(a, b, []))
    pairs = [(of_a[name], of_b[name]) for name in of_a if name in of_b]
    if not pairs:
        raise BadSetting(
            f"Expected the studies to have cells in common, but none of {len(of_a)} in {a.name} is where one of {len(of_b)} in "
            f"{b.name} is; such as {describe(found[0][0].place)}, and {describe(found[1][0].place)}."
        )
    only_a, only_b = (
        sorted((each.place for name, each in mine.items() if name not in other), key=axes.sortable)
        for mine, other in ((of_a, of_b), (of_b, of_a))
    )
    gaps = [_gaps(study, of_study, place) for study, of_study in zip((a, b), found, strict=True)]
    skipped = {key(place): place for each in gaps for place in each[0]}
    missing = {key(place): place for places in (only_a, only_b, *(each[1] for each in gaps)) for place in places}
    there = {key(one.place) for one, _ in pairs}
    return Matching(
        columns=columns,
        compared=compared,
        pairs=sorted(pairs, key=lambda pair: axes.sortable({name: pair[0].place[name] for name in columns})),
        only=(only_a, only_b),
        skipped=[place for name, place in skipped.items() if name not in there],
        missing=[place for name, place in missing.items() if name not in there and name not in skipped],
    )


def _ambiguous(a: Study, b: Study, names: Sequence[str]) -> str:
    settings = " and ".join(f"`{SETTING.get(name, name)}`" for name in names)
    if not names:
        return f"Expected the cells of {a.name} and those of {b.name} to have a place each, but several are in the same place."
    return (
        f"Expected every cell of {a.name} to have at most one partner in {b.name}, but the studies have no value of {settings} "
        "in common, and several in one of them: compare studies with one value each, or with the same values."
    )


def _gaps(
    study: Study, found: Sequence[Found], place: Callable[[Mapping[str, Any]], Coordinates]
) -> tuple[list[Coordinates], list[Coordinates]]:
    """Places that are skipped, and that are expected; without a plan, by the product of the observed coefficients."""
    if not study.points:
        return product_gaps([each.place for each in found])
    places = [(point.skipped, place(point.settings)) for point in study.points]
    return [each for skipped, each in places if skipped], [each for skipped, each in places if not skipped]


def differing(matching: Matching) -> dict[str, list[tuple[str, str]]]:
    """By dotted setting, the different values that partners have of it, of A and B, as text."""
    on_an_axis = {*axes.ON_AN_AXIS, "dataset.name"}
    found: dict[str, dict[tuple[str, str], None]] = {}
    for pair in matching.pairs:
        flat = [{name: value for name, value in axes.leaves(cell.settings).items() if name not in on_an_axis} for cell in pair]
        for values, cell in zip(flat, pair, strict=True):
            values |= {SETTING[name]: _value(cell.place, name) for name in matching.compared if name in SETTING}
            values["noise.seed"] = sorted(cell.seeds, key=axes.sort_key) if len(cell.seeds) > 1 else cell.seeds[0]
        one, other = flat
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                found.setdefault(name, {})[_said(one.get(name)), _said(other.get(name))] = None
    return {name: list(values) for name, values in found.items()}


def _value(place: Coordinates, name: str) -> Any:
    return coefficient(place, name) if name in COEFFICIENTS else place[name]


def _said(value: Any) -> str:
    """Short enough for a line, and still different where the values are, if that is near the beginning."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value[:12] if _HASH.fullmatch(value) else text_of(value)
    return textwrap.shorten(json.dumps(value, ensure_ascii=False), 60, placeholder=" …")


def in_words(differences: Mapping[str, Sequence[tuple[str, str]]], a: str, b: str) -> list[str]:
    """A line per setting that differs, and what that means for the comparison."""
    lines = [f"Different: {name} is {_each(values, a, b)}" for name, values in differences.items()]
    if not lines:
        lines = ["No setting differs between partners"]
    groups = {name.split(".")[0] for name in differences if name != "noise.seed"}
    if "dataset" in groups:
        lines.append("Note: the datasets' settings differ, and images are paired by their identifiers alone")
    if "noise" in groups:
        lines.append("Note: the noise differs, so partners did not see the same noisy images")
    if "threshold" in groups:
        lines.append("Note: the threshold differs, so `iou` is not of the same cut of the map")
    return lines


def _each(values: Sequence[tuple[str, str]], a: str, b: str) -> str:
    said = "; ".join(f"{one} in {a}, {other} in {b}" for one, other in values[:_NAMED])
    return said + (f"; and {len(values) - _NAMED} more" if len(values) > _NAMED else "")


def labels(matching: Matching) -> Coordinates:
    """The axes that are compared, as a picture's labels have them: `0 → 0.01`, A's value and B's."""
    found: Coordinates = {}
    for name in matching.compared:
        if name in (*AXES, *COEFFICIENTS):
            each = [{_label(cell.place, name) for cell in of_study} for of_study in zip(*matching.pairs, strict=True)]
            found[name] = " → ".join(_only(texts) for texts in each)
    return found


def _label(place: Coordinates, name: str) -> str:
    value = _value(place, name)
    return "none" if value is None else text_of(value).strip("[]")


def _only(texts: Iterable[str]) -> str:
    some = sorted(texts)
    return some[0] if len(some) == 1 else "several"
