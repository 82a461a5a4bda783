"""HiRes-CAM by hand."""

import torch

from pcsweep.attribution.hires_cam import hires_cam


def test_by_hand():
    activation = torch.tensor([[[[4.0, 0.5]], [[1.0, 1.0]]]])  # (1, 2, 1, 2)
    gradient = torch.tensor([[[[1.0, 3.0]], [[-1.0, -2.0]]]])
    assert hires_cam(activation, gradient).tolist() == [[[3.0, 0.0]]]  # 4 - 1, and 1.5 - 2 cut off
