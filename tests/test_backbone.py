"""Cutting: the stages compute what the backbone computes, and what cannot be cut is refused with the reason."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet18, vgg11

from pcsweep.backbone import cut


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
