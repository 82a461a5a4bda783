"""Cutting: the stages compute what the backbone computes, and what cannot be cut is refused with the reason."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18, vgg11

from pcsweep.network.backbone import cut


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.first(x)
        z = self.second(y)
        z += y  # in place
        z = functional.relu(z, inplace=True)
        return self.third(self.act(z)).relu_().mean((2, 3))


class Flattening(nn.Module):
    """Asks its input for the batch size, long after it was used."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, stride=2), nn.Linear(4, 5)
        self.size = {"size(0)": lambda x: x.size(0), "size(dim)": lambda x: x.size(dim=0), "size()[0]": lambda x: x.size()[0],
                     "shape": lambda x: x.shape[0]}[how]  # fmt: skip

    def forward(self, x):
        pooled = self.first(x).mean((2, 3), keepdim=True)
        return self.last(pooled.view(self.size(x), -1))


@pytest.mark.parametrize("how", ["size(0)", "size(dim)", "size()[0]", "shape"])
@torch.no_grad()
def test_the_batch_size_may_be_asked_of_the_image(how):
    backbone = Flattening(how)
    stages = cut(backbone, ["first"])
    for batch in (1, 3):
        images = torch.randn(batch, 3, 9, 9)
        assert composed(stages, images).equal(backbone(images))


def composed(stages, x):
    for stage in stages:
        before = x.clone()
        following = stage(x)
        assert x.equal(before)  # no stage changes its input
        x = following
    return x


@pytest.mark.parametrize(
    ("backbone", "modules"),
    [
        (vgg11(weights=None), ["features.0", "features.4", "features.19"]),
        (resnet18(weights=None), ["relu", "layer1", "layer2.0", "layer4"]),
        (Residual(), ["act"]),
        (nn.Sequential(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()), nn.AdaptiveAvgPool2d(1), nn.Flatten()), ["0"]),
    ],
    ids=["vgg11", "resnet18", "residual", "container"],
)
@torch.no_grad()
def test_stages_compute_what_the_backbone_computes(backbone, modules):
    images = torch.randn(2, 3, 64, 64)
    backbone.eval()
    stages = cut(backbone, modules)
    assert len(stages) == len(modules) + 1
    assert composed(stages, images).equal(backbone(images))


def test_a_skip_connection_past_the_cut_is_refused():
    with pytest.raises(ValueError, match=r"Cannot cut at module 'second': the output also depends .* skip connection"):
        cut(Residual(), ["second"])


class Awkward(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.layer, self.other = how, nn.Conv2d(3, 3, 1), Pair()

    def forward(self, x):
        if self.how == "branch" and x.sum() > 0:
            return x
        if self.how == "twice":
            return self.layer(self.layer(x))
        if self.how == "pair":
            first, second = self.other(x)
            return first + second
        return self.layer(x)


class Pair(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    ("how", "module", "message"),
    [
        ("plain", "nope", r"to be a module of the backbone, but got 'nope'. It has: layer, other\."),
        ("twice", "layer", "runs 2 times"),
        ("plain", "other", "runs 0 times"),
        ("pair", "other", "returns a tuple, but must return one tensor"),
        ("branch", "layer", "Awkward cannot be cut: torch.fx cannot trace it"),
    ],
)
def test_what_cannot_be_cut_is_refused(how, module, message):
    with pytest.raises(ValueError, match=message):
        cut(Awkward(how), [module])


def test_pcoders_are_listed_bottom_up():
    with pytest.raises(ValueError, match="List pcoders bottom-up"):
        cut(vgg11(weights=None), ["features.4", "features.1"])
    with pytest.raises(ValueError, match="on a module of its own"):
        cut(vgg11(weights=None), ["features.4", "features.4"])


class Custom(nn.Module):
    """What follows the convolution `below` is the test's own; `above` closes the network."""

    def __init__(self, body) -> None:
        super().__init__()
        self.body = body
        self.below, self.above = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.act, self.block = nn.ReLU(inplace=True), Block()

    def forward(self, x):
        return self.above(self.body(self, self.below(x))).mean((2, 3))


class Block(nn.Module):
    """A residual block that is whole inside one stage."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        y = self.convolution(x)
        y += x
        return functional.relu(y, inplace=True)


def add_in_place(network, x):
    x += 1.0
    return x


def relu_as_a_statement(network, x):
    network.act(x)
    return x


def method_as_a_statement(network, x):
    x.relu_()
    return x


def function_as_a_statement(network, x):
    functional.relu(x, inplace=True)
    return x


def sum_under_another_name(network, x):
    y = x
    y += 1.0
    return x


def skip_after_an_in_place_relu(network, x):
    y = network.act(x)  # as in a pre-activation block: `x` is rectified too
    return y + x


SOUND = {
    "module": lambda network, x: network.act(x),
    "function": lambda network, x: functional.relu(x, inplace=True),
    "function, by position": lambda network, x: functional.relu(x, True),
    "method": lambda network, x: x.relu_(),
    "method with an argument": lambda network, x: x.mul_(2.0),
    "assignment": add_in_place,
    "functional": lambda network, x: functional.max_pool2d(functional.leaky_relu(x, 0.1), 2),
    "dropout": lambda network, x: functional.dropout(x, training=network.training),
    "residual block": lambda network, x: network.block(x),
}


def assert_cut_computes_the_same(body, module="below"):
    torch.manual_seed(0)
    backbone, images = Custom(body).eval(), torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert composed(cut(backbone, [module]), images).equal(backbone(images.clone()))


@pytest.mark.parametrize("body", SOUND.values(), ids=SOUND.keys())
def test_in_place_operations_after_the_cut_leave_the_representation_alone(body):
    assert_cut_computes_the_same(body)


def test_a_custom_block_is_a_cut():
    assert_cut_computes_the_same(SOUND["residual block"], "block")


@pytest.mark.parametrize(
    "body",
    [relu_as_a_statement, method_as_a_statement, function_as_a_statement, sum_under_another_name, skip_after_an_in_place_relu],
)
def test_an_in_place_change_is_seen_by_every_later_use_or_refused(body):
    try:
        assert_cut_computes_the_same(body)
    except ValueError as error:
        assert "Cannot cut" in str(error) or "cannot be cut" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "body",
    [
        lambda network, x: torch.relu_(x),
        lambda network, x: functional.leaky_relu_(x, 0.1),
        lambda network, x: torch.add(x, 1.0, out=x),
    ],
    ids=["torch.relu_", "leaky_relu_", "out="],
)
def test_in_place_functions_leave_the_representation_alone(body):
    assert_cut_computes_the_same(body)


def test_an_in_place_method_without_a_twin():
    assert_cut_computes_the_same(lambda network, x: x.zero_())


def test_a_cut_shares_parameters_and_leaves_the_backbone_as_it_was():
    backbone = Custom(SOUND["module"]).train()
    stages = cut(backbone, ["below"])
    assert all(module.training for module in backbone.modules())
    assert not any(module.training for stage in stages for module in stage.modules())
    assert backbone.act.inplace
    assert stages[0].below.weight is backbone.below.weight
    assert not any(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks for module in backbone.modules())


def test_a_long_list_of_modules_is_shortened():
    with pytest.raises(ValueError, match=r"got 'nope'\. It has: .*, … \(60 in all\)\."):
        cut(nn.Sequential(*(nn.Identity() for _ in range(60))), ["nope"])
