"""Grad-CAM (Selvaraju et al., 2017, "Grad-CAM: Visual explanations from deep networks via gradient-based localization", ICCV).

At every timestep the logits depend on the last representation r_N(t) through the head alone. Grad-CAM of the head at r_N(t) is
therefore Grad-CAM of the whole unrolled network, for one small backward pass.

*How we deviate from the paper:* nothing is upsampled or scaled here; `pcsweep.metric` does that, explicitly.

`grad_cam` is Captum's. Over time the same numbers, to the bit, are made by `weighted` of a pass of the head that gives the logits
as well: the head runs once, and Captum need not be imported.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pcsweep.attribution.layers import check_layer


class _AtRepresentation(nn.Module):
    """The head behind an identity, which gives Captum a layer whose output is r_N itself."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.representation = nn.Identity()
        self.head = head

    def forward(self, representation: Tensor) -> Tensor:
        logits: Tensor = self.head(self.representation(representation))
        return logits


def grad_cam(
    head: nn.Module,
    representation: Float[Tensor, "batch channel height width"],
    target: Int[Tensor, " batch"],
    layer: str | None = None,
) -> Float[Tensor, "batch map_height map_width"]:
    """Rectified Grad-CAM of the target class, as Captum's `LayerGradCam` computes it.

    Args:
        head: module from the last representation r_N to logits (`PredictiveNetwork.head`).
        representation: r_N(t).
        target: class index of each image.
        layer: where to take the map: `None` for r_N itself, or the name of a module of the head with a spatial output.

    Raises:
        ValueError: the head has no module of that name, or what it returns is no map with channels first.
    """
    from captum.attr import LayerGradCam  # late: it brings matplotlib's pyplot, half a second that only computing needs

    network = _AtRepresentation(head)
    if representation.ndim != 4:
        raise ValueError(f"Expected maps of channels, height and width, but got {tuple(representation.shape)}.")
    if layer is not None:
        check_layer(head, layer, tuple(representation.shape[1:]), representation.dtype, representation.device)
    chosen = network.representation if layer is None else network.get_submodule(f"head.{layer}")
    with torch.enable_grad():
        cam = LayerGradCam(network, chosen).attribute(
            representation.detach().requires_grad_(), target=target, relu_attributions=True
        )
    assert isinstance(cam, Tensor)  # one layer of one output, as asked for
    return cam.detach().squeeze(1)


def weighted(
    activation: Float[Tensor, "rows channels map_height map_width"], gradient: Float[Tensor, "rows channels map_height map_width"]
) -> Float[Tensor, "rows map_height map_width"]:
    """The same formula on a given activation A and gradient ∂y/∂A: ReLU(Σ_k w_k A_k), w_k the mean of channel k's gradient."""
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1).relu()


OF_PASS = weighted  # to the bit what Captum makes, which would run the head once more
FROM_GRADIENT = weighted  # for whoever has A and its gradient of several layers already
