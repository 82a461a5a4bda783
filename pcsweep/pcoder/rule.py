"""What an update rule says of its coefficients, for all that need no arithmetic: tables, figures, reports, refusals.

Nothing here imports torch, so that whoever reads a study does not wait for it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True)
class Coefficient:
    """A number that every pcoder has of its own, from 0 on.

    Args:
        key: in the pcoder group's settings, and the column of tables.
        symbol: in figures and reports.
        highest: that it may be.
    """

    key: str
    symbol: str
    highest: float = math.inf

    def check(self, value: float) -> None:
        """Refuses a value outside its range.

        Raises:
            ValueError: names the coefficient, the range and the value.
        """
        if not (0 <= value <= self.highest and math.isfinite(value)):
            allowed = f"in [0, {self.highest:g}]" if math.isfinite(self.highest) else "non-negative and finite"
            raise ValueError(f"Expected `{self.key}` to be {allowed}, but got {value}.")


@runtime_checkable
class UpdateRule(Protocol):
    """The coefficients of one rule, and what follows from their values alone."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """In the order in which tables have them."""

    @property
    def axes(self) -> tuple[str, str]:
        """Keys of the two that a heatmap has as y and x."""

    @property
    def skipped(self) -> str:
        """Which points a sweep skips, in symbols."""

    def is_skipped(self, values: Mapping[str, Any]) -> bool:
        """Whether a pcoder cannot have these values together: there is no such update, and its cell stays dark."""

    def is_feedforward(self, values: Mapping[str, Any], is_last: bool) -> bool:
        """Whether nothing but the drive moves a pcoder, so that t = 0 is a fixed point: the control."""
