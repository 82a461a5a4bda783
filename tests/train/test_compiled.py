"""The compiled reconstruction error: the same numbers and gradients, and a message where nothing compiles."""

import pytest
import torch
from torch import nn

from pcsweep.config.errors import BadSetting
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.train.compiled import compiled
from pcsweep.train.losses import reconstruction_errors


def network():
    torch.manual_seed(0)
    lower, upper = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, 2, 1)
    backbone = nn.Sequential(lower, nn.ReLU(), upper, nn.ReLU(), nn.Flatten(), nn.Linear(96, 2))
    onto_lower = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(6, 4, 3, padding=1), nn.ReLU())
    made = PredictiveNetwork(backbone, [PCoder("1", nn.Conv2d(4, 3, 3, padding=1)), PCoder("3", onto_lower)])
    made.requires_grad_(False).predictors.requires_grad_(True)
    return made


def learned_from(net, errors):
    torch.stack(errors).sum().backward()
    gradients = [parameter.grad.clone() for parameter in net.predictors.parameters()]
    net.zero_grad()
    return [error.detach() for error in errors], gradients


def test_errors_and_gradients_are_the_same_for_every_batch():
    net, errors_of = network(), compiled()
    for count in (4, 3):  # an epoch's last batch may be smaller
        images = torch.randn(count, 3, 8, 8)
        expected, found = learned_from(net, reconstruction_errors(net, images)), learned_from(net, errors_of(net, images))
        torch.testing.assert_close(found, expected)
    assert all(parameter.grad is None for stage in net.stages for parameter in stage.parameters())


def test_without_a_compiler_the_setting_is_named(monkeypatch):
    torch.compiler.reset()
    monkeypatch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "no_such_compiler"))
    with pytest.raises(BadSetting, match=r"^Expected `compile` to be false on this machine.*no_such_compiler"):
        compiled()(network(), torch.randn(2, 3, 8, 8))
    torch.compiler.reset()
