"""What is drawn beside the maps is what the update rule computes with, of the highest active pcoder."""

import numpy as np
import pytest
import torch
from configured import LOADED, planned
from hydra import compose, initialize_config_dir

from pcsweep.compute.again import reconstructions
from pcsweep.compute.beside import beside
from pcsweep.grid.entry import conf_folder
from pcsweep.measure.batch import batch

IMAGE = "test-000004"


def point_of(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return planned(compose("config", overrides=["timesteps=2", "noise.space=pixel", *words])).point


def states(point):
    """r_1(0)..r_N(0) of the image."""
    model, dataset = LOADED.model(point.model), LOADED.dataset(point.dataset)
    sample = dataset[dataset.image_ids.index(IMAGE)]
    with torch.no_grad():
        return model.network.feedforward(batch([sample], lambda each: point.corrupt(each, model)).noisy)


def test_predictive_coding_has_its_reconstructions():
    point = point_of("pcoder.beta=0.4", "pcoder.lambda=0.3")
    found, expected = beside(point, IMAGE, LOADED), reconstructions(point, IMAGE, LOADED)
    assert found.name == "reconstruction"
    for panel, each in zip(found.panels, expected, strict=True):
        np.testing.assert_array_equal(panel.image, each.image)
        assert panel.said == f"error {each.error:.3f}"


@pytest.mark.parametrize("form", ["subtractive", "divisive"])
@pytest.mark.parametrize(("active", "number"), [("all", 4), ("[1,3]", 3)])
def test_the_surround_is_drawn_of_the_highest_active_pcoder(form, active, number):
    point = point_of("pcoder=surround", f"pcoder.form={form}", "pcoder.kappa=0.3", f"pcoder.active={active}")
    found, r = beside(point, IMAGE, LOADED), states(point)[number - 1][:1]
    expected = 0.3 * point.rule.convolved(r)[0].mean(0) / (1 if form == "subtractive" else r.mean())
    np.testing.assert_allclose(found.panels[0].image, expected, rtol=1e-5, atol=1e-6)
    assert len(found.panels) == 3
    assert found.name == {"subtractive": "surround κ S∗r(t)", "divisive": "surround κ S∗|r(t)|/m"}[form]
    low, high = found.limits
    assert low == min(panel.image.min() for panel in found.panels)
    assert f"at pcoder {number}, mean over channels; black is {low:.3g}, white {high:.3g}" in found.explained
    assert found.panels[0].said == f"mean {expected.mean():.3g}"
    assert point.label.startswith("surround form=divisive κ=0.3" if form == "divisive" else "surround κ=0.3")


def test_without_a_surround_nothing_holds_back():
    found = beside(point_of("pcoder=surround", "pcoder.kappa=0"), IMAGE, LOADED)
    assert found.limits == (0, 0)


def test_the_average_of_the_past_begins_at_zero_and_takes_up_the_first_state():
    point = point_of("pcoder=adaptation", "pcoder.a=0.75", "pcoder.b=0.2")
    found, r = beside(point, IMAGE, LOADED), states(point)[-1][0].mean(0)
    assert found.name == "average s(t)"
    assert not found.panels[0].image.any()
    np.testing.assert_allclose(found.panels[1].image, 0.25 * r, rtol=1e-5, atol=1e-6)
