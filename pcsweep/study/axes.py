"""The cells of a study: their coordinates, which settings they may differ in, and which are planned but not there."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder import USUAL, coefficients, rule_of
from pcsweep.pcoder.predictive_coding import KEYS
from pcsweep.pcoder.rule import keys_of
from pcsweep.study.identity import canonical

COEFFICIENTS = coefficients()  # of any rule
AXES = ("model", "dataset", "noise", "sigma", "pcoder", *KEYS)  # of every study
RULE_COLUMN = "pcoder.rule"  # the column that says by which rule, in studies of another than the usual one
MAY_DIFFER = ("model", "noise", "pcoder", "attribution", "target")
# In which shards of a search differ: trials that are worth it are measured on more images.
OF_IMAGES = frozenset(("selection.count", "selection.images_sha256", "maps", "pictures"))
IN_WORDS = "model, noise, pcoder and attribution"  # which groups of the command line these are
USUAL_ATTRIBUTION = "grad_cam"  # which labels do not mention
RANDOMIZED, RANDOMIZED_SEED = "model.randomized", "model.randomized_seed"
WORDS = {"selection.count": "dataset.limit", "target": "attribution.target"}  # of the command line, by what shards call them
_OF_COMMAND = {"target": "attribution.target"}  # the columns that are called otherwise than the setting
# What follows from other settings, and tells cells apart only where these are equal: the weights of a model that is drawn anew
# follow from how much of it is, and from the seed of that.
_FOLLOWS = {"model.weights_sha256": (RANDOMIZED, RANDOMIZED_SEED), RANDOMIZED_SEED: (RANDOMIZED,)}
ON_AN_AXIS = {"model.name", "noise.name", "noise.sigma", "pcoder.active", *(f"pcoder.{name}" for name in COEFFICIENTS)}

Coordinates = dict[str, Any]  # one value per axis and per further column


def axes_of(settings: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The axes of a study with cells of these settings: those of every study, and the coefficients of its other rules."""
    rules = {(rule := rule_of(each.get("pcoder", {}))).name: rule for each in settings}
    used = {key for rule in rules.values() for key in keys_of(rule)}
    return (*AXES, *(key for key in COEFFICIENTS if key in used and key not in AXES))


