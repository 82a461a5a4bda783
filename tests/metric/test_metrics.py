"""Every metric against an independent computation, and where it is undefined."""

import doctest
import importlib
import math
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_jaccard_index

import pcsweep.metric
from pcsweep.metric import ASKED, FILES, TABLE
from pcsweep.metric.area import area, pixels
from pcsweep.metric.centre import centre, gaussian
from pcsweep.metric.iou import found, iou
from pcsweep.metric.mass import mass
from pcsweep.metric.pointing import pointing
from pcsweep.metric.rank import highest, rank
from pcsweep.metric.row import Scored
from pcsweep.metric.saliency import scaled

ROOT = Path(__file__).parents[2]
scores = SimpleNamespace(area=area, pixels=pixels, found=found, iou=iou, mass=mass, pointing=pointing, rank=rank, scaled=scaled)


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


def looked_at(scene, image):
    saliency, mask, ignore = (tensor[image].flatten().tolist() for tensor in scene)
    return [(s, m) for s, m, i in zip(saliency, mask, ignore, strict=True) if not i]


def test_doctests():
    names = [each.name for each in pkgutil.iter_modules(pcsweep.metric.__path__)]
    results = [doctest.testmod(importlib.import_module(f"pcsweep.metric.{name}")) for name in names]
    assert (sum(each.failed for each in results), sum(each.attempted for each in results) > 20) == (0, True)


def test_the_table_is_the_folder_in_the_order_of_its_rows():
    assert list(TABLE)[:6] == ["iou", "pointing", "mass", "rank", "pxap", "miou"]
    assert list(TABLE)[-5:] == ["correct", "target_probability", "target_logit", "area", "centre"]
    assert ASKED[:4] == ("iou", "pointing", "mass", "rank")
    assert all(row.name == name and row.label for name, row in TABLE.items())
    masks = [name for name, row in TABLE.items() if row.mask_only]
    assert masks == ["area", "centre"]
    assert {each.metric for row in TABLE.values() for each in row.baselines} == set(masks)


def test_the_table_needs_no_torch():
    code = "import sys, pcsweep.metric; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.5, 0.9])
def test_iou_is_torchmetrics_jaccard_index(scene, threshold):
    computed = scores.iou(*scene, threshold)
    for image in range(4):
        found, mask = zip(*((s > threshold, m) for s, m in looked_at(scene, image)), strict=True)
        expected = binary_jaccard_index(torch.tensor(found).int(), torch.tensor(mask).int())
        assert computed[image].item() == pytest.approx(expected.item(), abs=1e-6)


def test_pointing_mass_rank_and_area_by_loops(scene):
    pointing, mass, rank = (metric(*scene).tolist() for metric in (scores.pointing, scores.mass, scores.rank))
    area = scores.area(scene[1], scene[2]).tolist()
    for image in range(4):
        listed = looked_at(scene, image)
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


def scored_map(scene, threshold):
    saliency, mask, ignore = scene
    nothing = torch.zeros(len(mask), 2)
    label = torch.zeros(len(mask), dtype=torch.long)
    return Scored(saliency, mask, ignore, nothing, label, label, threshold, ())


@pytest.mark.parametrize("threshold", [0.1, 0.15, 0.5, 0.9])
def test_centre_is_the_iou_of_an_ellipse_with_a_quarter_of_each_side_as_its_deviation(scene, threshold):
    _, mask, ignore = (each.numpy() for each in scene)
    height, width = mask.shape[1:]
    y, x = np.mgrid[:height, :width]
    squares = (((y + 0.5) / height - 0.5) / 0.25) ** 2 + (((x + 0.5) / width - 0.5) / 0.25) ** 2
    ellipse = np.exp(-squares / 2) / np.exp(-squares / 2).max() > threshold
    computed = centre(scene[1], scene[2], threshold).tolist()
    for image in range(4):
        kept = ~ignore[image]
        both, either = ellipse & mask[image] & kept, (ellipse | mask[image]) & kept
        assert computed[image] == pytest.approx(both.sum() / either.sum(), abs=1e-6)


