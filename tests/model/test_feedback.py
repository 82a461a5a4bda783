"""A backbone with feedback: what cannot have it, and what was trained with it."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from toy_network import MODULES, Backbone, predictors

from pcsweep.model.build import weights
from pcsweep.model.build.feedback import predictive
from pcsweep.model.build.feedback_weights import Source


def test_a_representation_without_a_map_is_refused():
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 14 * 14, 5))
    with pytest.raises(ValueError, match="Expected '1' to return channels, height and width, but got 1 dim"):
        predictive(backbone, ["1"], 16, Source(None), True)


def test_a_backbone_that_was_trained_goes_back_into_its_network(tmp_path):
    network, _ = predictive(Backbone(), MODULES, 16, Source(None), True, lambda _: predictors())
    save_file(network.state_dict(), tmp_path / "ours.safetensors")
    backbone = Backbone()
    weights.fill(backbone, weights.backbone_state(str(tmp_path / "ours.safetensors"), []), "it")
    images = torch.randn(2, 3, 16, 16)
    assert backbone.eval()(images).equal(network(images))
