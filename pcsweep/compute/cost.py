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
        steps: of what the update rule itself convolves at one timestep.
        head: from r_N to logits.
    """

    drives: tuple[int, ...]
    predictions: tuple[int, ...]
    gradients: tuple[int, ...]
    steps: tuple[int, ...]
    head: int

    def of(self, rule: UpdateRule, points: Sequence[Sequence[Values]], timesteps: int, changing: bool = False) -> int:
        """Of a pack of grid points for t = 0..timesteps, without the attribution.

        Args:
            rule: of all points.
            points: its coefficients, of each grid point, pcoder by pcoder.
            timesteps: T.
            changing: whether the image is another at every timestep.
        """
        total = self.head * (1 + len(points) * timesteps)
        for n, count in enumerate(dynamics_of(rule).counts(points, timesteps, changing)):
            total += count.drives * self.drives[n]
            total += count.predictions * self.predictions[n] + count.gradients * self.gradients[n] + count.steps * self.steps[n]
        return total

    def everything(self, rule: UpdateRule, points: int, timesteps: int) -> int:
        """Of as many points if every drive, and what else the rule may need, were computed at every timestep."""
        feedback = sum(self.predictions) + sum(self.gradients) if dynamics_of(rule).predicts else 0
        return points * (timesteps + 1) * (sum(self.drives) + feedback + sum(self.steps) + self.head)


def of_engine(network: PredictiveNetwork, image: Tensor, rule: UpdateRule) -> Multiplications:
    """As the network's engine, and the rule's own step, compute an image (1, …)."""
    compiled = network.engine(image).network
    return _counted(_Parts(compiled.stages, compiled.predictors, network.head, rule), image)


def tap_by_tap(network: PredictiveNetwork, image: Tensor, rule: UpdateRule) -> Multiplications:
    """As its modules and autograd, and the rule's own step, compute an image (1, …)."""
    with torch.no_grad():
        shapes = [state.shape[1:] for state in (image, *network.feedforward(image))]
    named = zip(network.predictors, shapes, network.modules_cut, strict=False)
    return _counted(_Parts(list(network.stages), [Differentiated(*each) for each in named], network.head, rule), image)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What is counted: f_n, P_n, the head, and the update rule."""

    stages: Sequence[Callable[[Tensor], Tensor]]
    predictors: Sequence[Predictor]
    head: Callable[[Tensor], Tensor]
    rule: UpdateRule


def _counted(parts: _Parts, image: Tensor) -> Multiplications:
    dynamics = dynamics_of(parts.rule)
    drives, predictions, gradients, steps = [], [], [], []
    with torch.no_grad():
        below = image
        for stage, predictor in zip(parts.stages, parts.predictors, strict=True):
            representation = stage(below).clone()
            drives.append(_count(stage, below))
            predictions.append(_count(predictor.predict, representation))
            gradients.append(_count(predictor.predict_and_differentiate, representation, below) - predictions[-1])
            steps.append(_count(dynamics.own_step, representation))
            below = representation
        head = _count(parts.head, below)
    return Multiplications(tuple(drives), tuple(predictions), tuple(gradients), tuple(steps), head)


def _count(function: Callable[..., object], *given: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        function(*given)
    return int(counter.get_total_flops()) // 2
