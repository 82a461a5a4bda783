"""Grad-CAM by hand, against Captum on a whole network, and with nothing left behind."""

import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from pcsweep.attribution import grad_cam
from pcsweep.attribution.at_layer import at_layer, gradient_of
from pcsweep.attribution.grad_cam import FROM_GRADIENT, OF_PASS, weighted
from pcsweep.attribution.scene import Scene, attributed


class Head(nn.Module):
    """Two channels to two logits by global average pooling and literal weights; `scaled` doubles its input."""

    def __init__(self) -> None:
        super().__init__()
        self.doubled = nn.Conv2d(2, 2, 1, bias=False)
        self.doubled.weight.data = torch.tensor([[2.0, 0.0], [0.0, 2.0]])[..., None, None]
        self.linear = nn.Linear(2, 2, bias=False)
        self.linear.weight.data = torch.tensor([[1.0, -3.0], [-1.0, 1.0]])

    def forward(self, x):
        return self.linear(self.doubled(x).mean((2, 3)))


REPRESENTATION = torch.tensor([[[[4.0, 0.0]], [[1.0, 1.0]]]])  # (1, 2, 1, 2)


def test_by_hand():
    # d logit_0 / d r = 2·(1, -3)/2 pixels, so the map is ReLU(r_1 - 3 r_2) = (1, 0); for class 1 ReLU(-r_1 + r_2) = (0, 1).
    assert grad_cam(Head(), REPRESENTATION, torch.tensor([0])).tolist() == [[[1.0, 0.0]]]
    assert grad_cam(Head(), REPRESENTATION, torch.tensor([1])).tolist() == [[[0.0, 1.0]]]
    # At `doubled` the gradient is (1, -3)/2 and the activation twice as large.
    assert grad_cam(Head(), REPRESENTATION, torch.tensor([0]), layer="doubled").tolist() == [[[1.0, 0.0]]]


def test_equals_captum_on_the_whole_network():
    torch.manual_seed(0)
    below, head = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), Head()
    images, target = torch.randn(5, 3, 8, 8), torch.tensor([0, 1, 0, 1, 1])
    whole = LayerGradCam(nn.Sequential(below, head), below).attribute(images, target, relu_attributions=True)
    computed = grad_cam(head, below(images), target)
    torch.testing.assert_close(computed, whole[:, 0].detach())
    assert computed.shape == (5, 6, 6)
    assert not computed.requires_grad


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("layer", [None, "0", "1", "3"])
def test_is_captums_to_the_bit(layer, bf16):
    torch.manual_seed(0)
    parts = [nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU()]
    head = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)).eval()
    representation, target = torch.randn(7, 8, 14, 14), torch.arange(7)
    network = nn.Sequential(nn.Identity(), head)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        there = LayerGradCam(network, network[0] if layer is None else head[int(layer)])
        whole = there.attribute(representation.clone().requires_grad_(), target, relu_attributions=True)
        computed = grad_cam(head, representation, target, layer)
        taken = at_layer(head, representation, layer)
        of_pass = OF_PASS(taken.activation.detach(), gradient_of(taken, target))
    assert torch.equal(computed, whole[:, 0])
    assert torch.equal(of_pass, whole[:, 0])
    assert computed.amax((1, 2)).gt(0).sum() >= 3


def test_works_without_grad_mode_and_alone_as_in_a_batch():
    torch.manual_seed(0)
    representation, target = torch.randn(3, 2, 4, 4), torch.tensor([0, 1, 0])
    with torch.no_grad():
        together = grad_cam(Head(), representation, target)
    for n in range(3):
        torch.testing.assert_close(grad_cam(Head(), representation[n : n + 1], target[n : n + 1])[0], together[n])


def test_no_hook_survives_even_an_error():
    head = Head()
    grad_cam(head, REPRESENTATION, torch.tensor([0]), layer="doubled")
    with pytest.raises((AssertionError, IndexError)):
        grad_cam(head, REPRESENTATION, torch.tensor([7]), layer="doubled")
    assert not any(module._forward_hooks or module._backward_hooks or module._forward_pre_hooks for module in head.modules())
    assert head.linear.weight.grad is None


