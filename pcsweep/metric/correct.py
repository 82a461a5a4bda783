"""Accuracy."""

from typing import Any

from jaxtyping import Bool

from pcsweep.metric.row import Metric, Scored


def correct(scored: Scored) -> Bool[Any, "batch"]:
    """Whether the highest logit is the label's."""
    return scored.logits.argmax(1) == scored.label


METRIC = Metric(name="correct", label="accuracy", place=91, measured=correct, asked=False)
