"""Predictive coding: β, λ and α of every pcoder, what they may be, and the weights of one update."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from pcsweep.pcoder.rule import Coefficient, check_values, keys_of, one_per_pcoder, plain_unless

Rule = tuple[float, float, float]  # (β_n, λ_n, α_n)

SUM_TOLERANCE = 1e-9  # 0.7000000000000001 + 0.3 is a sum of one


class SumTooLarge(ValueError):
    """β + λ > 1: the memory would have a negative weight. A sweep skips such a cell."""


@dataclass(frozen=True)
class PredictiveCoding:
    """What tables, figures and reports ask of the rule (`pcsweep.pcoder.rule.UpdateRule`); its engine computes it."""

    name: ClassVar[str] = "predictive_coding"
    asks: ClassVar[str] = "predictive-coding feedback"
    coefficients: ClassVar[tuple[Coefficient, ...]] = (
        Coefficient("beta", "β", "feedforward", highest=1.0, plain=1.0, sum_of="weights"),
        Coefficient("lambda", "λ", "feedback", highest=1.0, plain=0.0, sum_of="weights"),
        Coefficient("alpha", "α", "error", plain=0.0),
    )
    axes: ClassVar[tuple[str, str]] = ("beta", "lambda")
    inert_in_last: ClassVar[tuple[str, ...]] = ("lambda",)
    skipped: ClassVar[str] = "β + λ > 1"
    control: ClassVar[str] = "λ = 0, α = 0"

    def is_skipped(self, values: Mapping[str, Any]) -> bool:
        """β + λ > 1, but for rounding."""
        return bool(values["beta"] + values["lambda"] > 1 + SUM_TOLERANCE)

    def is_feedforward(self, values: Mapping[str, Any], is_last: bool) -> bool:
        """Without feedback and error terms, whatever β is; no feedback reaches the last pcoder."""
        return bool(values["alpha"] == 0 and (is_last or values["lambda"] == 0))


RULE = PredictiveCoding()
KEYS = keys_of(RULE)


@dataclass(frozen=True)
class Coefficients:
    """β, λ and α of every pcoder: each one number for all, or one per pcoder (bottom-up).

    Raises:
        ValueError: β or λ outside [0, 1], α negative, or lists of different lengths; `SumTooLarge` where β + λ > 1.
    """

    beta: float | Sequence[float]
    lambda_: float | Sequence[float]
    alpha: float | Sequence[float]

    def __post_init__(self) -> None:
        lengths = {len(values) for values in (self.beta, self.lambda_, self.alpha) if isinstance(values, Sequence)}
        if len(lengths) > 1 or 0 in lengths:
            raise ValueError(f"Expected one value per pcoder in each list, but got lists of {sorted(lengths)} values.")
        each = self.per_pcoder(max(lengths, default=1))
        check_values(RULE, each)
        for beta, lambda_, _ in each:
            if RULE.is_skipped({"beta": beta, "lambda": lambda_}):
                raise SumTooLarge(f"Expected `beta` + `lambda` to be at most 1, but got {beta} + {lambda_}.")

    def per_pcoder(self, count: int) -> list[Rule]:
        """(β_n, λ_n, α_n) for n = 1..count.

        Raises:
            ValueError: a list of another length than `count`.
        """
        named = zip(KEYS, (self.beta, self.lambda_, self.alpha), strict=True)
        return list(zip(*(one_per_pcoder(name, values, count) for name, values in named), strict=True))

    def restricted_to(self, active: Iterable[int], count: int) -> "Coefficients":
        """The same for the `active` pcoders (numbered from 1); all others plain feedforward: β = 1, λ = α = 0."""
        beta, lambda_, alpha = zip(*plain_unless(RULE, active, self.per_pcoder(count)), strict=True)
        return Coefficients(beta, lambda_, alpha)


Weight = TypeVar("Weight")  # a number, or a tensor without dimensions that is learned


@dataclass(frozen=True)
class Update(Generic[Weight]):
    """The weights of what r_n(t) is the sum of.

    Args:
        drive: of f_n(r_{n-1}(t)).
        feedback: of p_{n+1}(t-1).
        memory: of r_n(t-1).
        error: of s_n g_n(t-1).
    """

    drive: Weight
    feedback: Weight | float
    memory: Weight | float
    error: Weight


def update(rule: tuple[Weight, Weight, Weight], is_last: bool) -> Update[Weight]:
    """r_n(t) = β_n f_n(r_{n-1}(t)) + λ_n p_{n+1}(t-1) + (1 - β_n - λ_n) r_n(t-1) - α_n s_n g_n(t-1).

    No feedback reaches the last pcoder: λ_N counts as 0. A memory of no more than rounding is none.

    >>> update((0.5, 0.25, 0.125), is_last=False)
    Update(drive=0.5, feedback=0.25, memory=0.25, error=-0.125)
    >>> update((0.5, 0.25, 0.125), is_last=True)
    Update(drive=0.5, feedback=0.0, memory=0.5, error=-0.125)
    """
    beta, lambda_, alpha = cast(tuple[Any, Any, Any], rule)
    feedback = 0.0 if is_last else lambda_
    memory = 1 - beta - feedback
    kept = memory > SUM_TOLERANCE or memory < -SUM_TOLERANCE
    return Update(beta, feedback, memory if kept else 0.0, -alpha)


def updates(rules: Sequence[tuple[Weight, Weight, Weight]]) -> list[Update[Weight]]:
    """Of every pcoder, bottom-up."""
    return [update(rule, is_last=n == len(rules)) for n, rule in enumerate(rules, start=1)]
