"""How many multiplications each part of a network takes for one image, counted as it is computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from pcsweep.network import PredictiveNetwork
from pcsweep.network.convolution.closed_form import Differentiated, Predictor
from pcsweep.network.dynamics import dynamics_of
from pcsweep.pcoder.rule import UpdateRule, Values


@dataclass(frozen=True)
class Multiplications:
    """For one image, pcoder by pcoder.

    Args:
        drives: of f_n.
        predictions: of P_n.
        gradients: of the gradient of P_n's error, beside its prediction.
        head: from r_N to logits.
    """

    drives: tuple[int, ...]
    predictions: tuple[int, ...]
    gradients: tuple[int, ...]
    head: int

    def of(self, rule: UpdateRule, points: Sequence[Sequence[Values]], timesteps: int) -> int:
        """Of a pack of grid points for t = 0..timesteps, without the attribution.

        Args:
            rule: of all points.
            points: its coefficients, of each grid point, pcoder by pcoder.
            timesteps: T.
        """
        total = self.head * (1 + len(points) * timesteps)
        for n, count in enumerate(dynamics_of(rule).counts(points, timesteps)):
            total += count.drives * self.drives[n]
            total += count.predictions * self.predictions[n] + count.gradients * self.gradients[n]
        return total

    def everything(self, rule: UpdateRule, points: int, timesteps: int) -> int:
        """Of as many points if every drive, and what else the rule may need, were computed at every timestep."""
        feedback = sum(self.predictions) + sum(self.gradients) if dynamics_of(rule).predicts else 0
        return points * (timesteps + 1) * (sum(self.drives) + feedback + self.head)


def of_engine(network: PredictiveNetwork, image: Tensor) -> Multiplications:
    """As the network's engine computes an image (1, …)."""
    compiled = network.engine(image).network
    return _counted(compiled.stages, compiled.predictors, network, image)


def tap_by_tap(network: PredictiveNetwork, image: Tensor) -> Multiplications:
    """As its modules and autograd compute an image (1, …)."""
    with torch.no_grad():
        shapes = [state.shape[1:] for state in (image, *network.feedforward(image))]
    named = zip(network.predictors, shapes, network.modules_cut, strict=False)
    return _counted(list(network.stages), [Differentiated(*each) for each in named], network, image)


def _counted(
    stages: Sequence[Callable[[Tensor], Tensor]], predictors: Sequence[Predictor], network: PredictiveNetwork, image: Tensor
) -> Multiplications:
    drives, predictions, gradients = [], [], []
    with torch.no_grad():
        below = image
        for stage, predictor in zip(stages, predictors, strict=True):
            representation = stage(below).clone()
            drives.append(_count(stage, below))
            predictions.append(_count(predictor.predict, representation))
            gradients.append(_count(predictor.predict_and_differentiate, representation, below) - predictions[-1])
            below = representation
        head = _count(network.head, below)
    return Multiplications(tuple(drives), tuple(predictions), tuple(gradients), head)


def _count(function: Callable[..., object], *given: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        function(*given)
    return int(counter.get_total_flops()) // 2
