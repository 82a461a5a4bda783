"""A network of three levels, and images for it."""

import pytest
import torch
from toy_network import MODULES, Backbone, predictors

from pcsweep.network import PCoder, PredictiveNetwork


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PredictiveNetwork(Backbone(), [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)])


@pytest.fixture
def images():
    return torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
