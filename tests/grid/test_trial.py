"""What somebody's own noise, attribution, model or dataset does wrong is refused before any work, in one line with its file."""

from pathlib import Path

import pytest
import torch
from configured import LOADED, compute, planned
from hydra import compose, initialize_config_dir
from torch import nn

from pcsweep.attribution.scene import Scene
from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.trial import try_metrics, try_rule
from pcsweep.metric import TABLE
from pcsweep.metric.row import Metric
from pcsweep.pcoder.adaptation import Adaptation
from pcsweep.pcoder.rule import Coefficient
from pcsweep.study import shards

OWN = """
import random
from dataclasses import dataclass

import numpy as np
import torch

def poisson(image, generator, *, photons: float = 30.0):
    return torch.poisson(photons * image, generator=generator) / photons

def of_torch(image, generator, *, share: float = 0.0):
    return torch.where(torch.rand(image.shape[1:]) < share, torch.ones_like(image), image)

def of_numpy(image, generator):
    return image + np.random.normal()

def of_random(image, generator):
    return image + random.random()

calls = []

def counting(image, generator):
    calls.append(1)
    return image + len(calls)

def in_place(image, generator):
    return image.add_(1)

def gray(image, generator):
    return image.mean(0)

def double(image, generator):
    return image.double()

def infinite(image, generator):
    return image / 0

def nothing(image, generator):
    pass

def bare(image, generator, *, share=0.1):
    return image

def unreadable(image, generator, *, share: "flaot" = 0.1):
    return image

def several(image, generator, **settings):
    return image

def failing(image, generator):
    return image[7]

def said(image, generator):
    raise ValueError("only at night")

def signed(representation, *, layer: str | None = None):
    return representation.mean(1) - 10

def uncut(representation, *, layer: str | None = None):
    return representation

def only_one(image, *, layer: str | None = None):
    return image.mean((0, 1))

def whole(image, *, layer: str | None = None):
    return (image.mean(1) > 0).long()

def at_random(representation, *, layer: str | None = None):
    return torch.rand(len(representation), 4, 4)

def overwriting(image, *, layer: str | None = None):
    return image.mean(1).abs() + 0 * image.zero_().mean(1)

def no_model():
    return "a model"

@dataclass(frozen=True)
class NoDataset:
    size: int = 3

drawn = []

def drawing_once(image, generator):
    drawn or drawn.append(random.random())
    return image
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Plans a point with words of the user's own module."""
    (tmp_path / "faulty.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)

    def configured(*words):
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            return compose("config", overrides=["extensions=[faulty]", "dataset.limit=5", "timesteps=1", *words])

    return configured


def noise(name):
    return [f"noise._target_=faulty.{name}", "~noise.sigma"]


def test_a_noise_of_pixels_is_tried_on_pixels_and_computed(own):
    photons = own(*noise("poisson"), "noise.space=pixel", "noise.clip=true")
    compute(photons)
    assert shards.read(planned(photons).shard).table.num_rows == 10
    said = r"faulty.poisson \(.*faulty.py\) fails in the space `normalized`, where it gets values from -\d.* line 9\)"
    with pytest.raises(BadSetting, match=said):
        planned(own(*noise("poisson")))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("of_torch", "the generator that it is given alone, but it draws from the global one of torch"),
        ("of_numpy", "the global one of numpy"),
        ("of_random", "the global one of random"),
        ("counting", "gives another result the second time"),
        ("in_place", "but it changes it in place"),
        ("gray", r"of shape \(3, 64, 64\), torch.float32, but got \(64, 64\)"),
        ("double", "torch.float32, but got .* torch.float64"),
        ("infinite", "finite values, but it returns NaN or infinity in the space `normalized`"),
        ("nothing", "but got a NoneType"),
        ("bare", "Expected every setting of .* to say what it may be, such as share: float, but 'share' has no annotation"),
        ("unreadable", "Expected annotations that can be read in .* name 'flaot' is not defined"),
        ("several", r"named one by one, but got \*\*settings"),
        ("failing", r"IndexError: .*faulty.py, line \d+\)"),
        ("said", "only at night"),
    ],
)
def test_a_noise_that_is_none_is_refused(own, name, said):
    with pytest.raises(BadSetting, match=said) as caught:
        planned(own(*noise(name)))
    assert "faulty.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_draw_at_the_first_call_alone_may_be_an_imports_and_is_no_reason_to_refuse(own):
    assert planned(own(*noise("drawing_once"))).identity


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("signed", "nothing below 0, but got values from -"),
        ("uncut", r"\(2, height, width\) for 2 images, but got \(2, \d+, \d+, \d+\)"),
        ("only_one", r"for 2 images, but got \(64, 64\)"),
        ("whole", "floats, but got torch.int64"),
        ("at_random", "draws from the global one of torch"),
        ("overwriting", "changes them in place"),
    ],
)
def test_an_attribution_that_is_none_is_refused(own, name, said):
    with pytest.raises(BadSetting, match=said) as caught:
        planned(own(f"attribution._target_=faulty.{name}"))
    assert "faulty.py" in str(caught.value)


