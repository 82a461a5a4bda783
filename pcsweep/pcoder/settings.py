"""From the settings of the pcoder group to the coefficients of every pcoder of a network."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import checked, decisive, validated
from pcsweep.pcoder import USUAL, rule_of
from pcsweep.pcoder.predictive_coding import KEYS, Coefficients
from pcsweep.pcoder.rule import UpdateRule, Values, keys_of, one_per_pcoder

PerPCoder = float | tuple[float, ...] | Literal["model"]


@dataclass(frozen=True)
class CommonSettings:
    """The keys of the pcoder group that every rule has.

    Args:
        active: `all`, a number from 1, or several.
        gradient_scaling: read by the YAMLs of models alone, which take it from the pcoder group.
        stretch: whether lists of another length than the network has pcoders are stretched over its depth.
        hyperparameter: name of the set of coefficients, for people.
    """

    active: Literal["all"] | int | tuple[int, ...] = "all"
    gradient_scaling: bool = True
    stretch: bool = False
    hyperparameter: str = ""


@dataclass(frozen=True)
class PCoderSettings:
    """What the pcoder group asks for.

    Args:
        rule: the update rule, with its further settings.
        given: by coefficient a number for all pcoders, a list with one each, or `model` for those that the model comes with.
        common: what else is asked for, of any rule.
    """

    rule: UpdateRule
    given: Mapping[str, PerPCoder]
    common: CommonSettings

    def numbers(self, count: int) -> tuple[int, ...]:
        """The active pcoders of `count`, from 1, in order.

        Raises:
            BadSetting: none, a number twice, or one that the network has not.
        """
        active = self.common.active
        numbers = range(1, count + 1) if active == "all" else [active] if isinstance(active, int) else active
        if not numbers or len(set(numbers)) < len(numbers) or not all(1 <= number <= count for number in numbers):
            raise BadSetting(f"Expected `pcoder.active` to be all or different numbers from 1 to {count}, but got {active!r}.")
        return tuple(sorted(numbers))

    def rules(self, count: int, own: Coefficients | None) -> tuple[Values, ...]:
        """The coefficients of every pcoder, as if all were active; not yet checked to be in their ranges.

        Args:
            count: how many pcoders the network has.
            own: the coefficients that the model comes with, if any.

        Raises:
            BadSetting: `model` where the model has none.
            ValueError: a list of another length than the network has pcoders.
        """
        columns = (one_per_pcoder(key, self._numbers(key, count, own), count) for key in keys_of(self.rule))
        return tuple(zip(*columns, strict=True))

    def _numbers(self, key: str, count: int, own: Coefficients | None) -> float | tuple[float, ...]:
        values = self.given[key]
        if isinstance(values, str):
            return _of(key, count, own)
        if self.common.stretch and isinstance(values, tuple):
            return stretched(values, count)
        return values


def pcoder_settings(config: Mapping[str, Any]) -> PCoderSettings:
    """The settings in the configuration of the pcoder group.

    Raises:
        BadSetting: a rule or a key that there is not, or a value of the wrong kind.
    """
    usual = rule_of(config)
    keys = keys_of(usual)
    further, common = (list(inspect.signature(kind).parameters) for kind in (type(usual), CommonSettings))
    if unknown := sorted(set(config) - {"rule", *keys, *further, *common}):
        raise BadSetting(_unknown(unknown[0], [*keys, *further, *common], usual))
    if missing := [key for key in keys if key not in config]:
        raise BadSetting(f"Expected a value for `pcoder.{missing[0]}`, but there is none.")
    given = {key: validated(PerPCoder, config[key], f"pcoder.{key}") for key in keys}
    rule = type(usual)(**checked(type(usual), {key: config[key] for key in further if key in config}, "pcoder."))
    every = CommonSettings(**checked(CommonSettings, {key: config[key] for key in common if key in config}, "pcoder."))
    return PCoderSettings(rule, given, every)


def decisive_of(rule: UpdateRule) -> dict[str, Any]:
    """What decides numbers of a rule beside its coefficients, as it enters an identity: nothing of the usual rule."""
    return {} if rule.name == USUAL else {"rule": rule.name, **decisive(type(rule), vars(rule))}


def _unknown(key: str, valid: Sequence[str], rule: UpdateRule) -> str:
    named = ", ".join(f"`pcoder.{each}`" for each in valid)
    if key in KEYS and rule.name != USUAL:
        why = f" of the rule {rule.name}; if a set of coefficients or the model brings it, add hyperparameter=uniform"
        return f"Unknown setting `pcoder.{key}`{why}. Valid ones: {named}."
    return f"Unknown setting `pcoder.{key}`. Valid ones: {named}."


def stretched(values: Sequence[float], count: int) -> tuple[float, ...]:
    """The values read as a profile over a network's relative depth, at `count` pcoders: linear in between.

    >>> stretched((0.2, 0.4, 0.4, 0.5, 0.6), 5)
    (0.2, 0.4, 0.4, 0.5, 0.6)
    >>> stretched((0.0, 1.0), 3)
    (0.0, 0.5, 1.0)
    """
    depths = np.linspace(0, 1, count) if count > 1 else [1.0]
    return tuple(round(float(value), 10) for value in np.interp(depths, np.linspace(0, 1, len(values)), values))


def _of(name: str, count: int, own: Coefficients | None) -> tuple[float, ...]:
    if own is None or name not in KEYS:
        raise BadSetting(f"Expected `pcoder.{name}` to be numbers, since the model comes with none of its own, but got 'model'.")
    return tuple(rule[KEYS.index(name)] for rule in own.per_pcoder(count))
