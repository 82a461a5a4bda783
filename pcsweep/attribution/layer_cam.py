"""Layer-CAM (Jiang et al., 2021, "LayerCAM: Exploring hierarchical class activation maps for localization", IEEE Transactions on
Image Processing 30).

Every cell is weighed by its own gradient where that is positive, so that maps of early, finely resolved layers are of use.

*How we deviate from the paper:* nothing is upsampled, scaled or combined over layers here; `pcsweep.metric` does the first two.
"""

from jaxtyping import Float
from torch import Tensor


def layer_cam(
    activation: Float[Tensor, "rows channels map_height map_width"], gradient: Float[Tensor, "rows channels map_height map_width"]
) -> Float[Tensor, "rows map_height map_width"]:
    """ReLU(Σ_k ReLU(g_k) ⊙ A_k).

    Args:
        activation: A.
        gradient: g = ∂y/∂A, y the target class's logit.
    """
    return (gradient.relu() * activation).sum(1).relu()
