"""From the settings of the pcoder group to the coefficients of every pcoder of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import checked
from pcsweep.pcoder.predictive_coding import KEYS, Coefficients, Rule, one_per_pcoder

PerPCoder = float | tuple[float, ...] | Literal["model"]


@dataclass(frozen=True)
class PCoderSettings:
    """The keys of the pcoder group.

    Args:
        beta, lambda_, alpha: a number for all pcoders, a list with one each, or `model` for those that the model comes with.
        active: `all`, a number from 1, or several.
        gradient_scaling: for the model, which takes it from here.
        stretch: whether lists of another length than the network has pcoders are stretched over its depth.
        hyperparameter: name of the set of coefficients, for people.
    """

    beta: PerPCoder
    lambda_: PerPCoder
    alpha: PerPCoder
    active: Literal["all"] | int | tuple[int, ...] = "all"
    gradient_scaling: bool = True
    stretch: bool = False
    hyperparameter: str = ""

    def numbers(self, count: int) -> tuple[int, ...]:
        """The active pcoders of `count`, from 1, in order.

        Raises:
            BadSetting: none, a number twice, or one that the network has not.
        """
        active = self.active
        numbers = range(1, count + 1) if active == "all" else [active] if isinstance(active, int) else active
        if not numbers or len(set(numbers)) < len(numbers) or not all(1 <= number <= count for number in numbers):
            raise BadSetting(f"Expected `pcoder.active` to be all or different numbers from 1 to {count}, but got {active!r}.")
        return tuple(sorted(numbers))

    def rules(self, count: int, own: Coefficients | None) -> tuple[Rule, ...]:
        """(β_n, λ_n, α_n) of every pcoder, as if all were active; not yet checked to be coefficients.

        Args:
            count: how many pcoders the network has.
            own: the coefficients that the model comes with, if any.

        Raises:
            BadSetting: `model` where the model has none.
            ValueError: a list of another length than the network has pcoders.
        """
        named = zip(KEYS, (self.beta, self.lambda_, self.alpha), strict=True)
        columns = (one_per_pcoder(name, self._numbers(name, values, count, own), count) for name, values in named)
        return tuple(zip(*columns, strict=True))

    def _numbers(self, name: str, values: PerPCoder, count: int, own: Coefficients | None) -> float | tuple[float, ...]:
        if isinstance(values, str):
            return _of(name, count, own)
        if self.stretch and isinstance(values, tuple):
            return stretched(values, count)
        return values


def pcoder_settings(config: Mapping[str, Any]) -> PCoderSettings:
    """The settings in the configuration of the pcoder group.

    Raises:
        BadSetting: a key that there is not, or a value of the wrong kind.
    """
    values = {"lambda_" if key == "lambda" else key: value for key, value in config.items()}
    return PCoderSettings(**checked(PCoderSettings, values, "pcoder."))


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
    if own is None:
        raise BadSetting(f"Expected `pcoder.{name}` to be numbers, since the model comes with none of its own, but got 'model'.")
    return tuple(rule[KEYS.index(name)] for rule in own.per_pcoder(count))
