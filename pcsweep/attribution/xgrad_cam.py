"""XGrad-CAM (Fu et al., 2020, "Axiom-based Grad-CAM: Towards accurate visualization and explanation of CNNs", BMVC).

A channel's weight is its gradient's mean as in Grad-CAM, but each cell counts as much as its share of the channel's activation.

*How we deviate:* the weight of a channel whose activations add up to 0 is undefined. If it is 0 in every cell it adds nothing to
the map, whatever its weight: it is left out, as the package grad-cam does in effect. If its values cancel, the whole map is NaN;
grad-cam adds 1e-7 to the sum instead, which makes of a cancelled channel the one with the largest weight.
"""

import math

from jaxtyping import Float
from torch import Tensor


def xgrad_cam(
    activation: Float[Tensor, "rows channels map_height map_width"], gradient: Float[Tensor, "rows channels map_height map_width"]
) -> Float[Tensor, "rows map_height map_width"]:
    """ReLU(Σ_k w_k A_k), w_k = Σ g_k A_k / Σ A_k over the cells.

    Args:
        activation: A.
        gradient: g = ∂y/∂A, y the target class's logit.

    >>> import torch
    >>> xgrad_cam(torch.tensor([[[[3.0, 1.0]]], [[[1.0, -1.0]]]]), torch.ones(2, 1, 1, 2))
    tensor([[[3., 1.]],
    <BLANKLINE>
            [[nan, nan]]])
    """
    total = activation.sum((2, 3), keepdim=True)  # (rows, channels, 1, 1)
    weight = (gradient * activation).sum((2, 3), keepdim=True) / total
    weight = weight.masked_fill(total == 0, math.nan)
    silent = (activation == 0).all(3, keepdim=True).all(2, keepdim=True)
    return (weight.masked_fill(silent, 0) * activation).sum(1).relu()
