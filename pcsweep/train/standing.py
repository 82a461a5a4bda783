"""How far a training is: what a checkpoint keeps beside weights, optimizer and schedule."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

PHASES = ("backbone", "feedback")
_LAST = 50  # steps whose mean loss is said at the end


@dataclass
class Best:
    """The weights with the lowest held-out loss.

    Args:
        loss: held out.
        epoch: after which they were, from 1.
        tensors: on the CPU, by name; of what is trained.
        explained: mean squared error and variance of every pcoder on the held-out images.
    """

    loss: float
    epoch: int
    tensors: dict[str, Tensor]
    explained: list[tuple[float, float]]


@dataclass
class Standing:
    """Where a phase is.

    Args:
        phase: one of `PHASES`.
        epoch: how many are finished.
        step: how many of the next one are.
        total: steps of all phases so far.
        first: the loss of the phase's first step.
        last: those of its last steps.
        stopped: whether it ended before its last epoch.
        best: of its held-out losses.
    """

    phase: str
    epoch: int = 0
    step: int = 0
    total: int = 0
    first: float | None = None
    last: list[float] = field(default_factory=list)
    stopped: bool = False
    best: Best | None = None

    def stepped(self, loss: float) -> None:
        """One step further."""
        self.step, self.total = self.step + 1, self.total + 1
        self.first = loss if self.first is None else self.first
        self.last = [*self.last, loss][-_LAST:]

    def finished_epoch(self) -> None:
        """One epoch further."""
        self.epoch, self.step = self.epoch + 1, 0

    def state(self) -> dict[str, Any]:
        """Numbers, texts and tensors."""
        best = None if self.best is None else vars(self.best)
        return {**{name: value for name, value in vars(self).items() if name != "best"}, "best": best}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Standing":
        """The inverse of `state`."""
        best = state["best"]
        return cls(**{**state, "best": None if best is None else Best(**best)})
