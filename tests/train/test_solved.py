"""A training in closed form: its command, its noise, what it explains, and what descent still gains on it."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file

from pcsweep.config.errors import BadSetting
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.entry import conf_folder, plain_of
from pcsweep.model.pminivgg import pminivgg
from pcsweep.noise import generator_for
from pcsweep.train.explained import Explained, share_explained
from pcsweep.train.run import train as command

SMALL = ["dataset.count=60", "validation=0.2", "workers=0", "feedback.batch_size=16"]


def train(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        command(plain_of(compose("train", overrides=list(words))))


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """The weights that are solved for without noise."""
    output = tmp_path_factory.mktemp("solved") / "solved.safetensors"
    train("recipe=least_squares", *SMALL, "feedback.positions=400", f"output={output}")
    return output


def explained(weights, noise=0.0):
    """Of the images, held out or not, by the file of weights."""
    model, images = pminivgg(feedback_weights=str(weights)), Shapes(split="train", count=60)
    clean = torch.stack([images[index].image for index in range(60)])
    noisy = clean + noise * torch.randn(clean.shape, generator=generator_for("other noise", 0))
    found = Explained(model.network.requires_grad_(False))
    found.add(model.normalize(noisy), targets=model.normalize(clean))
    return [share_explained(*each) for each in found.result()]


def test_it_explains_at_least_what_descent_does(solved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(*SMALL, "output=descended.safetensors", "feedback.epochs=15", "feedback.learning_rate=0.02")
    ours, theirs = explained(solved), explained("descended.safetensors")
    assert all(one >= other for one, other in zip(ours, theirs, strict=True))
    assert min(ours) > 0.2


def test_what_held_out_images_say_is_said_and_the_file_is_the_same_again(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    train("recipe=least_squares", *SMALL, "output=w.safetensors")
    assert "feedback: solved in closed form; held-out loss" in caplog.text
    assert "pcoder  predicts" in caplog.text
    first = load_file("w.safetensors")
    assert set(first) == {name for name in pminivgg().network.state_dict() if name.startswith("predictors.")}
    train("recipe=least_squares", *SMALL, "output=w.safetensors")
    assert "Already trained: w.safetensors" in caplog.text
    train("recipe=least_squares", *SMALL, "output=again.safetensors", "workers=1")
    again = load_file("again.safetensors")
    assert all(again[name].equal(tensor) for name, tensor in first.items())


def test_with_noise_predictors_denoise(solved, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train("recipe=least_squares", *SMALL, "feedback.positions=400", "output=denoising.safetensors", "feedback.noise=0.4")
    ours, theirs = explained("denoising.safetensors", 0.3), explained(solved, 0.3)
    assert all(one > other for one, other in zip(ours, theirs, strict=True)), (ours, theirs)


def test_descent_goes_on_from_the_solution(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    train("recipe=least_squares", *SMALL, "output=w.safetensors", "feedback.epochs=1", "feedback.learning_rate=1e-6")
    train("recipe=least_squares", *SMALL, "output=solved.safetensors")
    assert "feedback: kept epoch 1, whose held-out loss" in caplog.text
    for name, tensor in load_file("solved.safetensors").items():
        torch.testing.assert_close(load_file("w.safetensors")[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("devices=2", "Expected one device with `feedback.closed_form`, .* but got 2; to train further on several"),
        ("feedback.ridge=-1", "Expected `feedback.ridge` to be greater than or equal to 0, but got -1"),
        ("feedback.positions=0", "Expected `feedback.positions` to be greater than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, monkeypatch, word, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSetting, match=message):
        train("recipe=least_squares", *SMALL, "output=w.safetensors", word)
    assert not list(tmp_path.glob("*.safetensors"))