@pytest.mark.parametrize(("side", "threshold", "share"), [(224, 0.5, 0.272), (331, 0.5, 0.272), (224, 0.15, 0.745)])
def test_the_gaussian_above_the_threshold_covers_an_ellipse(side, threshold, share):
    found = gaussian(torch.zeros(1, side, side, dtype=torch.bool)) > threshold
    assert found.float().mean().item() == pytest.approx(share, abs=0.002)
    assert share == pytest.approx(math.pi * math.log(1 / threshold) / 8, abs=0.001)


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_centre_of_a_mirrored_image_is_the_same(scene, axes):
    _, mask, ignore = scene
    for threshold in (0.05, 0.15, 0.5):
        mirrored = centre(mask.flip(axes), ignore.flip(axes), threshold)
        torch.testing.assert_close(centre(mask, ignore, threshold), mirrored, rtol=0, atol=0)


def test_centre_depends_on_no_other_image_and_is_undefined_for_an_empty_mask(scene):
    _, mask, ignore = scene
    mask = mask.clone()
    mask[1] &= ignore[1]  # nothing that is looked at
    together = centre(mask, ignore, 0.5)
    alone = torch.cat([centre(mask[image : image + 1], ignore[image : image + 1], 0.5) for image in range(4)])
    torch.testing.assert_close(together, alone, rtol=0, atol=0, equal_nan=True)
    assert together.isnan().tolist() == [False, True, False, False]


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.baselines])
@pytest.mark.parametrize("threshold", [0.15, 0.5])
def test_a_baseline_is_what_its_map_reaches_by_the_metric(scene, name, threshold):
    maps = {"uniform map": torch.ones_like(scene[0]), "centred Gaussian": gaussian(scene[1])}
    for baseline in TABLE[name].baselines:
        scored = scored_map((maps[baseline.label], *scene[1:]), threshold)
        torch.testing.assert_close(TABLE[name].measured(scored), TABLE[baseline.metric].measured(scored))
        other = TABLE[baseline.metric].measured(scored_map((maps[baseline.label], *scene[1:]), 0.3))
        assert baseline.cut != torch.equal(other, TABLE[baseline.metric].measured(scored))


@pytest.mark.parametrize("threshold", [0.0, 0.15, 0.5])
def test_found_and_pixels_by_loops_and_what_is_in_the_mask_from_them(scene, threshold):
    saliency, mask, ignore = scene
    found, iou, area = scores.found(saliency, ignore, threshold), scores.iou(*scene, threshold), scores.area(mask, ignore)
    inside = iou * (found + area) / (1 + iou)  # as the docstring says
    for image in range(4):
        listed = looked_at(scene, image)
        assert scores.pixels(ignore)[image] == len(listed)
        assert found[image].item() == pytest.approx(sum(s > threshold for s, _ in listed) / len(listed), abs=1e-6)
        assert inside[image].item() == pytest.approx(sum(s > threshold and m for s, m in listed) / len(listed), abs=1e-6)


@pytest.mark.parametrize("thresholds", [(0.5,), (0.25, 0.1, 0.9, 0.5), ()])
def test_all_thresholds_at_once_are_each_alone(scene, thresholds):
    saliency, mask, ignore = scene
    saliency = torch.cat([saliency, torch.full_like(saliency[:1], torch.nan), saliency[:1]])
    mask = torch.cat([mask, mask[:1], torch.zeros_like(mask[:1])])
    ignore = torch.cat([ignore, ignore[:1], ignore[:1]])
    none = torch.zeros(len(mask), dtype=torch.int64)
    scored = Scored(saliency, mask, ignore, torch.zeros(len(mask), 2), none, none, 0.5, thresholds)
    for column, alone in (
        ("iou_at", lambda t: iou(saliency, mask, ignore, t)),
        ("found_at", lambda t: found(saliency, ignore, t)),
    ):
        at = TABLE["iou"].lists[column](scored)
        assert at.shape == (len(mask), len(thresholds))
        for place, threshold in enumerate(thresholds):
            assert torch.equal(at[:, place].nan_to_num(-1), alone(threshold).nan_to_num(-1))


