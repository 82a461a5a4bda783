"""Layer-CAM by hand."""

import torch

from pcsweep.attribution.layer_cam import layer_cam


def test_by_hand():
    activation = torch.tensor([[[[4.0, -0.5]], [[1.0, 1.0]]]])  # (1, 2, 1, 2)
    gradient = torch.tensor([[[[1.0, 3.0]], [[-1.0, 0.5]]]])
    assert layer_cam(activation, gradient).tolist() == [[[4.0, 0.0]]]  # 4 + 0, and -1.5 + 0.5 cut off
