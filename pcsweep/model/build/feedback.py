"""Feedback on a backbone: a predictor for every pcoder, with weights, and with √C_n where gradients are scaled."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from torch import nn

from pcsweep.model.build.feedback_weights import Source, load
from pcsweep.model.build.predictors import Predictors, default_predictors, reach, shapes_at
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork

_log = logging.getLogger(__name__)
_to_be_trained: ContextVar[bool] = ContextVar("_to_be_trained", default=False)


def predictive(
    backbone: nn.Module,
    modules: Sequence[str],
    size: int,
    source: Source,
    gradient_scaling: bool,
    predictors: Predictors = default_predictors,
) -> tuple[PredictiveNetwork, Coefficients | None]:
    """The backbone with feedback, and the coefficients that come with the feedback weights, if any.

    Args:
        backbone: from images to logits.
        modules: where its pcoders are, bottom-up.
        size: side of its images, in pixels.
        source: of the feedback weights.
        gradient_scaling: scale the error's gradient by K_n/√C_n, with √C_n as the source has it, else of `reach`.
        predictors: from shapes to untrained predictors.

    Raises:
        ValueError: a backbone that cannot be cut, or weights that are missing or do not fit.
    """
    shapes = shapes_at(backbone, modules, size)
    made = list(predictors(shapes))
    stored = load(made, source)
    sqrt_cs: list[float | None] = [None] * len(made)
    if gradient_scaling:
        sqrt_cs = [
            math.sqrt(reach(predictor, shape)) if measured is None else measured
            for predictor, shape, measured in zip(made, shapes[1:], stored.sqrt_cs, strict=True)
        ]
    pcoders = [PCoder(*each) for each in zip(modules, made, sqrt_cs, strict=True)]
    return PredictiveNetwork(backbone, pcoders), stored.coefficients


@contextmanager
def to_be_trained() -> Iterator[None]:
    """A context in which random predictors are no reason to warn, since they are about to be trained."""
    token = _to_be_trained.set(True)
    try:
        yield
    finally:
        _to_be_trained.reset(token)


def say_if_random(backbone: bool, predictors: bool) -> None:
    """Warns which weights are random, and what that means for the results."""
    if _to_be_trained.get():
        predictors = False
    if backbone:
        _log.warning("RANDOM WEIGHTS in the backbone: results are meaningless until it is trained.")
    elif predictors:
        _log.warning("RANDOM FEEDBACK WEIGHTS: results at t > 0 are meaningless until python -m pcsweep.train made some.")
