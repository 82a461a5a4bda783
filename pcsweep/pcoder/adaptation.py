"""Adaptation: a unit is held back by what it has lately been itself.

s_n(t) = a s_n(t-1) + (1 - a) r_n(t-1),   s_n(0) = 0
r_n(t) = ReLU[f_n(r_{n-1}(t)) - b s_n(t)]

with t = 0 the feedforward pass. Where a level's own output is not rectified, the ReLU falls away. This form is ours, after the
usual leaky average of a rate; no paper's results are claimed for it. b = 0 is the feedforward network at every t.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pcsweep.pcoder.rule import Coefficient

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Adaptation:
    """a, how slowly the average follows, and b, how strongly it holds back."""

    name: ClassVar[str] = "adaptation"
    asks: ClassVar[str] = "adaptation"
    coefficients: ClassVar[tuple[Coefficient, ...]] = (
        Coefficient("a", "a", "persistence", highest=1.0, plain=0.0),
        Coefficient("b", "b", "strength", plain=0.0),
    )
    axes: ClassVar[tuple[str, str]] = ("b", "a")
    inert_in_last: ClassVar[tuple[str, ...]] = ()
    skipped: ClassVar[str] = ""
    control: ClassVar[str] = "b = 0"

    def is_skipped(self, _values: Mapping[str, Any]) -> bool:
        """Never: all values go together."""
        return False

    def is_feedforward(self, values: Mapping[str, Any], is_last: bool) -> bool:  # noqa: ARG002
        """Where nothing is held back."""
        return bool(values["b"] == 0)

    def start(self, initial: "Tensor", rectified: bool) -> "Tensor":  # noqa: ARG002
        """s_n(0) = 0, of the shape of r_n(0)."""
        return initial.new_zeros(initial.shape)

    def step(
        self, values: Mapping[str, float], drive: "Tensor", before: "Tensor", average: "Tensor", rectified: bool
    ) -> tuple["Tensor", "Tensor"]:
        """r_n(t) and s_n(t) from f_n(r_{n-1}(t)), r_n(t-1) and s_n(t-1), each (images, …)."""
        a, b = values["a"], values["b"]
        average = a * average + (1 - a) * before  # (images, channels, height, width)
        if b == 0:
            return drive, average
        after = drive - b * average  # (images, channels, height, width)
        return (after.relu() if rectified else after), average

    @property
    def shows(self) -> str:
        """What `show` draws."""
        return "average s(t)"

    def shown(self, values: Mapping[str, float], now: "Tensor", average: "Tensor") -> "Tensor":  # noqa: ARG002
        """s_n(t)."""
        return average


RULE = Adaptation()