def test_what_is_no_model_and_what_is_no_dataset_is_refused(own):
    from pcsweep.config.schema import choose

    own()
    with pytest.raises(BadSetting, match=r"faulty.no_model \(.*faulty.py\) to return a pcsweep.model.Model, but got a str"):
        Loaded().model(choose("model", {"_target_": "faulty.no_model"}, ["faulty"]))
    with pytest.raises(BadSetting, match=r"faulty.NoDataset \(.*faulty.py\) .*, but it lacks class_names, image_ids, .*digest"):
        Loaded().dataset(choose("dataset", {"_target_": "faulty.NoDataset"}, ["faulty"]))


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (lambda scored: scored.saliency, r"Expected `odd` of .*odd.py to be a tensor of shape \(2,\), but got \(2, 64, 64\)"),
        (lambda scored: 0.5, "but got a float"),
        (lambda scored: scored.nothing, r"odd.py fails .* AttributeError"),
    ],
)
def test_a_metric_of_another_shape_is_refused_with_its_file(own, monkeypatch, measured, said):
    point = planned(own()).point
    from pcsweep.metric import FILES

    monkeypatch.setitem(TABLE, "odd", Metric(name="odd", label="odd", measured=measured, asked=False))
    monkeypatch.setitem(FILES, "odd", Path("odd.py"))
    images = torch.rand(2, 3, 8, 8)
    scene = Scene(nn.Flatten(), images, torch.tensor([0, 0]), images)
    sample = LOADED.first_sample(point.dataset, 5, 0)
    with pytest.raises(ValueError, match=said):
        try_metrics(point, sample, scene, images.mean(1))


class Frozen(Adaptation):
    """Stays where it is unless its rate is one, but says that it is plain at a rate of zero."""

    coefficients = (Coefficient("a", "a", plain=0.0), Coefficient("b", "b", plain=0.0))

    def step(self, values, drive, before, state, rectified):
        return before + values["a"] * (drive - before), state


class Gray(Adaptation):
    def step(self, values, drive, before, state, rectified):
        return drive.mean(1), state


class Alone(Adaptation):
    def step(self, values, drive, before, state, rectified):
        return drive


class Overwriting(Adaptation):
    def step(self, values, drive, before, state, rectified):
        return drive, state.add_(1)


class Averaged(Adaptation):
    def start(self, initial, rectified):
        return initial.mean()


class Growing(Adaptation):
    def start(self, initial, rectified):
        return initial.flatten(1).mean(1)

    def step(self, values, drive, before, state, rectified):
        return drive, state[:, None]


class Zeroing(Adaptation):
    def start(self, initial, rectified):
        return initial.zero_()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Frozen(), r"the drive itself, to the bit, with the plain values \(a = 0, b = 0\)"),
        (Gray(), r"r_n\(t\) of shape \(2, 3, 8, 8\), torch.float32, but got \(2, 8, 8\)"),
        (Alone(), r"two tensors, .* but got \(2, 3, 8, 8\)"),
        (Overwriting(), "changes it in place"),
        (Averaged(), r"`start` of .* to return a tensor with a row for each image, but got \(\), torch.float32"),
        (Growing(), r"for pcoder 1 to return its own state of shape \(2,\), torch.float32, but got \(2, 1\)"),
        (Zeroing(), "`start` of .* changes it in place"),
    ],
)
def test_a_step_that_is_none_is_refused(rule, said):
    with pytest.raises(BadSetting, match=said) as caught:
        try_rule(rule, [(0.5, 0.5)], [torch.rand(2, 3, 8, 8)])
    assert "adaptation.py" in str(caught.value)
