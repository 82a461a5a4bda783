"""XGrad-CAM by hand, and where a channel's weight is undefined."""

import torch

from pcsweep.attribution.xgrad_cam import xgrad_cam


def test_by_hand():
    activation = torch.tensor([[[[3.0, 1.0]], [[1.0, 1.0]]]])  # (1, 2, 1, 2)
    gradient = torch.tensor([[[[2.0, 6.0]], [[-1.0, -2.0]]]])
    # w_1 = (6 + 6)/4 = 3, w_2 = -3/2: 9 - 1.5 and 3 - 1.5.
    assert xgrad_cam(activation, gradient).tolist() == [[[7.5, 1.5]]]


def test_a_silent_channel_adds_nothing_and_a_cancelled_one_leaves_nothing_defined():
    activation = torch.tensor([[[[3.0, 1.0]], [[0.0, 0.0]]], [[[3.0, 1.0]], [[2.0, -2.0]]]])
    found = xgrad_cam(activation, torch.ones(2, 2, 1, 2))
    assert found[0].tolist() == [[3.0, 1.0]]
    assert found[1].isnan().all()
