"""Explained variance: as numpy has it, and a predictor that is a channel's mean explains nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.train.explained import Explained, share_explained


def network(predictor):
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 2))
    return PredictiveNetwork(backbone, [PCoder("1", predictor)])


def test_it_is_what_numpy_computes_over_all_images_at_once():
    images = torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    net = network(nn.Conv2d(4, 3, 1))
    explained = Explained(net)
    for batch in images.split(4):
        explained.add(batch)
    explained.add(images[:3], 0.0)  # counts for nothing
    ((error, variance),) = explained.result()
    with torch.no_grad():
        predicted = net.predictors[0](net.stages[0](images))
    assert error == pytest.approx(float(np.mean((predicted - images).numpy() ** 2)), rel=1e-5)
    assert variance == pytest.approx(float(np.mean(images.numpy().var(axis=(0, 2, 3)))), rel=1e-5)


def test_a_channels_mean_explains_nothing_and_the_truth_all():
    images = torch.randn(6, 3, 8, 8) + torch.tensor([5.0, 0.0, -3.0])[:, None, None]
    constant = nn.Conv2d(4, 3, 1)
    nn.init.zeros_(constant.weight)
    constant.bias.data = images.mean((0, 2, 3))
    explained = Explained(network(constant))
    explained.add(images)
    assert share_explained(*explained.result()[0]) == pytest.approx(0, abs=1e-5)
    assert share_explained(0.0, 2.0) == 1
    assert np.isnan(share_explained(0.1, 0.0))
