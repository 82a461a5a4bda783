"""Memory that is used again."""

import torch

from pcsweep.network.convolution.workspace import Workspace


def test_a_place_is_used_again_as_far_as_it_is_large_enough():
    workspace, like = Workspace(), torch.zeros(1)
    first = workspace.take("a", (4, 6), like).fill_(1)
    assert workspace.take("a", (3, 5), like).data_ptr() == first.data_ptr()
    larger = workspace.take("a", (5, 6), like)
    assert larger.shape == (5, 6)
    assert first.equal(torch.ones(4, 6))  # memory of its own by now
    assert workspace.take("a", (4, 6), like).data_ptr() == larger.data_ptr()


def test_places_differ_by_name_and_dtype():
    workspace, like = Workspace(), torch.zeros(1)
    places = [workspace.take("a", (2,), like), workspace.take("b", (2,), like), workspace.take("a", (2,), like.double())]
    assert len({place.data_ptr() for place in places}) == 3
    assert places[2].dtype is torch.float64


def test_maps_have_their_channels_last_in_memory():
    maps = Workspace().take_maps("a", (2, 3, 4, 5), torch.zeros(1))
    assert maps.shape == (2, 3, 4, 5)
    assert maps.permute(0, 2, 3, 1).is_contiguous()
    assert Workspace().take_maps("a", (2, 3), torch.zeros(1)).shape == (2, 3)
