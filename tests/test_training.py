"""Training: each loss falls, the seed fixes the result, an interruption changes nothing, the command's file fits the model."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from pcsweep.dataset.shapes import Shapes
from pcsweep.decoding import decode
from pcsweep.model.pminivgg import pminivgg
from pcsweep.network import Coefficients
from pcsweep.recipe import FeedbackRecipe, Recipe
from pcsweep.simplex import LearnedCoefficients
from pcsweep.training import Training, feedback_losses, reconstruction_errors

SHAPES = decode(Shapes(split="train", count=96), range(96), {})
ADAM = Recipe(2, 16, "adamw", 3e-3, noise=0.1)
NONE = replace(ADAM, epochs=0)
RECONSTRUCTION = FeedbackRecipe(2, 16, "adamw", 3e-3)
SUPERVISED = FeedbackRecipe(
    1, 16, "adamw", 1e-3, noise=0.3, reconstruction=0.0, classification=1.0, timesteps=2, learn_coefficients=True
)


def training(backbone=NONE, feedback=RECONSTRUCTION, weights="published", seed=0, alpha=0.01):
    return Training(
        model=pminivgg(weights, "random" if weights == "published" else None, seed=seed),
        images=SHAPES.images,
        labels=torch.tensor(SHAPES.class_indices),
        backbone=backbone,
        feedback=feedback,
        coefficients=LearnedCoefficients(Coefficients(0.6, 0.3, alpha), 4),
        precision="fp32",
        generator=torch.Generator().manual_seed(seed),
    )


def discard(*_):
    pass


def test_the_backbone_then_the_predictors_learn_and_the_seed_fixes_them():
    first = training(ADAM, weights="random")
    losses = first.run(discard, discard)
    assert sum(losses["feedback"][-4:]) < 0.8 * sum(losses["feedback"][:4])
    assert not first.model.network.training
    again, other = training(ADAM, weights="random"), training(ADAM, weights="random", seed=1)
    assert again.run(discard, discard) == losses
    other.run(discard, discard)
    assert again.model.fingerprint == first.model.fingerprint != other.model.fingerprint
    assert set(first.trained()) == set(first.model.network.state_dict())


def test_a_backbone_without_epochs_stays_as_it_is():
    kept = training()
    before = {name: tensor.clone() for name, tensor in kept.model.network.state_dict().items()}
    kept.run(discard, discard)
    after = kept.model.network.state_dict()
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == set(kept.trained()) == {name for name in after if name.startswith("predictors.")}


def test_supervision_learns_predictors_and_coefficients():
    supervised = training(feedback=SUPERVISED)
    before = supervised.coefficients.coefficients()
    seen = []
    losses = supervised.run(discard, lambda step, numbers: seen.append((step, numbers)))
    assert supervised.coefficients.coefficients() != before
    assert [step for step, _ in seen] == list(range(1, 7))
    assert {"feedback/loss", "feedback/cross_entropy_t1", "feedback/cross_entropy_t2", "feedback/learning_rate"} == set(
        seen[0][1]
    )
    assert [numbers["feedback/loss"] for _, numbers in seen] == losses["feedback"]


def test_the_two_errors_add_up_with_their_weights():
    network = pminivgg().network
    images, labels = torch.randn(3, 3, 64, 64), torch.tensor([0, 1, 2])
    learned = LearnedCoefficients(Coefficients(0.6, 0.3, 0.01), 4)
    recipes = {
        name: FeedbackRecipe(1, reconstruction=r, classification=c, timesteps=2)
        for name, r, c in (("r", 1.0, 0.0), ("c", 0.0, 1.0), ("both", 0.5, 2.0))
    }
    loss = {name: feedback_losses(network, images, labels, learned, recipe) for name, recipe in recipes.items()}
    torch.testing.assert_close(loss["both"]["loss"], 0.5 * loss["r"]["loss"] + 2 * loss["c"]["loss"])
    torch.testing.assert_close(loss["r"]["loss"], sum(reconstruction_errors(network, images)))
    entropies = [loss["c"][f"cross_entropy_t{t}"] for t in (1, 2)]
    torch.testing.assert_close(loss["c"]["loss"], sum(entropies) / 2)
    states = list(network.run(images, learned.coefficients(), 2))
    expected = [torch.nn.functional.cross_entropy(state.logits, labels) for state in states[1:]]
    torch.testing.assert_close(torch.stack(entropies), torch.stack(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("after", [0, 1, 2, 3], ids=["backbone", "whole backbone", "feedback", "all"])
def test_resuming_after_any_epoch_ends_at_the_same_weights(after):
    feedback = replace(SUPERVISED, epochs=2, timesteps=1, classification=0.5, reconstruction=1.0)
    whole, states = training(replace(ADAM, epochs=2), feedback, weights="random"), []
    losses = whole.run(lambda state: states.append(copied(state)), discard)
    assert len(states) == 4
    resumed = training(replace(ADAM, epochs=2), feedback, weights="random", seed=9)
    assert resumed.run(discard, discard, states[after]) == losses
    assert resumed.model.fingerprint == whole.model.fingerprint
    assert resumed.coefficients.coefficients() == whole.coefficients.coefficients()


def copied(state):
    """As a file would keep it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)


