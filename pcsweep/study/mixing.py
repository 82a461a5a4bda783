"""Experiments in one study: what no table shows together is refused before it is computed, and read one at a time."""

import json
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from yaml import YAMLError, safe_load  # type: ignore[import-untyped]

from pcsweep.config.errors import BadSetting
from pcsweep.console.text import number_of
from pcsweep.study import shards
from pcsweep.study.axes import IN_WORDS, WORDS, key, leaves, shared, unlike
from pcsweep.study.plans import PlannedPoint, planned

Where = Mapping[str, Any]  # settings by dotted name, that shards must have to be read

_NAMES = {word: name for name, word in WORDS.items()}
_UNDOTTED = ("timesteps", "threshold", "thresholds", "metrics", "precision", "pictures", "maps", "target")


def check(folder: Path, points: Iterable[Mapping[str, Any]], mixed: bool, but: Collection[str] = ()) -> None:
    """Refuses points that no table would show together with each other, or with what is in the study.

    Args:
        folder: of the study.
        points: settings of those that are to be computed.
        mixed: whether that is wanted.
        but: dotted settings that may differ.

    Raises:
        BadSetting: names the settings that differ, with their values, and what to do.
    """
    new = {key(each): each for each in (_without(shared(point), but) for point in points)}
    if mixed or not new:
        return
    there = [_without(shared(each), but) for each in _settings_in(folder / "shards")]
    known = {key(each) for each in there}
    if (known and known.issuperset(new)) or len(known.union(new)) == 1:
        return
    differing = unlike([*new.values(), *there])
    ours, theirs = (unlike(each, differing) for each in (list(new.values()), there))
    said = [_said(name, list(ours[name]), theirs[name] if theirs else {}) for name in differing]
    raise BadSetting(
        f"Expected the points of study {folder.name} to differ only in {IN_WORDS}, since its tables and its report "
        f"never mix others, but {'; '.join(said)}. Give these points their own study=NAME, remove {folder}, or keep both in one "
        f"study with mixed=true, of which reports show one at a time ({_example(ours)})."
    )


def _without(flat: Mapping[str, Any], but: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in flat.items() if name not in but}


def _settings_in(folder: Path) -> list[dict[str, Any]]:
    """Of the shards that are there."""
    texts = (shards.metadata(path) for path in folder.glob("*.parquet"))
    found = (shards.settings(each) for each in texts if not shards.outdated(each))
    return [each for each in found if each is not None]


def _said(name: str, ours: Sequence[str], theirs: Mapping[str, int]) -> str:
    there = " and ".join(f"{value} in {number_of(count, 'shard')} there" for value, count in theirs.items())
    return f"`{WORDS.get(name, name)}` is {' and '.join(ours)}" + (f" here, and {there}" if there else "")


def _example(values: Mapping[str, Counter[str]]) -> str:
    name, counts = next(iter(values.items()))
    return f"{WORDS.get(name, name)}={next(iter(counts))}"


def where_of(words: Sequence[str], own: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """The words of a command that reads a study, and apart from them the settings that shards must have to be read.

    Args:
        words: such as `study=x` and `timesteps=10`.
        own: names of the command's own words.
    """
    others, where = [], {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name not in set(own) and ("." in name or name in _UNDOTTED):
            where[_NAMES.get(name, name)] = _value(value)
        else:
            others.append(word)
    return others, where


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return safe_load(text)
    except (YAMLError, ValueError, RecursionError):
        return text


def matches(settings: Mapping[str, Any], where: Where) -> bool:
    """Whether settings have all the values that are wanted."""
    flat = leaves(settings)
    return all(_same(flat.get(_NAMES.get(name, name)), value) for name, value in where.items())


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, list) and not isinstance(wanted, list | tuple):
        return bool(found) and all(_same(each, wanted) for each in found)
    if isinstance(found, list):
        return sorted(map(_text, found)) == sorted(map(_text, wanted))
    return _text(found) == _text(wanted)


def _text(value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return key({"": float(value) if number else value})


def check_where(settings: Sequence[Mapping[str, Any]], where: Where) -> None:
    """Refuses a wanted value that no shard has.

    Raises:
        BadSetting: names those that are there.
    """
    if not settings:
        return  # which is told otherwise
    flats = [leaves(each) for each in settings]
    for name, value in where.items():
        name = _NAMES.get(name, name)
        there = Counter(json.dumps(flat[name], ensure_ascii=False) for flat in flats if name in flat)
        if not there:
            names = ", ".join(sorted({known for flat in flats for known in flat}))
            raise BadSetting(f"Expected settings that the study's shards have ({names}), but got {WORDS.get(name, name)!r}.")
        if not any(_same(flat[name], value) for flat in flats if name in flat):
            word = WORDS.get(name, name)
            raise BadSetting(f"Expected `{word}` to be {' or '.join(sorted(there))}, as in the shards, but got {value!r}.")
    if where and not any(matches(each, where) for each in settings):
        raise BadSetting(f"Expected shards with {', '.join(f'{name}={value}' for name, value in where.items())}; there are none.")


def planned_where(folder: Path, where: Where) -> list[PlannedPoint]:
    """The planned points of the study in `folder` that have these settings."""
    return [point for point in planned(folder / "planned") if matches(point.settings, where)]
