"""Where the points of a study stand, as cells of heatmaps: mosaics of the update rule's two coefficients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from pcsweep.study.axes import Coordinates, axes_of, coordinates, further_columns, place_on
from pcsweep.study.labels import SYMBOLS, condition_text, in_order, pair_of, rule_of_row, text_of
from pcsweep.study.plans import PlannedPoint
from pcsweep.study.variants import with_rule_label
from pcsweep.sweep.standing import Standing

SEEDS = "noise.seed"  # points that differ in it alone are one cell
SPARSE, MANY = 0.25, 100  # a mosaic of more places than this, of which fewer are cells, is none


class State(IntEnum):
    """Of a point, and of a cell the first that one of its points has."""

    FAILED = 0
    RUNNING = 1
    PENDING = 2
    UNKNOWN = 3
    TO_DO = 4
    DONE = 5
    SKIPPED = 6


@dataclass(frozen=True)
class Mosaic:
    """The cells of one heatmap.

    Args:
        title: what its cells share, and others do not have; empty where there are no others.
        labels: of the two coefficients, y and x.
        values: of both, in order.
        rows: the state at each y, and there at each x; None where no cell is.
    """

    title: str
    labels: tuple[str, str]
    values: tuple[tuple[str, ...], tuple[str, ...]]
    rows: tuple[tuple[State | None, ...], ...]

    @property
    def cells(self) -> list[State]:
        """Those that there are, row by row from the highest y."""
        return [state for row in reversed(self.rows) for state in row if state is not None]

    @property
    def at_rest(self) -> bool:
        """Whether nothing is to be expected of it: all cells are done, or skipped."""
        return set(self.cells) <= {State.DONE, State.SKIPPED}


@dataclass(frozen=True)
class Strip:
    """Cells that are no heatmap, in the order of the plan: scattered ones, or of a plan that does not say where they are."""

    title: str
    cells: list[State]

    @property
    def at_rest(self) -> bool:
        """As of a mosaic."""
        return set(self.cells) <= {State.DONE, State.SKIPPED}


def states(found: Standing) -> dict[str, State]:
    """Of the points, by identity."""
    known = {
        State.DONE: found.done,
        State.TO_DO: found.waiting,
        State.UNKNOWN: found.unknown,
        State.PENDING: {*found.pending, *found.next_here},
        State.RUNNING: {*found.running, *found.here},
        State.FAILED: {*found.raised, *found.lost},
    }
    return {identity: state for state, identities in known.items() for identity in identities}


def cell_map(points: Sequence[PlannedPoint]) -> "CellMap":
    """Where the cells of a plan are."""
    known = [point for point in points if _has_place(point)]
    names = axes_of(point.settings for point in known)
    columns = [name for name in further_columns([point.settings for point in known]) if name != SEEDS]
    places = [(point.identity, with_rule_label(place_on(names, point.settings, columns))) for point in known]
    there = set(map(id, known))
    return CellMap(places, [point.identity for point in points if id(point) not in there])


def _has_place(point: PlannedPoint) -> bool:
    """Whether its settings are those of a point."""
    try:
        coordinates(point.settings)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        return False
    return True


class CellMap:
    """The places of a plan's cells, whatever their states.

    Args:
        places: of each point, by its identity; None of a skipped one.
        others: identities of points that have none.
    """

    def __init__(self, places: Sequence[tuple[str | None, Coordinates]], others: Sequence[str | None]) -> None:
        self._others = others
        shared = _shared(place for _, place in places)
        self._groups: dict[str, list[tuple[str | None, Coordinates]]] = {}
        for identity, place in places:
            own = {*shared, *(word for key in rule_of_row(place).axes for word in (key, f"pcoder.{key}"))}
            named = [(name, value) for name, value in place.items() if name not in own and _is_said(name, value)]
            self._groups.setdefault(condition_text(named), []).append((identity, place))

    def parts(self, known: Mapping[str, State]) -> list[Mosaic | Strip]:
        """A mosaic, or a strip of what is scattered, for each further setting; then what has no place."""
        found: list[Mosaic | Strip] = [_part(title, own, known) for title, own in self._groups.items()]
        if self._others:
            cells = [_state(identity, known) for identity in self._others]
            found.append(Strip("other points" if found else "", cells))
        return found


def _is_said(name: str, value: object) -> bool:
    """Coefficients of other rules are null, and not spoken of."""
    return value is not None or not (name in SYMBOLS and name != "sigma")


def _shared(places: Iterable[Coordinates]) -> set[str]:
    """The names in which no two places differ, of coefficients no two that have them."""
    values: dict[str, set[str]] = {}
    for place in places:
        for name, value in place.items():
            own = values.setdefault(name, set())
            if _is_said(name, value):
                own.add(repr(value))
    return {name for name, each in values.items() if len(each) < 2}


def _state(identity: str | None, known: Mapping[str, State]) -> State:
    return State.SKIPPED if identity is None else known.get(identity, State.TO_DO)


def _part(title: str, own: Sequence[tuple[str | None, Coordinates]], known: Mapping[str, State]) -> Mosaic | Strip:
    pairs: dict[tuple[object, object], State] = {}
    for identity, place in own:
        pair, state = pair_of(place), _state(identity, known)
        pairs[pair] = min(pairs.get(pair, state), state)
    ys, xs = (in_order({pair[axis] for pair in pairs}) for axis in (0, 1))
    if len(ys) * len(xs) > MANY and len(pairs) < SPARSE * len(ys) * len(xs):
        return Strip(title, list(pairs.values()))
    rows = tuple(tuple(pairs.get((y, x)) for x in xs) for y in ys)
    y_label, x_label = (SYMBOLS[key] for key in rule_of_row(own[0][1]).axes)
    return Mosaic(title, (y_label, x_label), (tuple(map(text_of, ys)), tuple(map(text_of, xs))), rows)
