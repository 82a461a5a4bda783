"""Which cells of two studies belong together, and which have no partner."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pcsweep.aggregate.gaps import product_gaps
from pcsweep.compare.study import Study, StudyCell
from pcsweep.config.errors import BadSetting
from pcsweep.study import axes
from pcsweep.study.axes import COEFFICIENTS, Coordinates
from pcsweep.study.labels import describe

# By axis, the setting as it is on the command line.
SETTING = {
    **{axis: f"{axis}.name" for axis in ("model", "dataset", "noise")},
    "sigma": "noise.sigma",
    "pcoder": "pcoder.active",
    **{name: f"pcoder.{name}" for name in COEFFICIENTS},
}


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
    pairs: list[tuple[StudyCell, StudyCell]]
    only: tuple[list[Coordinates], list[Coordinates]]
    skipped: list[Coordinates]
    missing: list[Coordinates]

    def shared(self, place: Coordinates) -> Coordinates:
        """Of a place, what partners agree in."""
        return {name: place[name] for name in self.columns}


def match(a: Study, b: Study) -> Matching:
    """Pairs the cells that are in the same place, but for the axes and columns in which the studies have no value in common.

    Those are what is compared: α where A has α = 0 and B has α = 0.01 throughout, or the model.

    Raises:
        BadSetting: a cell has several partners, since what is compared varies within a study; or no cell has one.
    """
    on_axes = axes.axes_of([*a.settings, *b.settings])
    further = list(dict.fromkeys([*axes.further_columns(a.settings), *axes.further_columns(b.settings)]))
    place = partial(axes.place_on, on_axes, columns=further)
    a, b = (replace(each, cells=[replace(cell, place=place(cell.settings)) for cell in each.cells]) for each in (a, b))
    names = [*on_axes, *further]
    compared = [name for name in names if _values(a, name).isdisjoint(_values(b, name))]
    columns = [name for name in names if name not in compared]
    if several := [name for name in compared if name in on_axes and max(len(_values(each, name)) for each in (a, b)) > 1]:
        raise BadSetting(_several_values(a, b, several))
    key = partial(_key, columns=columns)
    of_a, of_b = _by_key(a, b, key)
    pairs = [(cell, of_b[name]) for name, cell in of_a.items() if name in of_b]
    if not pairs:
        raise BadSetting(_nothing_in_common(a, b))
    only = _without_partner(of_a, of_b), _without_partner(of_b, of_a)
    gaps = [_gaps(each, place) for each in (a, b)]
    there = {key(cell.place) for cell, _ in pairs}
    skipped = _each_once(key, (place for each, _ in gaps for place in each), there)
    missing = _each_once(key, (place for places in (*only, *(each for _, each in gaps)) for place in places), there)
    return Matching(
        columns=columns,
        compared=compared,
        pairs=sorted(pairs, key=lambda pair: axes.sortable({name: pair[0].place[name] for name in columns})),
        only=only,
        skipped=list(skipped.values()),
        missing=[place for name, place in missing.items() if name not in skipped],
    )


def _values(study: Study, name: str) -> set[str]:
    """The values that a study's cells have in a column, as text."""
    return {axes.key({name: cell.place[name]}) for cell in study.cells}


def _key(place: Coordinates, columns: Sequence[str]) -> str:
    """The same for places that agree in these columns."""
    return axes.key({name: place[name] for name in columns})


def _by_key(a: Study, b: Study, key: Callable[[Coordinates], str]) -> tuple[dict[str, StudyCell], dict[str, StudyCell]]:
    """The cells of each study by the key of their place, which each has for itself."""
    of_a, of_b = ({key(cell.place): cell for cell in each.cells} for each in (a, b))
    if len(of_a) < len(a.cells) or len(of_b) < len(b.cells):
        raise BadSetting(
            f"Expected the cells of {a.name} and those of {b.name} to have a place each, but several are in the same place."
        )
    return of_a, of_b


def _several_values(a: Study, b: Study, names: Sequence[str]) -> str:
    """Why cells have several partners."""
    settings = " and ".join(f"`{SETTING.get(name, name)}`" for name in names)
    return (
        f"Expected every cell of {a.name} to have at most one partner in {b.name}, but the studies have no value of {settings} "
        "in common, and several in one of them: compare studies with one value each, or with the same values."
    )


def _nothing_in_common(a: Study, b: Study) -> str:
    """That no cell has a partner."""
    return (
        f"Expected the studies to have cells in common, but none of {len(a.cells)} in {a.name} is where one of {len(b.cells)} in "
        f"{b.name} is; such as {describe(a.cells[0].place)}, and {describe(b.cells[0].place)}."
    )


def _without_partner(mine: Mapping[str, StudyCell], others: Mapping[str, StudyCell]) -> list[Coordinates]:
    """Places of the cells that the other study does not have, in order."""
    return sorted((cell.place for name, cell in mine.items() if name not in others), key=axes.sortable)


def _gaps(study: Study, place: Callable[[Mapping[str, Any]], Coordinates]) -> tuple[list[Coordinates], list[Coordinates]]:
    """Places that are skipped, and that are expected; without a plan, by the product of the observed coefficients."""
    if not study.points:
        return product_gaps([cell.place for cell in study.cells])
    places = [(point.skipped, place(point.settings)) for point in study.points]
    return [each for skipped, each in places if skipped], [each for skipped, each in places if not skipped]


def _each_once(key: Callable[[Coordinates], str], places: Iterable[Coordinates], there: Iterable[str]) -> dict[str, Coordinates]:
    """By key, the places that are not there."""
    found = {key(place): place for place in places}
    return {name: place for name, place in found.items() if name not in there}
