"""Ablation-CAM by hand; undefined without a positive logit; in chunks of bounded size, with no neighbour's part in it."""

import pytest
import torch
from torch import nn

from pcsweep.attribution import ablation_cam as module
from pcsweep.attribution.ablation_cam import PASSES, ablation_cam
from pcsweep.attribution.scene import Scene, attributed


class Head(nn.Module):
    """Three channels to two logits: y_0 = a + 2b - c of the channels' means, y_1 = a - 4."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, x):
        self.rows.append(len(x))
        a, b, c = x.mean((2, 3)).T
        return torch.stack([a + 2 * b - c, a - 4], 1)


def scene_of(head, representation, target, layer=None):
    return Scene(head, representation, target, torch.zeros(len(representation), 3, 2, 2), layer)


REPRESENTATION = torch.tensor([[[[4.0, 0.0]], [[1.0, 1.0]], [[0.0, 2.0]]]]).repeat(2, 1, 1, 1)  # means 2, 1, 1


def test_by_hand_and_undefined_where_the_logit_is_not_positive():
    found = attributed(ablation_cam, {}, scene_of(Head(), REPRESENTATION, torch.tensor([0, 1])))
    # y = 3; without a 1, without b 1, without c 4: weights 2/3, 2/3, -1/3.
    torch.testing.assert_close(found[0], torch.tensor([[10 / 3, 0.0]]))
    assert found[1].isnan().all()  # y = -2


def network():
    torch.manual_seed(0)
    convolutions = nn.Conv2d(40, 24, 3, padding=1), nn.ReLU(), nn.Conv2d(24, 12, 3)
    return nn.Sequential(*convolutions, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)).eval()


def case():
    head, generator = network(), torch.Generator().manual_seed(1)
    representation = torch.randn(5, 40, 6, 6, generator=generator).relu()
    representation[:, ::3] = 0  # channels that need no pass
    return head, representation, head(representation).argmax(1)


@pytest.mark.parametrize("layer", [None, "1"])
def test_chunks_change_nothing_and_neighbours_less(layer, monkeypatch):
    head, representation, target = case()
    together = attributed(ablation_cam, {}, scene_of(head, representation, target, layer))
    for row in range(5):
        alone = scene_of(head, representation[row : row + 1], target[row : row + 1], layer)
        if layer is None:
            assert torch.equal(attributed(ablation_cam, {}, alone)[0], together[row])
        torch.testing.assert_close(attributed(ablation_cam, {}, alone)[0], together[row], rtol=1e-6, atol=1e-6)
    assert together.isfinite().all()
    assert together.amax((1, 2)).gt(0).all()
    for most in (1, 3, 7):
        monkeypatch.setattr(module, "_MOST", most)
        torch.testing.assert_close(
            attributed(ablation_cam, {}, scene_of(head, representation, target, layer)), together, rtol=1e-6, atol=1e-6
        )


def test_equals_a_plain_loop():
    head, representation, target = case()
    found = attributed(ablation_cam, {}, scene_of(head.double(), representation.double(), target))
    for row, (each, own) in enumerate(zip(representation.double(), target, strict=True)):
        y = head(each[None])[0, own]
        expected = torch.zeros(6, 6, dtype=torch.float64)
        for k in range(40):
            without = each.clone()
            without[k] = 0
            expected += (y - head(without[None])[0, own]) / y * each[k]
        torch.testing.assert_close(found[row], expected.relu())


def test_no_more_variants_at_once_than_memory_is_meant_for_and_no_more_passes_than_said(monkeypatch):
    head = Head()
    attributed(ablation_cam, {}, scene_of(head, REPRESENTATION, torch.tensor([0, 0])))
    assert sum(head.rows) == 2 * PASSES(3)
    monkeypatch.setattr(module, "_ELEMENTS", 2 * REPRESENTATION[0].numel())
    bounded = Head()
    attributed(ablation_cam, {}, scene_of(bounded, REPRESENTATION, torch.tensor([0, 0])))
    assert max(bounded.rows) == 2


def test_no_gradient_is_kept():
    head, representation, target = case()
    assert not attributed(ablation_cam, {}, scene_of(head, representation, target)).requires_grad
