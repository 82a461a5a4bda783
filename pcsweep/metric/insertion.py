"""Insertion (Petsiuk et al., 2018): how soon the class is seen as the most salient pixels are put into the blurred image."""

from pcsweep.metric.perturbation import area_under, blurred, curve
from pcsweep.metric.row import Metric, Scored
from pcsweep.metric.saliency import Score


def insertion(scored: Scored) -> Score:
    """The area under the target's probability from the blurred image to the image itself; NaN for an undefined map."""
    probe = scored.asked
    blur = blurred(probe.images, probe.perturbation.sigma, probe.perturbation.kernel)
    return area_under(curve(scored.saliency, blur, probe.images, probe))


METRIC = Metric(
    name="insertion",
    label="insertion AUC",
    place=60,
    measured=insertion,
    variants=lambda perturbation: perturbation.points,
)