WORDS = [
    "recipe=supervised",
    "dataset.count=48",
    "feedback.batch_size=16",
    "feedback.epochs=3",
    "feedback.timesteps=1",
    "output=w.safetensors",
]


def train(*words, folder, **options):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pcsweep.train", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, **options)


def killed_after_an_epoch(folder):
    """Starts the command and kills it once its first checkpoint is there."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "pcsweep.train", *WORDS], cwd=folder, env=environment)
    deadline = time.monotonic() + 120
    while not (folder / "w.safetensors.checkpoint").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_training_resumes_to_the_same_file(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    done = train(*WORDS, folder=tmp_path / "whole")
    assert done.returncode == 0, done.stderr
    killed_after_an_epoch(tmp_path / "killed")
    assert not (tmp_path / "killed/w.safetensors").exists()
    refused = train(*WORDS, "feedback.learning_rate=0.1", folder=tmp_path / "killed")
    assert refused.returncode == 2
    assert "`feedback.learning_rate` was 0.001 and is 0.1" in refused.stderr
    resumed = train(*WORDS, folder=tmp_path / "killed")
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after epoch" in resumed.stdout
    whole, other = (tmp_path / name / "w.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == other.read_bytes()
    assert not list((tmp_path / "killed").glob("*.checkpoint"))
    with safe_open(whole, "pt") as file:
        assert all(name.startswith("predictors.") for name in file.keys())  # noqa: SIM118
        assert set(json.loads(file.metadata()["pcsweep.coefficients"])) == {"beta", "lambda", "alpha"}
    model = pminivgg(feedback_weights=str(whole))
    assert model.coefficients is not None
    assert list((tmp_path / "whole/tensorboard/w").glob("events*"))
    again = train(*WORDS, folder=tmp_path / "whole")
    assert again.returncode == 2
    assert "to be a new file, but 'w.safetensors' is there" in again.stderr


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "w.safetensors.checkpoint").write_bytes(b"PK not a checkpoint")
    refused = train(*WORDS, folder=tmp_path)
    assert refused.returncode == 2
    assert "'w.safetensors.checkpoint' to be a checkpoint, but it cannot be read" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_sweep_of_trainings(tmp_path):
    words = ["-m", "recipe=predify", "dataset.count=20", "feedback.epochs=1", "seed=0,1", "output=${seed}.safetensors"]
    done = train(*words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    files = [pminivgg(feedback_weights=str(tmp_path / f"{seed}.safetensors")) for seed in (0, 1)]
    assert files[0].fingerprint != files[1].fingerprint


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("feedback.epochs=-1", "Expected `feedback.epochs` to be greater than or equal to 0, but got -1"),
        ("feedback.optimizer=lbfgs", "Expected `feedback.optimizer` to be 'sgd' or 'adamw'"),
        ("feedback.reconstruction=0", "Expected `feedback.reconstruction` or `feedback.classification` to be positive"),
        ("feedback.learn_coefficients=true", "Expected `feedback.classification` to be positive with"),
        ("feedback.speed=1", "Could not override|Unknown setting `feedback.speed`"),
        ("precision=tf32", "Expected `precision` to be fp32 or bf16 on a CPU"),
        ("device=cuda:9", "Expected `device` to be auto or cpu"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, word, message):
    refused = train(word, folder=tmp_path)
    assert refused.returncode == 2
    assert any(part in refused.stderr for part in message.split("|")), refused.stderr
    assert not list(tmp_path.glob("*.safetensors*"))


def test_weights_of_another_network_are_refused(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="to be a file of tensors alone, but it is not"):
        pminivgg(str(tmp_path / "bad.safetensors"))


def test_mixed_precision_learns_with_parameters_in_fp32():
    mixed = replace(training(feedback=replace(RECONSTRUCTION, epochs=1)), precision="bf16")
    losses = mixed.run(discard, discard)["feedback"]
    assert losses[-1] < losses[0]
    assert all(parameter.dtype is torch.float32 for parameter in mixed.model.network.parameters())
