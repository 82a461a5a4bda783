"""Deletion (Petsiuk et al., 2018): how soon the class is lost as the most salient pixels are taken away; lower is better."""

from pcsweep.metric.perturbation import area_under, blurred, curve
from pcsweep.metric.row import Metric, Scored
from pcsweep.metric.saliency import Score


def deletion(scored: Scored) -> Score:
    """The area under the target's probability from the image to its baseline; NaN for an undefined map."""
    probe, by = scored.asked, scored.asked.perturbation
    nothing = probe.images.new_zeros(probe.images.shape) if by.baseline == "mean" else blurred(probe.images, by.sigma, by.kernel)
    return area_under(curve(scored.saliency, probe.images, nothing, probe))


METRIC = Metric(
    name="deletion",
    label="deletion AUC",
    place=61,
    measured=deletion,
    variants=lambda perturbation: perturbation.points,
    lower_is_better=True,
)
