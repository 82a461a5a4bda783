"""Eigen-CAM by hand, its sign, and that it is the same to the bit alone and in any batch."""

import pytest
import torch

from pcsweep.attribution.eigen_cam import eigen_cam


def test_by_hand():
    # Rank one: cells (2, 1, 0) times channels (3, 4): the projection is 5 · (2, 1, 0).
    activation = torch.tensor([[[[6.0, 3.0, 0.0]], [[8.0, 4.0, 0.0]]]])
    torch.testing.assert_close(eigen_cam(activation), torch.tensor([[[10.0, 5.0, 0.0]]]))
    # Centred: cells (1, 0, -1); both signs have the same maximum, and the mass is cut in half.
    centred = eigen_cam(activation, centred=True)
    torch.testing.assert_close(centred.sort().values, torch.tensor([[[0.0, 0.0, 5.0]]]))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_is_that_of_the_larger_mass_whatever_the_activations_sign(sign):
    activation = sign * torch.tensor([[[[3.0, 2.0, -4.0]]]])  # one channel: itself, 5 against 4
    torch.testing.assert_close(eigen_cam(activation), torch.tensor([[[3.0, 2.0, 0.0]]]))
    # By the maximum alone it would be the other; centred it is: (8/3, 5/3, -13/3) by its maximum.
    torch.testing.assert_close(eigen_cam(activation, centred=True), torch.tensor([[[0.0, 0.0, 13 / 3]]]))


@pytest.mark.parametrize("size", [(20, 4, 4), (4, 7, 7)])
def test_is_the_same_alone_and_in_any_batch(size):
    activation = torch.randn(6, *size, generator=torch.Generator().manual_seed(0))
    together = eigen_cam(activation)
    for row in range(6):
        assert torch.equal(eigen_cam(activation[row : row + 1])[0], together[row])
    assert torch.equal(eigen_cam(activation.flip(0)).flip(0), together)
    last = activation.to(memory_format=torch.channels_last)
    assert torch.equal(eigen_cam(last), together)


def test_nothing_is_a_map_of_zeros_and_what_is_not_finite_is_undefined():
    assert eigen_cam(torch.zeros(1, 3, 2, 2)).tolist() == [[[0.0, 0.0], [0.0, 0.0]]]
    assert eigen_cam(torch.full((1, 3, 2, 2), torch.inf)).isnan().all()
