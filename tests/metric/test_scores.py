"""Every metric against an independent computation, and where it is undefined."""

import doctest
import math

import pytest
import torch
from torchmetrics.functional.classification import binary_jaccard_index

from pcsweep.metric import scores


@pytest.fixture(params=range(5))
def scene(request):
    random = torch.Generator().manual_seed(request.param)
    maps = torch.rand(4, 5, 7, generator=random) * (torch.rand(4, 5, 7, generator=random) > 0.4)
    saliency = scores.scaled(maps, (10, 13))
    if request.param % 2:
        saliency = (saliency * 4).round() / 4  # many ties
    mask = torch.rand(4, 10, 13, generator=random) > 0.7
    ignore = torch.rand(4, 10, 13, generator=random) > 0.8
    return saliency, mask, ignore


def pixels(scene, image):
    saliency, mask, ignore = (tensor[image].flatten().tolist() for tensor in scene)
    return [(s, m) for s, m, i in zip(saliency, mask, ignore, strict=True) if not i]


def test_doctests():
    result = doctest.testmod(scores)
    assert (result.failed, result.attempted > 10) == (0, True)


@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.5, 0.9])
def test_iou_is_torchmetrics_jaccard_index(scene, threshold):
    computed = scores.iou(*scene, threshold)
    for image in range(4):
        found, mask = zip(*((s > threshold, m) for s, m in pixels(scene, image)), strict=True)
        expected = binary_jaccard_index(torch.tensor(found).int(), torch.tensor(mask).int())
        assert computed[image].item() == pytest.approx(expected.item(), abs=1e-6)


def test_pointing_mass_rank_and_area_by_loops(scene):
    pointing, mass, rank = (metric(*scene).tolist() for metric in (scores.pointing, scores.mass, scores.rank))
    area = scores.area(scene[1], scene[2]).tolist()
    for image in range(4):
        listed = pixels(scene, image)
        size = sum(m for _, m in listed)
        highest = max(s for s, _ in listed)
        peaks = [m for s, m in listed if s == highest]
        assert pointing[image] == pytest.approx(sum(peaks) / len(peaks))
        assert mass[image] == pytest.approx(sum(s for s, m in listed if m) / sum(s for s, _ in listed), abs=1e-6)
        assert area[image] == pytest.approx(size / len(listed), abs=1e-6)
        # The mean over tie-breakings lies between the luckiest and the unluckiest order; without ties they agree.
        lucky, unlucky = (
            sum(m for _, m in sorted(listed, key=lambda pair: (-pair[0], sign * pair[1]))[:size]) / size for sign in (-1, 1)
        )
        assert unlucky - 1e-6 <= rank[image] <= lucky + 1e-6


@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.5])
def test_found_and_pixels_by_loops_and_what_is_in_the_mask_from_them(scene, threshold):
    saliency, mask, ignore = scene
    found, iou, area = scores.found(saliency, ignore, threshold), scores.iou(*scene, threshold), scores.area(mask, ignore)
    inside = iou * (found + area) / (1 + iou)  # as the docstring says
    for image in range(4):
        listed = pixels(scene, image)
        assert scores.pixels(ignore)[image] == len(listed)
        assert found[image].item() == pytest.approx(sum(s > threshold for s, _ in listed) / len(listed), abs=1e-6)
        assert inside[image].item() == pytest.approx(sum(s > threshold and m for s, m in listed) / len(listed), abs=1e-6)


def test_ignored_pixels_decide_nothing(scene):
    saliency, mask, ignore = scene
    changed = torch.where(ignore, torch.rand_like(saliency), saliency)
    for metric in (scores.pointing, scores.mass, scores.rank, lambda *scene: scores.iou(*scene, 0.5)):
        torch.testing.assert_close(metric(saliency, mask, ignore), metric(changed, mask ^ ignore, ignore))


def test_undefined_is_nan():
    nothing, something = torch.zeros(1, 2, 2), torch.tensor([[[0.0, 1.0], [0.5, 0.2]]])
    mask, empty = torch.tensor([[[True, False], [True, False]]]), torch.zeros(1, 2, 2, dtype=torch.bool)
    for metric in (scores.pointing, scores.mass, scores.rank, lambda *scene: scores.iou(*scene, 0.5)):
        assert metric(scores.scaled(nothing, (2, 2)), mask, empty).isnan().all()
        assert metric(something, empty, empty).isnan().all()
        assert not metric(something, mask, empty).isnan().any()
    assert scores.found(scores.scaled(nothing, (2, 2)), empty, 0.5).isnan().all()


def test_a_map_equal_to_the_mask_is_perfect():
    mask = torch.tensor([[[True, False], [True, False]]])
    none = torch.zeros_like(mask)
    perfect = [
        scores.iou(mask.float(), mask, none, 0.5),
        *(m(mask.float(), mask, none) for m in (scores.pointing, scores.mass, scores.rank)),
    ]
    assert [score.item() for score in perfect] == [1, 1, 1, 1]


def test_classification():
    logits = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    logit, probability, correct = scores.classification(logits, torch.tensor([0, 1]), torch.tensor([1, 1]))
    assert logit.tolist() == [1, -1]
    assert probability.tolist() == pytest.approx([1 / (1 + math.e), 1 / (1 + math.e)])
    assert correct.tolist() == [True, False]
