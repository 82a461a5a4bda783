"""The target's logit."""

from pcsweep.metric.row import Metric, Scored
from pcsweep.metric.saliency import Score


def target_logit(scored: Scored) -> Score:
    """One value per image, before the softmax."""
    return scored.logits.gather(1, scored.target[:, None])[:, 0]


METRIC = Metric(name="target_logit", label="target logit", unit="logit", place=93, measured=target_logit, asked=False, best=False)