def test_a_wrong_layer_is_refused():
    with pytest.raises(ValueError, match=r"one of the head's modules \(doubled\), but got 'nope'"):
        grad_cam(Head(), REPRESENTATION, torch.tensor([0]), layer="nope")
    with pytest.raises(
        ValueError, match=r"channels, height and width, but 'linear' has not: it returns \(1, 2\). Valid ones: null, doubled"
    ):
        grad_cam(Head(), REPRESENTATION, torch.tensor([0]), layer="linear")


def hooks(module):
    return [h for m in module.modules() for h in (*m._forward_hooks, *m._forward_pre_hooks, *m._backward_hooks)]


class Broken(Head):
    def forward(self, x):
        super().forward(x)
        raise RuntimeError("the head is broken")


@pytest.mark.parametrize("layer", [None, "doubled"])
def test_no_hook_survives_a_head_that_raises(layer):
    head = Broken()
    with pytest.raises(RuntimeError, match="the head is broken"):
        grad_cam(head, REPRESENTATION, torch.tensor([0]), layer=layer)
    assert hooks(head) == []


def test_a_module_of_the_head_equals_captum_on_the_whole_network():
    torch.manual_seed(0)
    below = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    head = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.Conv2d(6, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images, target = torch.randn(3, 3, 12, 12), torch.tensor([4, 0, 2])
    for layer in ("0", "1", "2"):
        whole = LayerGradCam(nn.Sequential(below, head), head[int(layer)]).attribute(images, target, relu_attributions=True)
        torch.testing.assert_close(grad_cam(head, below(images), target, layer), whole[:, 0].detach())


def test_needs_no_gradient_and_leaves_none():
    head, representation = Head().requires_grad_(False), REPRESENTATION.clone()
    with torch.no_grad():
        assert grad_cam(head, representation, torch.tensor([0])).tolist() == [[[1.0, 0.0]]]
    assert not representation.requires_grad
    attached = REPRESENTATION.clone().requires_grad_()
    assert not grad_cam(Head(), attached, torch.tensor([0])).requires_grad
    assert attached.grad is None


class Followed(nn.Module):
    """A layer whose output is written over by what follows, or left alone; both compute the same."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.in_place = in_place
        self.conv, self.norm, self.linear = nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Linear(6, 3)
        self.relu = nn.ReLU(inplace=in_place)

    def forward(self, x):
        x = self.norm(self.conv(x))
        if self.in_place:
            x += 0.5
            x.mul_(3)
        else:
            x = (x + 0.5) * 3
        return self.linear(self.relu(x).mean((2, 3)))


@pytest.mark.parametrize("layer", [None, "conv", "norm", "relu"])
def test_what_follows_a_layer_in_place_does_not_change_its_map(layer):
    representation, target = torch.randn(2, 4, 7, 7, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])
    before = representation.clone()
    apart, in_place = (grad_cam(Followed(each).eval(), representation, target, layer) for each in (False, True))
    assert torch.equal(apart, in_place)
    assert apart.max() > 0
    assert torch.equal(representation, before)


def test_the_formula_on_a_gradient_by_hand():
    activation = torch.tensor([[[[4.0, 0.0]], [[1.0, 1.0]]]])  # (1, 2, 1, 2)
    gradient = torch.tensor([[[[1.0, 3.0]], [[-4.0, 0.0]]]])  # means 2 and -2
    assert weighted(activation, gradient).tolist() == [[[6.0, 0.0]]]  # 8 - 2, and -2 cut off
    assert FROM_GRADIENT is weighted


@pytest.mark.parametrize("layer", [None, "conv", "norm", "relu"])
def test_the_formula_on_a_gradient_is_captums(layer):
    representation, target = torch.randn(5, 4, 7, 7, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 1, 0])
    head = Followed(in_place=True).eval()
    scene = Scene(head, representation, target, torch.zeros(5, 3, 2, 2), layer)
    computed = attributed(FROM_GRADIENT, {}, scene)
    torch.testing.assert_close(computed, grad_cam(head, representation, target, layer))
    assert computed.amax((1, 2)).gt(0).sum() >= 3
