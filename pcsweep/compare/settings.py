"""In which settings partners differ, in words."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pcsweep.compare.matching import SETTING, Matching
from pcsweep.compare.study import Study, StudyCell
from pcsweep.study import axes
from pcsweep.study.axes import AXES, COEFFICIENTS, Coordinates
from pcsweep.study.labels import coefficient, text_of

_HASH = re.compile(r"[0-9a-f]{64}")
_NAMED = 3  # pairs of values of one setting


def differing(matching: Matching) -> dict[str, list[tuple[str, str]]]:
    """By dotted setting, the different values that partners have of it, of A and B, as text."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for pair in matching.pairs:
        of_a, of_b = (_settings(cell, matching.compared) for cell in pair)
        for name in sorted(of_a.keys() | of_b.keys()):
            if of_a.get(name) != of_b.get(name):
                found.setdefault(name, {})[_short(of_a.get(name)), _short(of_b.get(name))] = None
    return {name: list(values) for name, values in found.items()}


def of_studies(a: Study, b: Study) -> dict[str, list[tuple[str, str]]]:
    """By dotted setting, as text, in what all cells of one study differ from all of the other; the pcoder is left out."""
    one, other = (_shared(study) for study in (a, b))
    names = [name for name in one if name in other and one[name] != other[name]]
    return {name: [(_short(one[name]), _short(other[name]))] for name in names}


def _shared(study: Study) -> dict[str, Any]:
    """The settings, apart from the pcoder's and the axes, that are the same in all cells."""
    flats = [axes.leaves(cell.settings) for cell in study.cells]
    names = sorted({name for flat in flats for name in flat if not name.startswith("pcoder.") and name not in axes.ON_AN_AXIS})
    return {name: flats[0].get(name) for name in names if len({json.dumps(flat.get(name)) for flat in flats}) == 1}


def _settings(cell: StudyCell, compared: Sequence[str]) -> dict[str, Any]:
    """A cell's settings by dotted name: those that are no axis, the axes that are compared, and the noise seeds."""
    on_an_axis = {*axes.ON_AN_AXIS, "dataset.name"}
    settings = {name: value for name, value in axes.leaves(cell.settings).items() if name not in on_an_axis}
    settings |= {SETTING[name]: _value(cell.place, name) for name in compared if name in SETTING}
    settings["noise.seed"] = sorted(cell.seeds, key=axes.sort_key) if len(cell.seeds) > 1 else cell.seeds[0]
    return settings


def _value(place: Coordinates, name: str) -> Any:
    return coefficient(place, name) if name in COEFFICIENTS else place[name]


def _short(value: Any) -> str:
    """Short enough for a line, and still different where the values are, if that is near the beginning."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value[:12] if _HASH.fullmatch(value) else text_of(value)
    return textwrap.shorten(json.dumps(value, ensure_ascii=False), 60, placeholder=" …")


def in_words(differences: Mapping[str, Sequence[tuple[str, str]]], a: str, b: str) -> list[str]:
    """A line per setting that differs, and what that means for the comparison."""
    lines = [f"Different: {name} is {_values_in_words(values, a, b)}" for name, values in differences.items()]
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


def _values_in_words(values: Sequence[tuple[str, str]], a: str, b: str) -> str:
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
