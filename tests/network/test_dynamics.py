"""Which dynamics a rule has, what they take, and what is tried once for all batches."""

import copy

import pytest
import torch
from torch import nn

from pcsweep.compute.cost import of_engine, tap_by_tap
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
    assert dynamics.counts([[(0.5, 0.5)] * 2] * 3, timesteps=4) == [Count(1 + 3 * 4, 0, 0, steps=3 * 4)] * 2


def test_a_pcoder_that_nothing_moves_takes_no_step_of_the_rules_own():
    dynamics = dynamics_of(rules()["surround"])
    point, control = [(0.5, 1.0), (0.0, 1.0)], [(0.0, 0.5), (0.0, 1.0)]
    assert [each.steps for each in dynamics.counts([point, point, control], timesteps=4)] == [2 * 4, 0]


def test_what_a_rule_convolves_itself_is_counted(linear, images):
    image = images[:1]
    found = {name: tap_by_tap(linear, image, rule) for name, rule in rules().items()}
    cells, taps = image[0, 0].numel(), 13**2  # of the annulus of σ_s = 2, zeros included
    assert found["surround"].steps == (4 * cells * taps, 3 * cells * taps)
    assert found["adaptation"].steps == found["predictive_coding"].steps == (0, 0)
    assert found["surround"].everything(rules()["surround"], 2, 3) == 8 * (
        sum(found["surround"].drives) + 7 * cells * taps + found["surround"].head
    )
    small = of_engine(linear, image[..., :1, :1], rules()["surround"])  # on which no cell has a surround
    assert small.steps == (0, 0)


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
