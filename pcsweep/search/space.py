"""What a search varies: coefficients of the update rule, of all pcoders or of each, and any other numbers.

Coefficients whose sum is at most one, such as β and λ, are a point of the simplex: the first is chosen in its range, and each
further one is a share of the range that is left to it, so that no trial is ever refused.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder.rule import UpdateRule

_DIGITS = 10  # of a value, as identities have them
_INDEXED = re.compile(r"pcoder\.(?P<key>[a-z_]+)\.(?P<index>\d+)")
Parameters = Mapping[str, float]  # what a sampler chooses, by name


@dataclass(frozen=True)
class Searched:
    """A number that is searched.

    Args:
        key: a dotted setting; of one pcoder with its place, such as `pcoder.beta.0`.
        low, high: that it may be.
        values: that it may have alone, rising; none for any in between, rounded.
        resolution: to which any in between is rounded.
        with_: keys of those before it with which its sum is at most one.
    """

    key: str
    low: float
    high: float
    values: tuple[float, ...] = ()
    resolution: float = 0.001
    with_: tuple[str, ...] = ()

    @property
    def parameter(self) -> str:
        """What the sampler calls it; of one that shares a sum it chooses the share of what is left."""
        return f"{self.key}/(1-{'-'.join(self.with_)})" if self.with_ else self.key

    @property
    def range(self) -> tuple[float, float]:
        """Of the parameter."""
        return (0.0, 1.0) if self.with_ else (self.low, self.high)

    def value(self, chosen: float, taken: float, reserved: float) -> float:
        """The coefficient that is meant.

        Args:
            chosen: the parameter's value.
            taken: the sum of those before it with which it shares one.
            reserved: the least that those after it need.
        """
        most = min(self.high, 1 - taken - reserved) if self.with_ or reserved else self.high
        most = max(self.low, most)
        wanted = self.low + chosen * (most - self.low) if self.with_ else min(chosen, most)
        return self._snapped(wanted, most)

    def _snapped(self, wanted: float, most: float) -> float:
        """The nearest value that it may have, at most `most`."""
        if self.values:
            allowed = [each for each in self.values if each <= most + 10**-_DIGITS] or [self.values[0]]
            return min(allowed, key=lambda each: (abs(each - wanted), each))
        rounded = round(wanted / self.resolution) * self.resolution
        if rounded > most + 10**-_DIGITS:
            rounded = int(most / self.resolution + 10**-_DIGITS) * self.resolution
        return round(max(self.low, rounded), _DIGITS) + 0.0


@dataclass(frozen=True)
class Space:
    """All that is searched, and the coefficients that are not.

    Args:
        searched: in the order in which they are chosen.
        fixed: values of coefficients that are not searched but share a sum with some that are, by key.
        levels: of coefficients of which each pcoder has its own, the values of all pcoders where they are not searched.
    """

    searched: tuple[Searched, ...]
    fixed: Mapping[str, float]
    levels: Mapping[str, tuple[float, ...]]

    def coefficients(self, chosen: Parameters) -> dict[str, float]:
        """What is searched, by key, from what a sampler has chosen."""
        found: dict[str, float] = {}
        known = dict(self.fixed)
        for each in self.searched:
            taken = sum((known[key] for key in each.with_), start=0.0)
            found[each.key] = known[each.key] = each.value(chosen[each.parameter], taken, self._reserved(each))
        return found

    def _reserved(self, first: Searched) -> float:
        """The least that those need which share a sum with it and come later, in the pcoder that needs most."""
        needed: dict[str, float] = {}
        for each in self.searched:
            if first.key in each.with_:
                place = _named(each.key)[1]
                needed[place] = needed.get(place, 0.0) + each.low
        return max(needed.values(), default=0.0)

    def words(self, coefficients: Mapping[str, float]) -> list[str]:
        """Words of a command that ask for these coefficients, such as `pcoder.beta=0.4`."""
        lists = {key: list(values) for key, values in self.levels.items()}
        words = []
        for key, value in coefficients.items():
            if matched := _INDEXED.fullmatch(key):
                lists[matched["key"]][int(matched["index"])] = value
            else:
                words.append(f"{key}={value!r}")
        return words + [f"pcoder.{key}=[{','.join(map(repr, values))}]" for key, values in lists.items()]

    @property
    def described(self) -> dict[str, list[Any]]:
        """Low, high and the number of values (null of any in between), by key, for records."""
        return {each.key: [each.low, each.high, len(each.values) or None] for each in self.searched}


@dataclass(frozen=True)
class Asked:
    """A range or a list of values that a command gives for a setting; without values, any in between."""

    low: float
    high: float
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Network:
    """What of the network a space depends on.

    Args:
        rule: that updates it.
        active: numbers of the active pcoders, from 1.
        values: the coefficients of every pcoder where nothing is searched, by key.
    """

    rule: UpdateRule
    active: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the coefficients."""
        return tuple(each.key for each in self.rule.coefficients)


