"""The activation and its gradient at a layer: by hand, as autograd and Captum have them, once, and with nothing left behind."""

import pytest
import torch
from captum.attr import LayerActivation, LayerGradientXActivation
from torch import nn

from pcsweep.attribution.scene import Scene, attributed, has_layer


class Head(nn.Module):
    """Two channels to two logits by global average pooling and literal weights; `scaled` doubles its input."""

    def __init__(self):
        super().__init__()
        self.scaled = nn.Conv2d(2, 2, 1, bias=False)
        self.scaled.weight.data = torch.tensor([[2.0, 0.0], [0.0, 2.0]])[..., None, None]
        self.linear = nn.Linear(2, 2, bias=False)
        self.linear.weight.data = torch.tensor([[1.0, -3.0], [-1.0, 1.0]])
        self.passes = 0

    def forward(self, x):
        self.passes += 1
        return self.linear(self.scaled(x).mean((2, 3)))


class Broken(Head):
    def forward(self, x):
        super().forward(x)
        raise RuntimeError("the head is broken")


class InPlace(nn.Module):
    """Writes over what it is given, and over what its layers return, or not, and computes the same; `relu` runs twice."""

    def __init__(self, in_place=True):
        super().__init__()
        torch.manual_seed(3)
        self.in_place = in_place
        self.relu, self.linear = nn.ReLU(inplace=in_place), nn.Linear(6, 3)
        self.conv, self.second = nn.Conv2d(4, 6, 3), nn.Conv2d(6, 6, 3)

    def forward(self, x):
        x = self.relu(x.sub_(0.1) if self.in_place else x - 0.1)
        x = self.relu(self.conv(x))
        x = self.second(x)
        x = x.add_(0.5).mul_(3) if self.in_place else (x + 0.5) * 3
        return self.linear((x**2).mean((2, 3)))


REPRESENTATION = torch.tensor([[[[4.0, 0.0]], [[1.0, 1.0]]], [[[1.0, 2.0]], [[3.0, 0.0]]]])  # (2, 2, 1, 2)
TARGET = torch.tensor([0, 1])


def scene_of(head, representation=REPRESENTATION, target=TARGET, layer=None):
    return Scene(head, representation, target, torch.zeros(len(representation), 3, 2, 2), layer)


def hooks(module):
    return [h for m in module.modules() for h in (*m._forward_hooks, *m._forward_pre_hooks, *m._backward_hooks)]


def test_by_hand():
    # y_0 = mean(2 r_1) - 3 mean(2 r_2) over two cells; y_1 = -mean(2 r_1) + mean(2 r_2).
    scene = scene_of(Head())
    assert torch.equal(scene.activation, REPRESENTATION)
    assert scene.gradient.tolist() == [[[[1.0, 1.0]], [[-3.0, -3.0]]], [[[-1.0, -1.0]], [[1.0, 1.0]]]]
    above = scene_of(Head(), layer="scaled")
    assert torch.equal(above.activation, 2 * REPRESENTATION)
    assert above.gradient.tolist() == [[[[0.5, 0.5]], [[-1.5, -1.5]]], [[[-0.5, -0.5]], [[0.5, 0.5]]]]


@pytest.mark.parametrize("layer", [None, "conv", "relu", "second"])
def test_equals_captums_and_changes_nothing(layer):
    representation, target = torch.randn(4, 4, 9, 9, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 1])
    before, apart = representation.clone(), nn.Sequential(nn.Identity(), InPlace(in_place=False))
    at = apart[0] if layer is None else apart[1].get_submodule(layer)
    activation = LayerActivation(apart, at).attribute(representation)
    product = LayerGradientXActivation(apart, at).attribute(representation.clone().requires_grad_(), target=target).detach()
    scene = scene_of(InPlace(), representation, target, layer)
    torch.testing.assert_close(scene.gradient * scene.activation, product)
    assert torch.equal(scene.activation, activation)
    assert product.abs().amax((1, 2, 3)).gt(0).all()
    assert torch.equal(representation, before)
    assert not scene.gradient.requires_grad
    assert not scene.activation.requires_grad


def test_is_computed_once_and_only_if_asked_for():
    head = Head()
    scene = scene_of(head)
    assert attributed(lambda activation: activation.sum(1), {}, scene).shape == (2, 1, 2)
    assert head.passes == 0
    first = scene.gradient
    assert scene.gradient is first
    assert head.passes == 1
    head = Head()
    named = scene_of(head, layer="scaled")
    attributed(lambda gradient, activation: (gradient * activation).sum(1), {}, named)
    attributed(lambda activation: activation.sum(1), {}, named)
    assert head.passes == 1 + checks(head)


