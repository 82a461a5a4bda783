"""Grad-CAM (Selvaraju et al., 2017, "Grad-CAM: Visual explanations from deep networks via gradient-based localization", ICCV).

At every timestep the logits depend on the last representation r_N(t) through the head alone. Grad-CAM of the head at r_N(t) is
therefore Grad-CAM of the whole unrolled network, for one small backward pass.

*How we deviate from the paper:* nothing is upsampled or scaled here; `pcsweep.metric` does that, explicitly.

The numbers are those of Captum's `LayerGradCam`, to the bit, without its import, which takes longer than computing many maps.
"""

from jaxtyping import Float, Int
from torch import Tensor, nn

from pcsweep.attribution.at_layer import at_layer, gradient_of
from pcsweep.attribution.layers import check_layer


def grad_cam(
    head: nn.Module,
    representation: Float[Tensor, "batch channel height width"],
    target: Int[Tensor, " batch"],
    layer: str | None = None,
) -> Float[Tensor, "batch map_height map_width"]:
    """Rectified Grad-CAM of the target class.

    Args:
        head: module from the last representation r_N to logits (`PredictiveNetwork.head`).
        representation: r_N(t).
        target: class index of each image.
        layer: where to take the map: `None` for r_N itself, or the name of a module of the head with a spatial output.

    Raises:
        ValueError: the head has no module of that name, or what it returns is no map with channels first.
    """
    if representation.ndim != 4:
        raise ValueError(f"Expected maps of channels, height and width, but got {tuple(representation.shape)}.")
    if layer is not None:
        check_layer(head, layer, tuple(representation.shape[1:]), representation.dtype, representation.device)
    taken = at_layer(head, representation, layer)
    return weighted(taken.activation.detach(), gradient_of(taken, target))


def weighted(
    activation: Float[Tensor, "rows channels map_height map_width"], gradient: Float[Tensor, "rows channels map_height map_width"]
) -> Float[Tensor, "rows map_height map_width"]:
    """The same formula on a given activation A and gradient ∂y/∂A: ReLU(Σ_k w_k A_k), w_k the mean of channel k's gradient."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1).relu()


OF_PASS = weighted  # to the bit what Captum makes, which would run the head once more
FROM_GRADIENT = weighted  # for whoever has A and its gradient of several layers already
