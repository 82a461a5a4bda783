"""Metrics that ask the network again, in a run: equal to an independent computation, whatever the company."""

import numpy as np
import pytest
import torch
from reference import adaptation, trajectory
from toy_network import MODULES, Backbone, fresh

from pcsweep.attribution import grad_cam
from pcsweep.dataset import Sample
from pcsweep.measure.batch import batch
from pcsweep.measure.measurement import Measurement
from pcsweep.metric.perturbation import Perturbation
from pcsweep.model import Model, Preprocessing
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.pcoder import rule_named

SIDE, LAST = 16, 3
MOVING = ((0.4, 0.3, 0.2), (0.5, 0.2, 0.1), (0.6, 0.0, 0.3))
SLOW = ((0.2, 0.1, 0.0),) * 3
STILL = ((1.0, 0.0, 0.0),) * 3
ADAPTED = ((0.9, 0.5),) * 3


def samples(count):
    found = []
    for number in range(count):
        generator = torch.Generator().manual_seed(number)
        mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        mask[4:12, 3:9] = True
        image = torch.rand(3, SIDE, SIDE, generator=generator)
        found.append(Sample(f"image {number}", image, mask, torch.zeros_like(mask), number % 10, "c"))
    return found


@pytest.fixture(scope="module")
def backbone():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Backbone().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def predictors():
    with torch.random.fork_rng():
        return [each.requires_grad_(False) for each in fresh(4)]


@pytest.fixture(scope="module")
def model(backbone, predictors):
    network = PredictiveNetwork(backbone, [PCoder(*each) for each in zip(MODULES, predictors, strict=True)])
    return Model(network, (0.5,) * 3, (0.25,) * 3, tuple("abcdefghij"), Preprocessing(SIDE, SIDE))


def measured(model, points, images, *, rule="predictive_coding", at=(0, LAST), rows=16, metrics=("insertion", "deletion")):
    """The columns of each point."""
    measurement = Measurement(
        model=model,
        rule=rule_named(rule),
        points=points,
        attribution=lambda scene: grad_cam(scene.head, scene.representation, scene.target),
        target="label",
        timesteps=LAST,
        threshold=0.5,
        thresholds=(),
        metrics=metrics,
        precision="fp32",
        rows=rows,
        perturbation=Perturbation(at, 5, "mean", 2.0, 5),
    )
    counted = []
    found = measurement.of(batch(images, lambda sample: model.normalize(sample.image)), counted.append)
    assert sum(counted) == measurement.parts * len(images)
    return found


def table(columns, name):
    """(images, timesteps), NaN for null."""
    return np.array([np.nan if value is None else value for value in columns[name]], np.float64).reshape(-1, LAST + 1)