def space_of(asked: Mapping[str, Asked], network: Network, per_pcoder: Sequence[str], resolution: float) -> Space:
    """The space that a command asks for.

    Args:
        asked: by dotted setting.
        network: whose coefficients they are.
        per_pcoder: keys of coefficients of which each active pcoder has its own.
        resolution: to which values from an interval are rounded.

    Raises:
        BadSetting: nothing to search, a pcoder that there is not, or a range that a coefficient does not have.
    """
    each = _each_level(asked, network, per_pcoder)
    if not each:
        raise BadSetting(
            "Expected something to search, such as 'pcoder.beta=interval(0,1)' or pcoder.beta=0.2,0.4,0.8, but got no "
            "coefficient with several values."
        )
    order = sorted(each, key=lambda key: _place(key, network))
    _check_ranges(each, network)
    found: list[Searched] = []
    fixed: dict[str, float] = {}
    for key in order:
        before = tuple(name for name in _partners(key, network, each) if name not in each or order.index(name) < order.index(key))
        fixed |= {partner: _fixed_value(partner, network, each) for partner in before if partner not in each}
        own = each[key]
        found.append(Searched(key, own.low, own.high, own.values, resolution, before))
    _check_room(found, fixed)
    levels = {matched["key"] for key in each if (matched := _INDEXED.fullmatch(key))}
    return Space(tuple(found), fixed, {key: network.values[key] for key in sorted(levels)})


def _each_level(asked: Mapping[str, Asked], network: Network, per_pcoder: Sequence[str]) -> dict[str, Asked]:
    """With one entry for each active pcoder of those coefficients that are its own; none for what changes nothing in the last."""
    count = len(next(iter(network.values.values())))
    found: dict[str, Asked] = {}
    for key in per_pcoder:
        if key not in network.keys or f"pcoder.{key}" not in asked:
            there = ", ".join(each for each in network.keys if f"pcoder.{each}" in asked) or "none"
            raise BadSetting(f"Expected `search.per_pcoder` to name coefficients that are searched ({there}), but got {key!r}.")
    for key, own in asked.items():
        name = key.removeprefix("pcoder.")
        if key.startswith("pcoder.") and name in per_pcoder:
            numbers = [n for n in network.active if not (n == count and name in network.rule.inert_in_last)]
            found |= {f"{key}.{n - 1}": own for n in numbers}
        else:
            _check_level(key, network, count)
            found[key] = own
    return found


def _check_level(key: str, network: Network, count: int) -> None:
    matched = _INDEXED.fullmatch(key)
    if not matched or matched["key"] not in network.keys:
        return
    index = int(matched["index"])
    if index + 1 not in network.active:
        places = ", ".join(str(n - 1) for n in network.active)
        raise BadSetting(f"Expected `{key}` to be of an active pcoder of {count} (.{places}), but got place {index}.")
    if index + 1 == count and matched["key"] in network.rule.inert_in_last:
        raise BadSetting(
            f"Expected coefficients that change something, but no feedback reaches the last pcoder: leave out `{key}`."
        )


def _partners(key: str, network: Network, asked: Collection[str]) -> list[str]:
    """The settings with which a coefficient's sum is at most one: of the same pcoder, or of all where one is searched for all."""
    name, suffix = _named(key)
    coefficients = {each.key: each for each in network.rule.coefficients}
    if name not in coefficients or not coefficients[name].sum_of:
        return []
    same = [each.key for each in network.rule.coefficients if each.sum_of == coefficients[name].sum_of and each.key != name]
    return [f"pcoder.{each}{suffix}" if f"pcoder.{each}" not in asked else f"pcoder.{each}" for each in same]


def _named(key: str) -> tuple[str, str]:
    """A coefficient's own key, and the place of its pcoder, such as `.0`; empty of all."""
    if matched := _INDEXED.fullmatch(key):
        return matched["key"], f".{matched['index']}"
    return key.removeprefix("pcoder."), ""


def _place(key: str, network: Network) -> tuple[int, int, str]:
    """Pcoder by pcoder, coefficients in the rule's order, then all others."""
    name, suffix = _named(key)
    if not key.startswith("pcoder.") or name not in network.keys:
        return len(network.active) + 1, 0, key
    return int(suffix.removeprefix(".") or -1), network.keys.index(name), key


def _fixed_value(key: str, network: Network, asked: Collection[str]) -> float:
    """Of a coefficient that is not searched: at its pcoder, or the largest of all active ones."""
    name, suffix = _named(key)
    values = network.values[name]
    if suffix:
        return values[int(suffix[1:])]
    return max((values[n - 1] for n in network.active if f"{key}.{n - 1}" not in asked), default=0.0)


def _check_ranges(asked: Mapping[str, Asked], network: Network) -> None:
    """Refuses ends that a coefficient cannot be."""
    coefficients = {each.key: each for each in network.rule.coefficients}
    for key, own in asked.items():
        name, _ = _named(key)
        if own.low > own.high or (not own.values and own.low == own.high):
            raise BadSetting(f"Expected an interval of `{key}` that rises, but got interval({own.low:g}, {own.high:g}).")
        if key.startswith("pcoder.") and name in coefficients:
            for end in (own.low, own.high):
                try:
                    coefficients[name].check(end)
                except ValueError as error:
                    raise BadSetting(f"{error} (searched: `{key}` from {own.low:g} to {own.high:g})") from error


def _check_room(searched: Sequence[Searched], fixed: Mapping[str, float]) -> None:
    """Refuses lower ends that leave no room for a sum of at most one."""
    lows = {each.key: each.low for each in searched} | dict(fixed)
    for each in searched:
        least = each.low + sum(lows[key] for key in each.with_)
        if each.with_ and least > 1 + 10**-_DIGITS:
            names = " + ".join(f"`{key}`" for key in (*each.with_, each.key))
            raise BadSetting(f"Expected {names} to be at most 1 somewhere, but the least is {least:g}.")
