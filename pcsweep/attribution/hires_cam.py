"""HiRes-CAM (Draelos and Carin, 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
networks", arXiv:2011.08891).

Grad-CAM averages the gradient over a channel before it weighs the channel; here every cell keeps its own.

*How we deviate from the paper:* nothing is upsampled or scaled here; `pcsweep.metric` does that, explicitly.
"""

from jaxtyping import Float
from torch import Tensor


def hires_cam(
    activation: Float[Tensor, "rows channels map_height map_width"], gradient: Float[Tensor, "rows channels map_height map_width"]
) -> Float[Tensor, "rows map_height map_width"]:
    """ReLU(Σ_k g_k ⊙ A_k).

    Args:
        activation: A.
        gradient: g = ∂y/∂A, y the target class's logit.
    """
    return (gradient * activation).sum(1).relu()
