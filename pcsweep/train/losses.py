"""What a network learns from.

The predictors learn from two errors, each with a weight: *reconstruction*, predify's recipe, the sum over pcoders of the mean
squared error between p_n and r_{n-1} at t = 0; and *classification*, the mean over t = 1..T of the cross-entropy of the logits,
through all of the dynamics. The backbone is frozen then. β, λ and α can be learned beside the predictors.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from pcsweep.network import PredictiveNetwork
from pcsweep.train.recipe import FeedbackRecipe
from pcsweep.train.simplex import LearnedCoefficients

Labels = Int[Tensor, " count"]
Losses = dict[str, Tensor]  # parts of a loss by name; `loss` is their weighted sum
Errors = Callable[[PredictiveNetwork, Tensor], list[Tensor]]


def reconstruction_errors(network: PredictiveNetwork, images: Float[Tensor, "batch 3 height width"]) -> list[Float[Tensor, ""]]:
    """The mean squared error between p_n and r_{n-1} at t = 0 of every pcoder; no gradient reaches the backbone."""
    errors = []
    below = images
    for stage, predictor in zip(network.stages, network.predictors, strict=True):
        with torch.no_grad():
            representation = stage(below)
        errors.append(functional.mse_loss(predictor(representation), below))
        below = representation
    return errors


def feedback_losses(
    network: PredictiveNetwork,
    images: Float[Tensor, "batch 3 height width"],
    labels: Labels,
    coefficients: LearnedCoefficients,
    recipe: FeedbackRecipe,
    errors_of: Errors = reconstruction_errors,
) -> Losses:
    """The errors that the predictors learn from; those of weight zero are not computed.

    Args:
        network, images, labels: what learns from what.
        coefficients: of the dynamics of the classification.
        recipe: the weight of each error.
        errors_of: what computes the reconstruction errors: the same, compiled.
    """
    parts: Losses = {}
    total = images.new_zeros(())
    if recipe.reconstruction:
        errors = errors_of(network, images)
        parts |= {f"reconstruction_{n}": error.detach() for n, error in enumerate(errors, start=1)}
        total = total + recipe.reconstruction * torch.stack(errors).sum()
    if recipe.classification:
        states = list(network.unroll(images, coefficients.rules(), recipe.timesteps))[1:]
        entropies = [functional.cross_entropy(state.logits, labels) for state in states]
        parts |= {f"cross_entropy_t{t}": entropy.detach() for t, entropy in enumerate(entropies, start=1)}
        total = total + recipe.classification * torch.stack(entropies).mean()
    return {"loss": total, **parts}
