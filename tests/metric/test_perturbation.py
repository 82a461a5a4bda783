"""Insertion and deletion: hand-computed on a linear network, and the laws that hold for any."""

import math

import pytest
import torch
from torch import nn

from pcsweep.metric import TABLE
from pcsweep.metric.perturbation import Perturbation, Probe, area_under, blurred, ranks
from pcsweep.metric.row import Metric, Scored


def perturbation(steps=4, baseline="mean", sigma=2.0, kernel=3):
    return Perturbation((0,), steps, baseline, sigma, kernel)


def measured(name, saliency, images, network, by):
    """A metric of maps of images under a network without dynamics, whose class is the first."""

    def probabilities(variants):
        return torch.stack([network(each).softmax(1)[:, 0] for each in variants])

    none = torch.zeros(len(images), dtype=torch.long)
    mask = torch.zeros(saliency.shape, dtype=torch.bool)  # it plays no part
    probe = Probe(images, probabilities, by)
    return TABLE[name].measured(Scored(saliency, mask, mask, torch.zeros(len(images), 2), none, none, 0.5, (), probe))


class SumOfPixels(nn.Module):
    """Two logits: the sum of all values of an image, and 0."""

    def forward(self, images):
        total = images.flatten(1).sum(1)
        return torch.stack([total, torch.zeros_like(total)], 1)


def sigmoid(value):
    return 1 / (1 + math.exp(-value))


IMAGE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])


def test_deletion_of_a_linear_network_is_the_area_by_hand():
    saliency = torch.tensor([[[0.2, 1.0], [0.5, 0.0]]])  # takes away 2, then 3, 1 and 4
    curve = [sigmoid(total) for total in (10, 8, 5, 4, 0)]
    expected = (curve[0] / 2 + sum(curve[1:4]) + curve[4] / 2) / 4
    assert measured("deletion", saliency, IMAGE, SumOfPixels(), perturbation()).tolist() == pytest.approx([expected])
    halves = [sigmoid(total) for total in (10, 5, 0)]
    expected = (halves[0] / 2 + halves[1] + halves[2] / 2) / 2
    assert measured("deletion", saliency, IMAGE, SumOfPixels(), perturbation(steps=2)).tolist() == pytest.approx([expected])


def test_insertion_of_a_linear_network_is_the_area_by_hand():
    saliency = torch.tensor([[[0.2, 1.0], [0.5, 0.0]]])
    weight = math.exp(-1 / 8)  # of a neighbour, under σ = 2
    near, far = 1 / (1 + 2 * weight), weight / (1 + 2 * weight)
    rows = [[near * 1 + far * 2, near * 2 + far * 1], [near * 3 + far * 4, near * 4 + far * 3]]
    blur = [[near * rows[y][x] + far * rows[1 - y][x] for x in (0, 1)] for y in (0, 1)]
    total, curve = sum(map(sum, blur)), []
    for y, x in (None, None), (0, 1), (1, 0), (0, 0), (1, 1):
        total += 0 if y is None else IMAGE[0, 0, y, x].item() - blur[y][x]
        curve.append(sigmoid(total))
    expected = (curve[0] / 2 + sum(curve[1:4]) + curve[4] / 2) / 4
    assert measured("insertion", saliency, IMAGE, SumOfPixels(), perturbation()).tolist() == pytest.approx([expected])


def scene(seed=0, batch=3, side=8):
    generator = torch.Generator().manual_seed(seed)
    saliency = torch.rand(batch, side, side, generator=generator)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 4))
    with torch.no_grad():
        network[1].weight.copy_(torch.randn(4, 3 * side * side, generator=generator) / side)
    return saliency, torch.randn(batch, 3, side, side, generator=generator), network.requires_grad_(False)


@pytest.mark.parametrize("name", ["insertion", "deletion"])
def test_a_probability_that_no_pixel_changes_is_the_area(name):
    saliency, images, _ = scene()
    same = measured(name, saliency, images, lambda images: torch.zeros(len(images), 4), perturbation(steps=7))
    torch.testing.assert_close(same, torch.full((3,), 0.25))


def test_deletion_from_an_image_that_is_its_baseline_is_its_probability():
    saliency, images, network = scene()
    area = measured("deletion", saliency, images * 0, network, perturbation(steps=5))
    torch.testing.assert_close(area, network(images * 0).softmax(1)[:, 0])


def test_deletion_to_the_blur_is_insertion_of_the_reversed_order():
    """What is left after the first pixels are blurred is what is there after the last ones are put in."""
    saliency, images, network = scene()
    deleted = measured("deletion", saliency, images, network, perturbation(steps=8, baseline="blur"))
    inserted = measured("insertion", 1 - saliency, images, network, perturbation(steps=8))
    torch.testing.assert_close(deleted, inserted)
    assert (deleted - measured("insertion", saliency, images, network, perturbation(steps=8))).abs().min() > 1e-4


@pytest.mark.parametrize("name", ["insertion", "deletion"])
def test_an_undefined_map_has_none_and_leaves_others_as_they_are(name):
    saliency, images, network = scene()
    whole = measured(name, saliency, images, network, perturbation())
    saliency[1] = torch.nan
    found = measured(name, saliency, images, network, perturbation())
    assert found.isnan().tolist() == [False, True, False]
    assert torch.equal(found[[0, 2]], whole[[0, 2]])


def test_equal_pixels_are_replaced_row_by_row():
    assert ranks(torch.zeros(1, 2, 3)).tolist() == [[[0, 1, 2], [3, 4, 5]]]
    saliency, _, _ = scene()
    order = saliency.flatten(1).argsort(1, descending=True)
    assert torch.equal(ranks(saliency).flatten(1).gather(1, order), torch.arange(64).expand(3, -1))


@pytest.mark.parametrize(("sigma", "kernel", "side"), [(5.0, 11, 24), (0.7, 5, 9), (3.0, 11, 3), (2.0, 1, 4)])
def test_the_blur_is_a_convolution_with_a_gaussian_kernel(sigma, kernel, side):
    images = torch.randn(2, 3, side, side + 1, generator=torch.Generator().manual_seed(1)).double()
    places = torch.arange(kernel).double() - kernel // 2
    line = torch.exp(-(places**2) / (2 * sigma**2))
    square = (line[:, None] * line / line.sum() ** 2).expand(3, 1, -1, -1)
    expected = nn.functional.conv2d(images, square, padding=kernel // 2, groups=3)
    torch.testing.assert_close(blurred(images, sigma, kernel), expected)


def test_an_area_is_the_mean_of_a_straight_line():
    line = torch.linspace(0.2, 0.8, 17)[:, None].expand(-1, 2)
    torch.testing.assert_close(area_under(line), torch.tensor([0.5, 0.5]))


def test_a_metric_that_asks_the_network_has_no_lists():
    with pytest.raises(ValueError, match="Expected `mine`, which asks the network about other images, to be `measured` and"):
        Metric("mine", "mine", measured=lambda scored: scored.saliency, lists={"many": len}, variants=lambda by: 1)
