"""What an update rule says of its coefficients, for all that need no arithmetic: tables, figures, reports, refusals.

Nothing here imports torch, so that whoever reads a study does not wait for it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Values = tuple[float, ...]  # the coefficients of one pcoder, in the order of the update rule, such as (β_n, λ_n, α_n)


@dataclass(frozen=True)
class Coefficient:
    """A number that every pcoder has of its own.

    Args:
        key: in the pcoder group's settings, and the column of tables.
        symbol: in figures and reports.
        meaning: in a word or two before the symbol, such as "feedback".
        lowest, highest: that it may be; 0 or more.
        why: why it may be no other, where that is not plain, such as "since the divisive form has no rate".
        plain: its value in a pcoder that is not active; with all coefficients at theirs a pcoder is plain feedforward. Of a
            strength that is 0, of a rate 1, so there is no default.
        sum_of: a word that those coefficients share whose sum is at most one; empty where there are none such.
    """

    key: str
    symbol: str
    meaning: str = ""
    highest: float = math.inf
    lowest: float = 0.0
    why: str = ""
    plain: float = field(kw_only=True)
    sum_of: str = field(default="", kw_only=True)

    @property
    def label(self) -> str:
        """Such as `feedback λ`."""
        return f"{self.meaning} {self.symbol}".strip()

    def check(self, value: float) -> None:
        """Refuses a value outside its range.

        Raises:
            ValueError: names the coefficient, the range and the value.
        """
        if not (self.lowest <= value <= self.highest and math.isfinite(value)):
            raise ValueError(f"Expected `{self.key}` to be {self._allowed}{f', {self.why}' * bool(self.why)}, but got {value}.")

    @property
    def _allowed(self) -> str:
        if self.lowest == self.highest:
            return f"{self.lowest:g}"
        if math.isfinite(self.highest):
            return f"in [{self.lowest:g}, {self.highest:g}]"
        return f"at least {self.lowest:g} and finite" if self.lowest else "non-negative and finite"

    @property
    def moving(self) -> float:
        """A value away from the plain one, where there is another: halfway to one end of its range."""
        end = self.highest if self.highest > self.plain else self.lowest
        return (self.plain + end) / 2 if math.isfinite(end) else self.plain + 1


@runtime_checkable
class UpdateRule(Protocol):
    """The coefficients of one rule, and what follows from their values alone.

    A frozen dataclass. Its fields, if it has any, are further settings of the pcoder group that all pcoders share.
    """

    @property
    def name(self) -> str:
        """Of its file, and the setting `pcoder.rule`."""

    @property
    def asks(self) -> str:
        """What a study of it asks about, such as "predictive-coding feedback"."""

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """In the order in which tables have them."""

    @property
    def axes(self) -> tuple[str, str]:
        """Keys of the two that a heatmap has as y and x."""

    @property
    def inert_in_last(self) -> tuple[str, ...]:
        """Keys of those that change nothing in the last pcoder, which has none above it."""

    @property
    def skipped(self) -> str:
        """Which points a sweep skips, in symbols; empty if none."""

    @property
    def control(self) -> str:
        """Which points are the feedforward network at every t, in symbols."""

    def is_skipped(self, values: Mapping[str, Any]) -> bool:
        """Whether a pcoder cannot have these values together: there is no such update, and its cell stays dark."""

    def is_feedforward(self, values: Mapping[str, Any], is_last: bool) -> bool:
        """Whether nothing but the drive moves a pcoder, so that t = 0 is a fixed point: the control."""


def keys_of(rule: UpdateRule) -> tuple[str, ...]:
    """Of its coefficients, in their order."""
    return tuple(each.key for each in rule.coefficients)


def valued(rule: UpdateRule, numbers: Values) -> dict[str, float]:
    """The coefficients of one pcoder by key."""
    return dict(zip(keys_of(rule), numbers, strict=True))


def why_skipped(several: Iterable[UpdateRule]) -> str:
    """For which coefficients these rules have no update, such as ` (β + λ > 1)`; empty where there are none such."""
    reasons = ", ".join(dict.fromkeys(rule.skipped for rule in several if rule.skipped))
    return f" ({reasons})" if reasons else ""


def check_values(rule: UpdateRule, each: Sequence[Values]) -> None:
    """Refuses a value outside its coefficient's range in any pcoder.

    Raises:
        ValueError: names the coefficient, the range and the value.
    """
    for coefficient, values in zip(rule.coefficients, zip(*each, strict=True), strict=True):
        for value in values:
            coefficient.check(value)


def plain_unless(rule: UpdateRule, active: Iterable[int], each: Sequence[Values]) -> list[Values]:
    """The coefficients of the `active` pcoders (numbered from 1); all others plain feedforward."""
    chosen, plain = set(active), tuple(coefficient.plain for coefficient in rule.coefficients)
    return [numbers if n in chosen else plain for n, numbers in enumerate(each, start=1)]


def one_per_pcoder(name: str, values: float | Sequence[float], count: int) -> list[float]:
    """The values as a list of one per pcoder.

    Raises:
        ValueError: a list of another length than `count`.
    """
    column = list(values) if isinstance(values, Sequence) else [values] * count
    if len(column) != count:
        raise ValueError(f"Expected `{name}` to be one number or {count}, one per pcoder, but got {len(column)}.")
    return [float(value) for value in column]
