"""Grad-CAM++ (Chattopadhay et al., 2018, "Grad-CAM++: Generalized gradient-based visual explanations for deep convolutional
networks", WACV), by the closed form of the paper's equation 19, which takes exp(y) for the score.

    α = g² / (2g² + g³ Σ A_k),   w_k = Σ α ReLU(g)   over the cells of a channel

Only cells of positive gradient have a weight, and there α = 1 / (2 + g Σ A_k), which is how it is computed.

*How we deviate from the paper:* nothing is upsampled or scaled here. *From the package grad-cam:* it adds ε = 1e-6 to the
denominator. Gradients behind an average over some dozens of cells are about 1e-3, so there ε is as large as g², and shrinks the
weights of small gradients. Here ε is the setting `epsilon`, 0 unless asked for. Where activations may be negative the denominator
may be 0 at a cell of positive gradient: then the map is NaN.
"""

import math
from typing import Annotated

from jaxtyping import Float
from pydantic import Field
from torch import Tensor


def grad_cam_plus_plus(
    activation: Float[Tensor, "rows channels map_height map_width"],
    gradient: Float[Tensor, "rows channels map_height map_width"],
    *,
    epsilon: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> Float[Tensor, "rows map_height map_width"]:
    """ReLU(Σ_k w_k A_k).

    Args:
        activation: A.
        gradient: g = ∂y/∂A, y the target class's logit.
        epsilon: added to the denominator; 0 is the paper's formula, 1e-6 what the package grad-cam computes.

    >>> import torch
    >>> grad_cam_plus_plus(torch.tensor([[[[3.0, 1.0]]]]), torch.tensor([[[[0.5, -1.0]]]]))  # α = 1/(2 + 0.5·4), w = 0.125
    tensor([[[0.3750, 0.1250]]])
    """
    total = activation.sum((2, 3), keepdim=True)  # (rows, channels, 1, 1)
    denominator = 2 + gradient * total + epsilon / gradient / gradient  # of g² ÷ g²: no product that underflows
    share = gradient / denominator.masked_fill(denominator == 0, math.nan)  # α g
    weight = share.masked_fill(gradient <= 0, 0).sum((2, 3), keepdim=True)
    return (weight * activation).sum(1).relu()
