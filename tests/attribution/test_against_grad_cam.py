"""The raw maps, before anything is upsampled or scaled, are those of the package grad-cam on three networks, and Captum's."""

import numpy as np
import pytest
import pytorch_grad_cam
import timm
import torch
import torchvision
from captum.attr import LayerGradCam, LayerGradientXActivation
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection, get_2d_projection_with_sign_correction

from pcsweep.attribution.ablation_cam import ablation_cam
from pcsweep.attribution.eigen_cam import eigen_cam
from pcsweep.attribution.grad_cam import weighted
from pcsweep.attribution.grad_cam_plus_plus import grad_cam_plus_plus
from pcsweep.attribution.hires_cam import hires_cam
from pcsweep.attribution.layer_cam import layer_cam
from pcsweep.attribution.scene import Scene, attributed
from pcsweep.attribution.xgrad_cam import xgrad_cam
from pcsweep.model.pminivgg import pminivgg
from pcsweep.network.backbone import cut

ROWS, CLOSE = 4, {"rtol": 1e-5, "atol": 1e-5}


def of_pminivgg():
    network = pminivgg(weights="random", feedback_weights="random", seed=0).network
    return torch.nn.Sequential(*network.stages), network.head


def of_resnet18():
    return cut(torchvision.models.resnet18(weights=None).eval(), ["layer3"])


def of_timm():
    return cut(timm.create_model("test_resnet").eval(), ["layer3"])


# Below and above r_N, and the layer where the maps are taken.
NETWORKS = {
    "pminivgg": (of_pminivgg, None),
    "resnet18": (of_resnet18, None),
    "resnet18 above": (of_resnet18, "layer4.0.relu"),
    "test_resnet": (of_timm, None),
}


@pytest.fixture(params=NETWORKS, scope="module")
def scene(request):
    torch.manual_seed(0)
    make, layer = NETWORKS[request.param]
    below, head = make()
    with torch.no_grad():
        images = torch.randn(ROWS, 3, 64, 64, generator=torch.Generator().manual_seed(1))
        representation = below(images)
        target = head(representation).argmax(1)  # positive logits
    return Scene(head, representation, target, images, layer)


def theirs(name, scene):
    """What grad-cam makes of the same activation and gradient: its sum over channels, before it is cut off and scaled."""
    model = torch.nn.Conv2d(1, 1, 1)  # its constructor wants one
    cam = getattr(pytorch_grad_cam, name)(model, [model])
    activation, gradient = scene.activation.numpy(), scene.gradient.numpy()
    with np.errstate(divide="ignore"):
        raw = cam.get_cam_image(scene.images, model, None, activation, gradient, False)
    cam.activations_and_grads.release()
    return torch.from_numpy(np.maximum(raw, 0))


@pytest.mark.parametrize(
    ("function", "settings", "name"),
    [
        (weighted, {}, "GradCAM"),
        (hires_cam, {}, "HiResCAM"),
        (layer_cam, {}, "LayerCAM"),
        (xgrad_cam, {}, "XGradCAM"),
        (grad_cam_plus_plus, {"epsilon": 1e-6}, "GradCAMPlusPlus"),
    ],
)
def test_raw_maps_are_those_of_grad_cam(scene, function, settings, name):
    expected, computed = theirs(name, scene), attributed(function, settings, scene)
    largest = expected.max()
    assert expected.amax((1, 2)).gt(0.01 * largest).sum() >= ROWS // 2, "maps that do not cancel"
    torch.testing.assert_close(computed / largest, expected / largest, **CLOSE)