def test_the_highest_values_without_sorting_are_those_of_sorted_pixels(scene):
    saliency, _, ignore = scene
    values = saliency.masked_fill(ignore, -torch.inf).flatten(1)
    ordered = values.sort(dim=1, descending=True).values
    for places in (torch.tensor([1, 2, 3, values.shape[1]]), torch.full((4,), 7)):
        assert torch.equal(highest(values, places), ordered.gather(1, places[:, None] - 1)[:, 0])


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
    empty = torch.zeros(2, 1, 1, dtype=torch.bool)
    logits, target, label = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([0, 1]), torch.tensor([1, 1])
    scored = Scored(torch.zeros(2, 1, 1), empty, empty, logits, target, label, 0.5, ())
    logit, probability, correct = (TABLE[name].measured(scored) for name in ("target_logit", "target_probability", "correct"))
    assert logit.tolist() == [1, -1]
    assert probability.tolist() == pytest.approx([1 / (1 + math.e), 1 / (1 + math.e)])
    assert correct.tolist() == [True, False]


def columns_of(saliency, mask, ignore):
    """Every column of a metric that can be asked for, but of those that ask the network again (test_perturbation)."""
    none = torch.zeros(len(mask), dtype=torch.long)
    scored = Scored(saliency, mask, ignore, torch.zeros(len(mask), 2), none, none, 0.5, (0.15, 0.5))
    again = {name for name in ASKED if TABLE[name].variants}
    measured = {name: TABLE[name].measured for name in ASKED if TABLE[name].measured and name not in again}
    lists = {column: of for name in ASKED for column, of in TABLE[name].lists.items()}
    assert {*measured, *lists, *again} == {column for name in ASKED for column in TABLE[name].columns}
    return {name: of(scored) for name, of in (measured | lists).items()}


def test_no_column_of_any_metric_depends_on_the_batch_or_on_what_is_ignored(scene):
    saliency, mask, ignore = scene
    whole = columns_of(*scene)
    changed = columns_of(torch.where(ignore, torch.rand_like(saliency), saliency), mask ^ ignore, ignore)
    for name, values in whole.items():
        torch.testing.assert_close(changed[name], values, equal_nan=True, msg=name)
    for image in range(len(mask)):
        for name, values in columns_of(*(each[image : image + 1] for each in scene)).items():
            torch.testing.assert_close(values[0], whole[name][image], equal_nan=True, msg=name)


def test_every_column_of_a_metric_is_nan_where_it_is_undefined():
    mask, empty = torch.tensor([[[True, False], [True, False]]]), torch.zeros(1, 2, 2, dtype=torch.bool)
    something, nothing = torch.tensor([[[0.0, 1.0], [0.5, 0.2]]]), torch.full((1, 2, 2), torch.nan)
    for name, values in columns_of(something, mask, empty).items():
        assert not values.isnan().any(), name
    for name, values in columns_of(nothing, mask, empty).items():
        assert values.isnan().all(), name
    for name, values in columns_of(something, empty, empty).items():
        assert values.isnan().all() or name == "found_at", name


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.pooled])
def test_a_cell_has_a_metric_of_all_images_if_all_of_its_noise_seeds_do(name):
    ones = np.ones((2, 3), np.float32)
    kept = {"metrics": {"area": ones / 2}, "pixels": 4 * ones, "classes": np.arange(3), "threshold": 0.5}
    new = SimpleNamespace(**kept, at_thresholds=lambda column: {0.5: ones})
    older = SimpleNamespace(**kept, at_thresholds=lambda column: {})
    of_images = TABLE[name].pooled([new, new]).own
    assert (np.isfinite(of_images.observed()) == (of_images.images() > 0)).all()
    assert TABLE[name].pooled([new, older]) is TABLE[name].pooled([older, new]) is None


def ours(path):
    """Whether git knows the file; one that was only dropped into the folder is its author's to document."""
    if not (ROOT / ".git").exists():
        return False
    return subprocess.run(["git", "-C", ROOT, "ls-files", "--error-unmatch", path], capture_output=True).returncode == 0


def test_every_metric_of_ours_is_documented():
    page = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `timestep`, `metric` |")]
    documented = set(re.findall(r"`(.*?)`", row))
    missing = sorted(name for name in TABLE if name not in documented and ours(FILES[name]))
    assert not missing, f"add {', '.join(missing)} to the row of `metric` in docs/statistics.md"
    assert {"iou", "pointing", "mass", "rank", "pxap", "area", "correct"} <= documented
