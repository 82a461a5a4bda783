"""Grad-CAM++ by hand, by the formula as the paper writes it, and where it is undefined."""

import torch

from pcsweep.attribution.grad_cam_plus_plus import grad_cam_plus_plus


def test_by_hand():
    activation = torch.tensor([[[[3.0, 1.0]], [[0.0, 2.0]]]])  # (1, 2, 1, 2), sums 4 and 2
    gradient = torch.tensor([[[[0.5, -1.0]], [[1.0, 3.0]]]])
    # w_1 = 0.5/(2 + 2) = 1/8; w_2 = 1/(2 + 2) + 3/(2 + 6) = 5/8.
    assert grad_cam_plus_plus(activation, gradient).tolist() == [[[0.375, 1.375]]]
    # With ε = 1: w_1 = 0.5 · 0.25/(0.5 + 0.5 + 1) = 1/16; w_2 = 1/(4 + 1) + 3 · 9/(18 + 54 + 1).
    w_1, w_2 = 1 / 16, 1 / 5 + 27 / 73
    expected = torch.tensor([[[3 * w_1, w_1 + 2 * w_2]]])
    torch.testing.assert_close(grad_cam_plus_plus(activation, gradient, epsilon=1.0), expected)


def test_equals_the_formula_as_it_is_written():
    generator = torch.Generator().manual_seed(0)
    activation = torch.rand(3, 5, 4, 4, generator=generator, dtype=torch.float64)
    gradient = torch.randn(3, 5, 4, 4, generator=generator, dtype=torch.float64)
    share = gradient**2 / (2 * gradient**2 + gradient**3 * activation.sum((2, 3), keepdim=True))
    weight = (share * gradient.relu()).sum((2, 3), keepdim=True)
    torch.testing.assert_close(grad_cam_plus_plus(activation, gradient), (weight * activation).sum(1).relu())


def test_tiny_gradients_do_not_underflow():
    activation = torch.tensor([[[[3.0, 1.0]]]])
    found = grad_cam_plus_plus(activation, torch.full((1, 1, 1, 2), 1e-25))
    torch.testing.assert_close(found, torch.tensor([[[3e-25, 1e-25]]]), rtol=1e-5, atol=0)


def test_a_denominator_of_zero_leaves_nothing_defined_and_no_gradient_is_a_map_of_zeros():
    activation = torch.tensor([[[[-3.0, 1.0]]], [[[-3.0, 1.0]]]])  # sums -2: 2 + g · -2 is 0 at g = 1
    found = grad_cam_plus_plus(activation, torch.tensor([[[[1.0, 0.0]]], [[[0.0, -1.0]]]]))
    assert found[0].isnan().all()
    assert found[1].tolist() == [[0.0, 0.0]]
    assert grad_cam_plus_plus(activation[:1], torch.full((1, 1, 1, 2), torch.nan)).isnan().all()
