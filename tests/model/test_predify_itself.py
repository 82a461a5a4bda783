"""PVGG16 in both implementations, where predify is installed (see docs/models.md)."""

import pytest
import torch
from captum.attr import LayerGradCam
from predify_built import hook_on

from pcsweep.attribution import grad_cam
from pcsweep.model.build.predify import coefficients_of, from_predify
from pcsweep.model.build.pretrained import torchvision_backbone
from pcsweep.model.pvgg16 import MODULES, predictors
from pcsweep.network import Coefficients

pytest.importorskip(
    "predify", reason="predify is not installed: pip install 'predify @ git+https://github.com/miladmozafari/predify'"
)

BETA, LAMBDA, ALPHA = [0.2, 0.4, 0.4, 0.5, 0.6], [0.05, 0.1, 0.1, 0.1, 0.0], [0.01, 0.01, 0.02, 0.01, 0.01]
TIMESTEPS = 5


def built(scaled: bool):
    """predify's PVGG16, weights at random."""
    from predify.modules import PCoder, PCoderN
    from predify.networks import PNetSeparateHP

    torch.manual_seed(0)
    network = PNetSeparateHP(torchvision_backbone("vgg16", "random"), 5, False, False, BETA, LAMBDA, ALPHA)
    for n, predictor in enumerate(predictors(), start=1):
        setattr(network, f"pcoder{n}", (PCoderN if scaled else PCoder)(predictor, n < 5, False))
    hook_on(network, MODULES)
    return network.eval()


def distance(computed, expected):
    return ((computed - expected).norm() / expected.norm().clamp(min=1e-12)).item()


@pytest.mark.parametrize("scaled", [True, False], ids=["PCoderN", "PCoder"])
def test_states_and_grad_cam_are_those_of_predify(scaled):
    theirs = built(scaled)
    image, target = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)), torch.tensor([7])
    theirs(image)  # measures √C
    ours, coefficients = from_predify(theirs), coefficients_of(theirs)
    assert coefficients == Coefficients(BETA, LAMBDA, ALPHA)
    for state in ours.run(image, coefficients, TIMESTEPS):
        logits = theirs(image if state.timestep == 0 else None)
        assert distance(state.logits, logits) < 1e-4
        for n, representation in enumerate(state.representations, start=1):
            assert distance(representation, getattr(theirs, f"pcoder{n}").rep) < 1e-4
        last = theirs.pcoder5.rep
        head = torch.nn.Sequential(
            theirs.backbone.features[30], theirs.backbone.avgpool, torch.nn.Flatten(), theirs.backbone.classifier
        )
        at = torch.nn.Sequential(torch.nn.Identity(), head)
        expected = LayerGradCam(at, at[0]).attribute(last.detach().requires_grad_(), target=target, relu_attributions=True)
        computed = grad_cam(ours.head, state.representations[-1], target)
        assert (computed - expected[:, 0]).abs().max() <= 1e-4 * expected.abs().max()
