"""What autograd differentiates within the dynamics: nothing waits for the device."""

import torch
from fake_gpu import without_memory
from torch import nn
from toy_network import MODULES, Backbone

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.convolution.closed_form import Differentiated

POINTS = [[(0.3, 0.2, 0.01)] * 3, [(0.5, 0.2, 0.1)] * 3]


def test_a_predictor_that_only_autograd_differentiates():
    with without_memory() as gpu, torch.device("meta"), torch.no_grad():
        upsampled = [
            nn.Sequential(nn.Upsample(scale_factor=scale, mode="bilinear"), nn.Conv2d(above, below, 3, padding=1))
            for scale, above, below in ((1, 8, 3), (2, 12, 8), (2, 16, 12))
        ]
        made = [PCoder(m, p, 20.0) for m, p in zip(MODULES, upsampled, strict=True)]
        network, images = PredictiveNetwork(Backbone(), made), torch.zeros(8, 3, 16, 16)
        engine = network.engine(images)
        assert all(isinstance(each, Differentiated) for each in engine.network.predictors)
        seen = [len(launched) for _, launched in gpu.over(engine.moments(images, POINTS, 2, 16))]
    assert len(seen) == 3
    assert all(seen)
