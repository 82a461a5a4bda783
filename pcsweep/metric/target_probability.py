"""The target's probability."""

from pcsweep.metric.row import Metric, Scored
from pcsweep.metric.saliency import Score


def target_probability(scored: Scored) -> Score:
    """Softmax of the logits at the target."""
    return scored.logits.softmax(1).gather(1, scored.target[:, None])[:, 0]


METRIC = Metric(name="target_probability", label="target probability", place=92, measured=target_probability, asked=False)
