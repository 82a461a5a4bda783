"""Training: the first steps reduce the loss, the seed fixes the result, and the command's file fits the model."""

import os
import subprocess
import sys

import pytest
import torch

from pcsweep.dataset.shapes import Shapes
from pcsweep.model.pminivgg import pminivgg
from pcsweep.training import Recipe, load, train_backbone, train_predictors

IMAGES, LABELS = load(Shapes(split="train", count=160))


def trained(seed=0):
    model, generator = pminivgg(weights="random", seed=seed), torch.Generator().manual_seed(seed)
    backbone = train_backbone(model, IMAGES, LABELS, Recipe(6, 16, 3e-3, 0.0, 0.1), generator)
    before = [parameter.clone() for parameter in model.network.stages.parameters()]
    feedback = train_predictors(model, IMAGES, Recipe(2, 16, 3e-3), generator)
    assert all(p.equal(b) for p, b in zip(model.network.stages.parameters(), before, strict=True))  # frozen
    assert not model.network.stages.training
    return model, backbone, feedback


def test_first_steps_reduce_the_loss_and_the_seed_fixes_them():
    model, backbone, feedback = trained()
    assert sum(backbone[-8:]) < 0.97 * sum(backbone[:8])
    assert sum(feedback[-5:]) < 0.7 * sum(feedback[:5])
    assert trained()[0].fingerprint == model.fingerprint
    assert trained(seed=1)[0].fingerprint != model.fingerprint


def test_the_command_writes_weights_that_the_model_loads(tmp_path):
    words = ["dataset.count=32", "backbone.epochs=1", "feedback.epochs=1", "backbone.batch_size=16", "output=w.safetensors"]
    done = subprocess.run(
        [sys.executable, "-m", "pcsweep.train", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "Wrote w.safetensors" in done.stdout
    assert pminivgg(str(tmp_path / "w.safetensors")).fingerprint != pminivgg("random").fingerprint


def test_a_wrong_recipe_is_refused(tmp_path):
    refused = subprocess.run(
        [sys.executable, "-m", "pcsweep.train", "backbone.epochs=-1"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert refused.returncode == 2
    assert "Expected `backbone.epochs` to be greater than or equal to 0, but got -1" in refused.stderr


def test_weights_of_another_network_are_refused(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="to be a file of tensors alone, but it is not"):
        pminivgg(str(tmp_path / "bad.safetensors"))