def checks(head):
    """Passes by which `check_layer` looks at a head: those of rows that it makes up itself."""
    from pcsweep.attribution.layers import check_layer

    before = head.passes
    check_layer.cache_clear()
    check_layer(head, "scaled", (2, 1, 2), torch.float32, torch.device("cpu"))
    return head.passes - before


@pytest.mark.parametrize("layer", [None, "scaled"])
def test_no_hook_survives_a_head_that_raises(layer):
    head = Broken()
    for part in ("gradient", "above"):
        scene = scene_of(head, layer=layer)
        with pytest.raises(RuntimeError, match="the head is broken"):
            attributed(*asking(part), scene)
        assert hooks(head) == []


def asking(part):
    """An attribution that asks for a part and uses it, without settings."""
    if part == "gradient":
        return lambda gradient: gradient.sum(1), {}
    return lambda above: above(2 * REPRESENTATION, torch.arange(2)), {}


@pytest.mark.parametrize("layer", [None, "scaled"])
def test_leaves_no_gradient_and_needs_no_grad_mode(layer):
    head, representation = Head(), REPRESENTATION.clone().requires_grad_()
    with torch.no_grad():
        found = scene_of(head, representation, layer=layer).gradient
    assert hooks(head) == []
    assert all(parameter.grad is None for parameter in head.parameters())
    assert representation.grad is None
    assert torch.equal(found, scene_of(Head().requires_grad_(False), layer=layer).gradient)


def test_what_decides_nothing_has_no_gradient():
    head = nn.Sequential(nn.Conv2d(2, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3)).requires_grad_(False)
    head[3].weight.data.zero_()
    assert torch.equal(scene_of(head).gradient, torch.zeros_like(REPRESENTATION))

    class Constant(nn.Module):
        def forward(self, x):
            return torch.ones(len(x), 3)

    assert torch.equal(scene_of(Constant()).gradient, torch.zeros_like(REPRESENTATION))


@pytest.mark.parametrize("layer", [None, "conv"])
def test_under_autocast_both_are_of_single_precision(layer):
    representation, target = torch.randn(4, 4, 9, 9, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 1])
    head = InPlace()
    exact = scene_of(head, representation, target, layer)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = scene_of(head, representation, target, layer)
        found = rounded.activation, rounded.gradient
    assert {each.dtype for each in found} == {torch.float32}
    for part, expected in zip(found, (exact.activation, exact.gradient), strict=True):
        torch.testing.assert_close(part, expected, rtol=0.1, atol=0.02 * expected.abs().max().item())
    assert not torch.equal(found[1], exact.gradient)


@pytest.mark.parametrize("layer", [None, "scaled"])
def test_above_goes_on_from_another_activation(layer):
    head = Head()
    scene = scene_of(head, layer=layer)
    own = scene.above(scene.activation, torch.arange(2))
    torch.testing.assert_close(own, head(REPRESENTATION))
    halved = scene.above(scene.activation[[1, 1, 0]] / 2, torch.tensor([1, 1, 0]))
    torch.testing.assert_close(halved, head(REPRESENTATION[[1, 1, 0]] / 2))
    assert hooks(head) == []


def test_above_replaces_the_run_that_the_activation_is_of():
    """`relu` runs twice, on shapes of its own; A is what it returned the second time."""
    representation, target = torch.randn(2, 4, 9, 9, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])
    head = InPlace()
    scene = scene_of(head, representation, target, "relu")
    given = scene.activation.clone()
    assert given.shape == (2, 6, 7, 7)
    torch.testing.assert_close(scene.above(scene.activation, torch.arange(2)), head(representation.clone()))
    assert torch.equal(scene.activation, given)
    rest = nn.Sequential(head.second)(2 * given)
    expected = head.linear((((rest + 0.5) * 3) ** 2).mean((2, 3)))
    torch.testing.assert_close(scene.above(2 * given, torch.arange(2)), expected)


def test_what_is_no_map_is_refused():
    with pytest.raises(ValueError, match=r"Expected maps of channels, height and width, but got \(2, 7\)."):
        _ = scene_of(Head(), torch.zeros(2, 7)).activation
    with pytest.raises(ValueError, match=r"one of the head's modules \(scaled\), but got 'nope'"):
        _ = scene_of(Head(), layer="nope").activation
    with pytest.raises(ValueError, match=r"channels, height and width, but 'linear' has not: it returns \(1, 2\)."):
        _ = scene_of(Head(), layer="linear").gradient


def test_a_setting_layer_beside_what_is_taken_at_the_layer_is_refused():
    def mine(activation, *, layer: str | None = None):
        """Would take the map somewhere else than it says."""

    with pytest.raises(ValueError, match="asks for 'activation' to have no setting `layer` of its own, .* but mine has one"):
        has_layer(mine)
