"""A network made ready for images of one size: its stages and predictors, and how many rows each takes per call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from pcsweep.network.convolution.closed_form import Predictor
from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.arrays import Distinct, empty


class Feedback(NamedTuple):
    """p_n(t), like r_{n-1}; and the gradient of ½ Σ (p_n(t) - r_{n-1}(t))² with respect to r_n(t), if it was asked for."""

    prediction: Tensor
    gradient: Tensor | None


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """Lists with an entry per pcoder; pcoder n = 1..N has entry n - 1.

    Args:
        stages: f_1..f_N.
        stage_rows: rows per call of each stage.
        stage_together: of how many of them all are computed or none: one where a row's bits do not depend on how many there are.
        predictors: P_1..P_N.
        predictor_rows: rows per call of each predictor.
        predictor_together: as `stage_together`.
        scales: s_n · 2/K_n, with which the gradient of half the squared error becomes s_n g_n.
        workspace: for what is needed during a call only.
    """

    stages: Sequence[nn.Module]
    stage_rows: Sequence[int]
    stage_together: Sequence[int]
    predictors: Sequence[Predictor]
    predictor_rows: Sequence[int]
    predictor_together: Sequence[int]
    scales: Sequence[float]
    workspace: Workspace

    def feedforward(self, images: Tensor, distinct: Distinct) -> list[Tensor]:
        """r_0(0)..r_N(0): the images, and what the stages make of them in turn."""
        representations = [images]
        for n in range(1, len(self.stages) + 1):
            representations.append(self.driven(n, representations[-1], distinct))
        return representations

    def driven(self, n: int, below: Tensor, distinct: Distinct) -> Tensor:
        """f_n(r_{n-1}) of all rows, in memory of its own and of the type of what is below."""
        stage = self.stages[n - 1]
        representation: Tensor | None = None
        for rows in distinct.parts(slice(0, len(below)), self.stage_rows[n - 1], self.stage_together[n - 1]):
            part = stage(below[rows])  # (rows, channels, height, width)
            if representation is None:
                representation = empty((len(below), *part.shape[1:]), below)
            representation[rows] = part
        if representation is None:
            representation = stage(below)  # an empty batch has its shape
        distinct.repeat(representation)
        return representation

    def drive(self, n: int, below: Tensor) -> Tensor:
        """f_n(r_{n-1}) of some rows; autocast may have rounded it, which the states are not."""
        made: Tensor = self.stages[n - 1](below)
        return made.to(below.dtype)

    def feedback(self, n: int, representation: Tensor, below: Tensor, corrected: bool) -> Feedback:
        """The feedback of P_n from some rows of r_n and r_{n-1}, until the next call; its gradient where it corrects r_n."""
        predictor = self.predictors[n - 1]
        if corrected:
            return Feedback(*predictor.predict_and_differentiate(representation, below))
        return Feedback(predictor.predict(representation), None)
