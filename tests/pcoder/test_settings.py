"""From the pcoder group's settings to the coefficients of every pcoder."""

import doctest
from dataclasses import replace

import pytest
import torch
from torch import nn

from pcsweep.config.errors import BadSetting
from pcsweep.model import Model, Preprocessing
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork
from pcsweep.pcoder import settings as pcoder_module
from pcsweep.pcoder.settings import pcoder_settings, stretched


@pytest.fixture
def model():
    torch.manual_seed(0)
    backbone = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(4)))
    network = PredictiveNetwork(backbone, [PCoder(str(n), nn.ConvTranspose2d(3, 3, 1)) for n in range(3)])
    return Model(network, (0.5,) * 3, (0.5,) * 3, ("a", "b", "c"), Preprocessing(8, 8))


def settings(**given):
    return pcoder_settings({"beta": 0.5, "lambda": 0.2, "alpha": 0.01, **given})


def test_doctests_hold():
    assert doctest.testmod(pcoder_module).failed == 0


def test_one_number_is_every_pcoders_and_a_list_has_one_each(model):
    assert settings(beta=[0.1, 0.2, 0.3]).rules(3, model.coefficients) == ((0.1, 0.2, 0.01), (0.2, 0.2, 0.01), (0.3, 0.2, 0.01))
    with pytest.raises(ValueError, match="Expected `beta` to be one number or 3, one per pcoder, but got 5"):
        settings(beta=[0.2, 0.4, 0.4, 0.5, 0.6]).rules(3, model.coefficients)


def test_a_profile_is_stretched_where_that_is_asked_for(model):
    profile = settings(beta=[0.2, 0.4, 0.4, 0.5, 0.6], stretch=True).rules(3, model.coefficients)
    assert [rule[0] for rule in profile] == [0.2, 0.4, 0.6]
    assert [rule[1] for rule in profile] == [0.2] * 3
    assert stretched((0.3,), 4) == (0.3,) * 4
    assert stretched((0.3, 0.9), 1) == (0.9,)


def test_the_models_own_are_taken_by_name(model):
    with pytest.raises(BadSetting, match="since the model comes with none of its own, but got 'model'"):
        settings(beta="model").rules(3, model.coefficients)
    own = replace(model, coefficients=Coefficients([0.1, 0.2, 0.3], [0.4, 0.3, 0.0], 0.05))
    mixed = settings(beta="model", **{"lambda": "model"}).rules(3, own.coefficients)
    assert mixed == ((0.1, 0.4, 0.01), (0.2, 0.3, 0.01), (0.3, 0.0, 0.01))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"beta": "mine"}, "Expected `pcoder.beta` to be .* 'model'"),
        ({"stretch": 3}, "Expected `pcoder.stretch`"),
        ({"gamma": 3}, "Unknown setting `pcoder.gamma`"),
    ],
)
def test_a_wrong_setting_is_named(given, message):
    with pytest.raises(BadSetting, match=message):
        settings(**given)


@pytest.mark.parametrize("active", [4, [0], [1, 1], []])
def test_a_pcoder_that_there_is_not_is_refused(active):
    with pytest.raises(BadSetting, match="all or different numbers from 1 to 3"):
        settings(active=active).numbers(3)
    assert settings(active="all").numbers(3) == (1, 2, 3)
    assert settings(active=[3, 1]).numbers(3) == (1, 3)