def test_grad_cam_plus_plus_without_epsilon_does_not_depend_on_the_scale_of_the_logits_where_nothing_else_does(scene):
    """With activations of sum 0 every share is 1/2 and the weights are half the positive gradients; grad-cam's ε shrinks them."""
    activation = scene.activation - scene.activation.mean((2, 3), keepdim=True)
    total = activation.double().sum((2, 3)).abs().max()
    assert total < 1e-3
    small = 1e-3 * scene.gradient / scene.gradient.abs().max()
    expected = (small.relu().sum((2, 3), keepdim=True) / 2 * activation).sum(1).relu()
    torch.testing.assert_close(grad_cam_plus_plus(activation, small) / expected.max(), expected / expected.max(), **CLOSE)
    shrunk = grad_cam_plus_plus(activation, small, epsilon=1e-6)
    assert shrunk.max() < 0.8 * expected.max()


def test_without_epsilon_it_is_grad_cams_for_gradients_that_are_not_small(scene):
    large = 1e3 * scene.gradient / scene.gradient.abs().max()
    model = torch.nn.Conv2d(1, 1, 1)
    cam = pytorch_grad_cam.GradCAMPlusPlus(model, [model])
    raw = cam.get_cam_image(scene.images, model, None, scene.activation.double().numpy(), large.double().numpy(), False)
    expected = torch.from_numpy(np.maximum(raw, 0)).float()
    torch.testing.assert_close(grad_cam_plus_plus(scene.activation, large) / expected.max(), expected / expected.max(), **CLOSE)


def test_eigen_cam_centred_is_grad_cams_but_for_the_sign(scene):
    computed = eigen_cam(scene.activation, centred=True)
    either = torch.from_numpy(get_2d_projection(scene.activation.numpy()))
    signed = torch.from_numpy(get_2d_projection_with_sign_correction(scene.activation.numpy()))
    largest = signed.abs().max()
    torch.testing.assert_close(computed / largest, signed.relu() / largest, **CLOSE)
    for own, plus in zip(computed / largest, either / largest, strict=True):
        assert min((own - plus.relu()).abs().max(), (own - (-plus).relu()).abs().max()) < 2e-5


def test_eigen_cam_as_in_the_paper_is_numpys_singular_vector(scene):
    for row, computed in zip(scene.activation, eigen_cam(scene.activation), strict=True):
        matrix = row.double().numpy().reshape(len(row), -1).T
        projected = matrix @ np.linalg.svd(matrix)[2][0]
        projected = projected if projected.clip(0).sum() >= -projected.clip(max=0).sum() else -projected
        expected = torch.from_numpy(projected.clip(0)).float().reshape(computed.shape)
        torch.testing.assert_close(computed / expected.max(), expected / expected.max(), **CLOSE)


def test_ablation_cam_is_grad_cams(scene):
    if scene.layer is not None:
        pytest.skip("grad-cam takes the layer's module out of a network, which one that runs twice does not survive")
    model = torch.nn.Sequential(torch.nn.Identity(), scene.head).eval()
    cam = pytorch_grad_cam.AblationCAM(model, [model[0]])
    targets = [ClassifierOutputTarget(int(each)) for each in scene.target]
    weight = cam.get_cam_weights(scene.representation, model[0], targets, scene.activation.numpy(), None)
    assert (scene.activation.amin() == 0).all()  # or grad-cam sets a channel to something else than 0
    expected = (torch.from_numpy(weight)[:, :, None, None] * scene.activation).sum(1).relu()
    computed = attributed(ablation_cam, {}, scene)
    assert expected.amax((1, 2)).gt(0).all()
    torch.testing.assert_close(computed / expected.max(), expected / expected.max(), **CLOSE)


def test_what_captum_has_is_captums(scene):
    if scene.layer is not None:
        pytest.skip("test_at_layer.py has it")
    whole = torch.nn.Sequential(torch.nn.Identity(), scene.head)
    given = scene.representation.clone().requires_grad_()
    product = LayerGradientXActivation(whole, whole[0]).attribute(given, target=scene.target).detach()
    torch.testing.assert_close(attributed(hires_cam, {}, scene), product.sum(1).relu())
    plain = LayerGradCam(whole, whole[0]).attribute(given, target=scene.target, relu_attributions=True).detach()
    torch.testing.assert_close(attributed(weighted, {}, scene), plain[:, 0])
