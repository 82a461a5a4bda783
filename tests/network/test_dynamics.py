"""Which dynamics a rule has, what they take, and what is tried once for all batches."""

import copy

import pytest
import torch
from torch import nn

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.dynamics import ByEngine, ByLoop, dynamics_of
from pcsweep.network.engine.schedule import Count
from pcsweep.pcoder import rules


@pytest.fixture
def linear():
    """Two stages without a ReLU."""
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 3, padding=1))
    return PredictiveNetwork(backbone, [PCoder("0", nn.ConvTranspose2d(4, 3, 1)), PCoder("1", nn.ConvTranspose2d(3, 4, 1))])


def test_a_rule_with_a_step_runs_on_the_loop_and_uses_no_predictors():
    found = {name: dynamics_of(rule) for name, rule in rules().items()}
    assert isinstance(found["predictive_coding"], ByEngine)
    assert found["predictive_coding"].predicts
    assert isinstance(found["adaptation"], ByLoop)
    assert not found["adaptation"].predicts


def test_the_loop_takes_every_drive_of_every_point_and_the_start_once():
    dynamics = dynamics_of(rules()["adaptation"])
    assert dynamics.structure([(0.5, 0.5)] * 2) is None
    assert dynamics.counts([[(0.5, 0.5)] * 2] * 3, timesteps=4) == [Count(1 + 3 * 4, 0, 0)] * 2


def test_what_is_rectified_is_tried_once_for_images_of_a_size(network, images):
    found = network.rectified(images[:1])
    assert found == [True, True, True]
    assert network.rectified(images[2:]) is found
    assert network.rectified(images[:1, :, :8, :8]) is not found


def test_what_is_rectified_is_tried_again_with_other_weights(linear, images):
    assert linear.rectified(images[:1]) == [False, False]
    copied = copy.deepcopy(linear)
    for network in (linear, copied):
        with torch.no_grad():
            network.stages[0].get_submodule("0").weight.zero_()
            network.stages[0].get_submodule("0").bias.fill_(1.0)
        assert network.rectified(images[:1]) == [True, False]
