"""The dynamics unrolled in time by autograd, for training: differentiable through every term, with a graph that grows with t."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pcsweep.pcoder.predictive_coding import updates

Weight = float | Tensor  # a number, or a tensor without dimensions that is learned
LearnedRule = tuple[Weight, Weight, Weight]  # (β_n, λ_n, α_n)


@dataclass(frozen=True, eq=False)
class _FeedbackTerms:
    """What pcoder n feeds back from t to t + 1: p_n(t) and s_n g_n(t), each None where no coefficient asks for it."""

    prediction: Tensor | None
    gradient: Tensor | None


@dataclass(frozen=True, eq=False)
class Unrolled:
    """The pcoders of a network, n = 1..N, by autograd.

    Args:
        stages: f_n.
        predictors: P_n.
        sqrt_cs: √C_n, or None where the gradient is not scaled.
        modules: names of the modules that are r_n, for messages.
    """

    stages: Sequence[nn.Module]
    predictors: Sequence[nn.Module]
    sqrt_cs: Sequence[float | None]
    modules: Sequence[str]

    def representations(self, images: Tensor, rules: Sequence[LearnedRule], timesteps: int) -> Iterator[list[Tensor]]:
        """r_1(t)..r_N(t), each (images, …), for t = 0..timesteps."""
        r: list[Tensor] = []
        for stage in self.stages:
            r.append(stage(r[-1] if r else images))
        yield r
        for _ in range(timesteps):
            r = self._step(images, r, rules)
            yield r

    def _step(self, images: Tensor, before: list[Tensor], rules: Sequence[LearnedRule]) -> list[Tensor]:
        """r_1(t)..r_N(t) from r_1(t-1)..r_N(t-1), bottom-up."""
        feedback = [self._feedback(n, images, before, rules) for n in range(len(rules))]
        after: list[Tensor] = []
        for n, weights in enumerate(updates(rules)):
            terms = [  # each (images, channels, height, width)
                (weights.drive, self.stages[n](after[-1] if after else images) if weights.drive else None),
                (weights.feedback, feedback[n + 1].prediction if n + 1 < len(rules) else None),
                (weights.memory, before[n]),
                (weights.error, feedback[n].gradient),
            ]
            after.append(_weighted_sum(terms, like=before[n]))
        return after

    def _feedback(self, n: int, images: Tensor, representations: list[Tensor], rules: Sequence[LearnedRule]) -> _FeedbackTerms:
        """p_n and s_n g_n where the rules use them; n from 0. Without autograd, the gradient's graph is freed here."""
        wants_prediction = n > 0 and rules[n - 1][1] > 0
        wants_gradient = rules[n][2] > 0
        below = representations[n - 1] if n else images
        if wants_gradient:
            return self._differentiated(n, representations[n], below)
        return _FeedbackTerms(self._predicted(n, representations[n], below) if wants_prediction else None, None)

    def _differentiated(self, n: int, given: Tensor, below: Tensor) -> _FeedbackTerms:
        """p_n and s_n g_n, which is itself differentiable where autograd is on."""
        differentiable = torch.is_grad_enabled()
        with torch.enable_grad():
            # A view: where a stage returns what it is given, `below` is the same tensor, and no part of the derivative.
            representation = given.view_as(given) if differentiable and given.requires_grad else given.detach().requires_grad_()
            prediction = self._predicted(n, representation, below)
            error = (prediction - below).square().flatten(1).mean(1)  # (images,): ε_n
            (gradient,) = torch.autograd.grad(error.sum(), representation, create_graph=differentiable)
            scaled = gradient * self._scale(n, prediction)
        return _FeedbackTerms(prediction, scaled) if differentiable else _FeedbackTerms(prediction.detach(), scaled.detach())

    def _predicted(self, n: int, representation: Tensor, below: Tensor) -> Tensor:
        prediction: Tensor = self.predictors[n](representation)
        if prediction.shape != below.shape:
            raise ValueError(
                f"Expected the predictor on {self.modules[n]!r} to return {tuple(below.shape[1:])}, the shape of the "
                f"representation below it, but got {tuple(prediction.shape[1:])}."
            )
        return prediction

    def _scale(self, n: int, prediction: Tensor) -> float:
        """s_n."""
        sqrt_c = self.sqrt_cs[n]
        return 1.0 if sqrt_c is None else prediction[0].numel() / sqrt_c


def _weighted_sum(terms: Iterable[tuple[Weight, Tensor | None]], like: Tensor) -> Tensor:
    """Σ weight · tensor; a weight of one copies to the bit and a weight of zero leaves no trace, not even of an infinity."""
    total: Tensor | None = None
    for weight, tensor in terms:
        if tensor is None or weight == 0:
            continue
        term = tensor if weight == 1 else weight * tensor
        total = term if total is None else total + term
    return torch.zeros_like(like) if total is None else total