def leaves(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The settings as dotted keys; a list is a leaf."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, as dotted keys, in which shards of a study may not differ: those that are no coordinate of a cell."""
    return {name: value for name, value in leaves(settings).items() if name.split(".")[0] not in MAY_DIFFER}


def unlike(flats: Sequence[Mapping[str, Any]], keys: Iterable[str] | None = None) -> dict[str, Counter[str]]:
    """How many have each value, as JSON in order, of the keys that are asked for, or in which they differ."""
    chosen = sorted({name for flat in flats for name in flat} if keys is None else keys)
    counts = {name: Counter(sorted(json.dumps(flat.get(name), ensure_ascii=False) for flat in flats)) for name in chosen}
    return {name: each for name, each in counts.items() if keys is not None or len(each) > 1}


def check_alike(settings: Sequence[Mapping[str, Any]]) -> None:
    """Refuses shards that differ in a setting that is no coordinate of a cell.

    Raises:
        BadSetting: names every such key, its values, and how many shards have each.
    """
    differing = unlike([shared(each) for each in settings])
    problems = [
        f"`{WORDS.get(name, name)}` is {', '.join(f'{value} in {_shards(count)}' for value, count in counts.items())}"
        for name, counts in differing.items()
    ]
    if problems:
        name, counts = next(iter(differing.items()))
        raise BadSetting(
            f"Expected the shards of one study to differ only in {IN_WORDS}, but {'; '.join(problems)}. "
            "They are never averaged together: give each its own study=NAME, or read one at a time, by its value: "
            f"{WORDS.get(name, name)}={next(iter(counts))}."
        )


def _shards(count: int) -> str:
    return f"{count} shard" + "s" * (count != 1)


def further_columns(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Dotted names of the settings, beside the axes, that tell cells apart.

    Those of the model, noise, pcoder and attribution that vary within one model, noise, rule and attribution, such as
    `noise.seed`; the attribution and its target where they vary; the rule, unless it is the usual one throughout; and the
    coefficients that are given per pcoder somewhere, such as `pcoder.beta`.
    """
    flats = [leaves(each) for each in settings]
    seen: dict[str, dict[Any, set[str]]] = {}
    for key in sorted({key for flat in flats for key in flat if key.split(".")[0] in MAY_DIFFER} - ON_AN_AXIS - {RULE_COLUMN}):
        for flat in flats:
            alike = tuple(flat.get(name) for name in _alike(key))
            seen.setdefault(key, {}).setdefault(alike, set()).add(json.dumps(flat.get(key)))
    varying = [_OF_COMMAND.get(key, key) for key, values in seen.items() if any(len(each) > 1 for each in values.values())]
    listed = {f"pcoder.{name}" for name in COEFFICIENTS for each in settings if _is_listed(each, name)}
    return varying + [RULE_COLUMN] * any(RULE_COLUMN in flat for flat in flats) + sorted(listed)


def _alike(key: str) -> tuple[str, ...]:
    """The settings that cells must share for a setting to tell them apart."""
    group = key.split(".")[0]
    if key in ("attribution.name", "target"):
        return ()
    return (RULE_COLUMN if group == "pcoder" else f"{group}.name", *_FOLLOWS.get(key, ()))


def _is_listed(settings: Mapping[str, Any], name: str) -> bool:
    return bool(settings.get("pcoder", {}).get(name)) and _common(settings["pcoder"], name) is None


def _common(pcoder: Mapping[str, Any], name: str) -> float | None:
    """The coefficient that all active pcoders share, or None."""
    asked = pcoder.get(name)
    if not isinstance(asked, list):
        return None if asked is None else float(asked)
    values = {asked[index - 1] for index in _active(pcoder)}
    return float(values.pop()) if len(values) == 1 else None


def _active(pcoder: Mapping[str, Any]) -> list[int]:
    active: Any = pcoder.get("active")
    return active if isinstance(active, list) else list(range(1, _count(pcoder) + 1))


def _count(pcoder: Mapping[str, Any]) -> int:
    """How many pcoders the network has, active or not."""
    return len(pcoder[keys_of(rule_of(pcoder))[0]])


def inert(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The coefficients that change nothing: λ where only the last pcoder is active, since no feedback reaches it."""
    pcoder = settings["pcoder"]
    return rule_of(pcoder).inert_in_last if _active(pcoder) == [_count(pcoder)] else ()


def is_fixed(settings: Mapping[str, Any]) -> bool:
    """Whether nothing can change over time: every active pcoder is plain feedforward, so that t = 0 is a fixed point.

    Never where noise is drawn anew at every timestep, which the feedforward network follows.
    """
    if settings["noise"].get("per_timestep"):
        return False
    pcoder = settings["pcoder"]
    rule, last = rule_of(pcoder), _count(pcoder)
    return all(rule.is_feedforward({key: pcoder[key][n - 1] for key in keys_of(rule)}, n == last) for n in _active(pcoder))


def without_inert(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without what changes nothing: cells in which they are equal have the same numbers."""
    none = inert(settings)
    return {**settings, "pcoder": {name: value for name, value in settings["pcoder"].items() if name not in none}}


def coordinates(settings: Mapping[str, Any]) -> Coordinates:
    """A cell's place on the axes of every study and of its own rule, from its canonical settings."""
    pcoder = settings["pcoder"]
    active, keys = _active(pcoder), keys_of(rule_of(pcoder))
    whole = not isinstance(pcoder[keys[0]], list) or len(active) == _count(pcoder)
    noise = settings["noise"]
    sigma = 0.0 if noise["name"] == "none" else noise.get("sigma")
    return {
        "model": settings["model"]["name"],
        "dataset": settings["dataset"]["name"],
        "noise": noise["name"],
        "sigma": None if sigma is None else float(sigma),
        "pcoder": "all" if whole else "+".join(map(str, active)),
        **{name: canonical(_common(pcoder, name)) for name in dict.fromkeys((*KEYS, *keys))},
    }


def place_on(names: Iterable[str], settings: Mapping[str, Any], columns: Iterable[str]) -> Coordinates:
    """A cell's place on all axes of a study, null on those of other rules, and in its further columns."""
    own = coordinates(settings)
    return {**{name: own.get(name) for name in names}, **further_coordinates(settings, columns)}


def further_coordinates(settings: Mapping[str, Any], columns: Iterable[str]) -> Coordinates:
    """The values of the further columns: lists as text, how much of a model is drawn anew as text (`head` or a number), and a
    coefficient only where it is given per pcoder."""
    flat = {_OF_COMMAND.get(key, key): value for key, value in leaves(settings).items()}
    values: Coordinates = {}
    for key in columns:
        value = flat.get(key, USUAL if key == RULE_COLUMN else None)
        if key in ON_AN_AXIS and not _is_listed(settings, key.removeprefix("pcoder.")):
            value = None
        listed = isinstance(value, list)
        values[key] = json.dumps(value) if listed else str(value) if key == RANDOMIZED and value is not None else value
    return values


def key(place: Coordinates) -> str:
    """A hashable form of coordinates, equal where they are."""
    return json.dumps(canonical(place), sort_keys=True)


def sortable(place: Coordinates) -> list[tuple[bool, bool, int | float, str]]:
    """Numbers by size, before texts, before null."""
    return [sort_key(value) for value in place.values()]


def sort_key(value: Any) -> tuple[bool, bool, int | float, str]:
    """Numbers by size, then texts, those in them by size too (pcoder 2 before pcoder 10), then None."""
    number = isinstance(value, int | float)
    text = re.sub(r"\d+", lambda digits: digits[0].zfill(9), str(value))
    return value is None, not number, value if number else 0, text