def curves_by_hand(states, sample, model, timestep, head):
    """Insertion and deletion of one image, from a function that gives the states of an image (1, …) at t = 0..T."""
    image = model.normalize(sample.image)[None]
    r_n = states(image)[timestep][-1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(head(r_n)[0, sample.class_index], r_n)
    raw = (gradient.mean((2, 3), keepdim=True) * r_n).sum(1, keepdim=True).clamp(min=0)
    saliency = torch.nn.functional.interpolate(raw, (SIDE, SIDE), mode="bilinear")[0, 0].detach().numpy()
    if saliency.max() == 0:
        return [np.nan, np.nan]
    order = np.argsort(-(saliency / saliency.max()).ravel(), kind="stable")
    line = torch.exp(-((torch.arange(5.0) - 2) ** 2) / 8)
    kernel = (line[:, None] * line / line.sum() ** 2).expand(3, 1, 5, 5)
    blur = torch.nn.functional.conv2d(image, kernel, padding=2, groups=3)
    areas = []
    for start, end in ((blur, image), (image, torch.zeros_like(image))):
        heights = []
        for step in range(6):
            given = start.clone().flatten(2)
            replaced = order[: step * SIDE * SIDE // 5]
            given[..., replaced] = end.flatten(2)[..., replaced]
            logits = head(states(given.view_as(image))[timestep][-1])
            heights.append(logits.softmax(1)[0, sample.class_index].item())
        areas.append(np.trapezoid(heights, dx=1 / 5))
    return areas


def stages_of(backbone):
    parts = list(backbone.features)
    blocks = (parts[:2], parts[2:5], parts[5:8])
    rest = parts[8:]
    plain = [torch.nn.Sequential(*each) for each in blocks]
    return [lambda x, stage=stage: stage(x.clone()) for stage in plain], lambda r: backbone.classifier(
        torch.nn.Sequential(*rest)(r).flatten(1)
    )


@pytest.mark.parametrize("rules", [MOVING, SLOW])
def test_predictive_coding_equals_an_independent_computation(backbone, predictors, model, rules):
    images = samples(4)
    (found,) = measured(model, [rules], images, at=(0, 1, LAST))
    stages, head = stages_of(backbone)

    def states(image):
        return [r for r, _ in trajectory(stages, predictors, [None] * 3, rules, head, image, LAST)]

    for timestep in (0, 1, LAST):
        expected = [curves_by_hand(states, each, model, timestep, head) for each in images]
        for name, values in zip(("insertion", "deletion"), np.array(expected).T, strict=True):
            np.testing.assert_allclose(table(found, name)[:, timestep], values, atol=2e-6)
    assert np.nanmax(np.abs(table(found, "insertion")[:, 0] - table(found, "insertion")[:, LAST])) > 1e-4


def test_adaptation_equals_an_independent_computation(backbone, model):
    images = samples(3)
    (found,) = measured(model, [ADAPTED], images, rule="adaptation")
    stages, head = stages_of(backbone)

    def states(image):
        return adaptation(stages, [], *ADAPTED[0], image, LAST)

    for timestep in (0, LAST):
        expected = [curves_by_hand(states, each, model, timestep, head) for each in images]
        for name, values in zip(("insertion", "deletion"), np.array(expected).T, strict=True):
            np.testing.assert_allclose(table(found, name)[:, timestep], values, atol=2e-6)


@pytest.mark.parametrize("rule", ["predictive_coding", "adaptation"])
def test_no_bit_depends_on_the_pack_the_batch_or_the_rows(model, rule):
    points = [ADAPTED, ((0.5, 0.2),) * 3] if rule == "adaptation" else [MOVING, STILL, SLOW]
    images = samples(11)
    together = measured(model, points, images, rule=rule, rows=48)
    for number, point in enumerate(points):
        (alone,) = measured(model, [point], images, rule=rule, rows=8)
        (one,) = measured(model, [point], images[4:5], rule=rule)
        for name in ("insertion", "deletion", "target_probability"):
            assert np.array_equal(table(together[number], name), table(alone, name), equal_nan=True)
            assert np.array_equal(table(alone, name)[4:5], table(one, name), equal_nan=True)


def test_other_timesteps_are_null_and_nothing_else_changes(model):
    images = samples(3)
    (found,) = measured(model, [MOVING], images, metrics=("iou", "insertion"))
    assert [value is None for value in found["insertion"][: LAST + 1]] == [False, True, True, False]
    (without,) = measured(model, [MOVING], images, metrics=("iou",))
    assert set(found) - set(without) == {"insertion"}
    for name, values in without.items():
        assert np.array_equal(values, found[name], equal_nan=values.dtype.kind == "f"), name


def test_a_point_that_does_not_move_keeps_the_value_of_the_start(model):
    (found,) = measured(model, [STILL], samples(3), at=(0, 2))
    values = table(found, "deletion")
    assert np.array_equal(values[:, 0], values[:, 2], equal_nan=True)
    assert np.isnan(values[:, [1, 3]]).all()
    assert not np.isnan(values[:, 0]).all()
