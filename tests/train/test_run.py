"""Training: each loss falls, the seed fixes the result, an interruption changes nothing, the command's file fits the model."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pcsweep.config.errors import BadSetting
from pcsweep.dataset.read.decoding import decode
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.entry import conf_folder, plain_of
from pcsweep.model import pminivgg as pminivgg_module
from pcsweep.model.pminivgg import pminivgg
from pcsweep.network import Coefficients
from pcsweep.train.phases import Training, feedback_losses, reconstruction_errors
from pcsweep.train.recipe import FeedbackRecipe, Recipe
from pcsweep.train.run import train as command
from pcsweep.train.simplex import LearnedCoefficients

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
    *steps, (last, coefficients) = seen
    assert [step for step, _ in steps] == list(range(1, 7))
    assert last == 6
    assert set(coefficients) == {f"{name}/{n}" for name in ("beta", "lambda", "alpha") for n in (1, 2, 3, 4)}
    assert {"feedback/loss", "feedback/cross_entropy_t1", "feedback/cross_entropy_t2", "feedback/learning_rate"} == set(
        steps[0][1]
    )
    assert [numbers["feedback/loss"] for _, numbers in steps] == losses["feedback"]


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
    assert recorded(tmp_path / "killed", "feedback/loss") == recorded(tmp_path / "whole", "feedback/loss")


def recorded(folder, name):
    """What TensorBoard would show: (step, number) of every step of one name."""
    events = EventAccumulator(str(folder / "tensorboard/w")).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "w.safetensors.checkpoint").write_bytes(b"PK not a checkpoint")
    refused = train(*WORDS, folder=tmp_path)
    assert refused.returncode == 2
    assert "'w.safetensors.checkpoint' to be a checkpoint, but it cannot be read" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_sweep_trains_each_from_the_start_and_what_is_finished_is_not_done_again(tmp_path):
    words = ["recipe=predify", "dataset.count=20", "feedback.epochs=1", "feedback.optimizer=adamw"]
    rates = ["feedback.learning_rate=0.01,0.002", "output=${feedback.learning_rate}.safetensors"]
    done = train("-m", *words, *rates, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    alone = trained_here(tmp_path / "alone", *words, "feedback.learning_rate=0.002")
    assert alone.read_bytes() == (tmp_path / "0.002.safetensors").read_bytes()
    (tmp_path / "0.002.safetensors").unlink()
    again = train("-m", *words, *rates, folder=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "Already trained: 0.01.safetensors" in again.stdout
    assert alone.read_bytes() == (tmp_path / "0.002.safetensors").read_bytes()


def trained_here(folder, *words):
    """The output of the command, without a process of its own."""
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        config = compose("train", overrides=[f"output={folder}/w.safetensors", *words])
    return command(plain_of(config))


def metadata(path):
    with safe_open(path, "pt") as file:
        return {name: json.loads(text) for name, text in file.metadata().items()}


QUICK = ("recipe=supervised", "dataset.count=16", "feedback.batch_size=8", "feedback.epochs=1", "feedback.timesteps=1")


def test_the_output_says_how_it_was_made_and_is_never_overwritten(tmp_path):
    output = trained_here(tmp_path, *QUICK)
    settings = metadata(output)["pcsweep.training"]
    assert settings["model"]["weights_sha256"] == pminivgg().fingerprint
    assert settings["feedback"]["learning_rate"] == 0.001
    before = output.read_bytes()
    assert trained_here(tmp_path, *QUICK, "dataset.cache=elsewhere") == output
    with pytest.raises(BadSetting, match="is there, and `seed` was 0 and is 1. Choose another"):
        trained_here(tmp_path, *QUICK, "seed=1", "model.seed=0")
    with pytest.raises(BadSetting, match=r"`dataset.images_sha256` was .* and is"):
        trained_here(tmp_path, *QUICK, "dataset.limit=10")
    assert output.read_bytes() == before
    output.write_bytes((Path(pminivgg_module.__file__).with_suffix(".safetensors")).read_bytes())
    with pytest.raises(BadSetting, match="it does not say how it was made"):
        trained_here(tmp_path, *QUICK)


DATASETS = '''
from dataclasses import dataclass
from pcsweep.dataset.shapes import Shapes


@dataclass(frozen=True)
class Shifted(Shapes):
    """Classes beyond the network's."""

    @property
    def class_indices(self):
        return tuple(index + 10 for index in super().class_indices)


@dataclass(frozen=True)
class Renamed(Shapes):
    """Each class has the name of another."""

    @property
    def class_names(self):
        return super().class_names[1:] + super().class_names[:1]
'''
ITS_OWN = {"Shifted": "Expected a dataset of classes 0 to 9", "Renamed": "to mean the same by the number of a class"}


@pytest.mark.parametrize("name", ITS_OWN)
def test_classes_matter_where_a_loss_is_of_labels_and_nowhere_else(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "toy_images", raising=False)
    (tmp_path / "toy_images.py").write_text(DATASETS)
    own = ["extensions=[toy_images]", f"dataset._target_=toy_images.{name}", "dataset.count=16", "feedback.epochs=1"]
    none = "feedback.epochs=0"
    for words in (["recipe=supervised"], ["recipe=combined"], ["recipe=pminivgg", "backbone.epochs=1", none]):
        with pytest.raises(BadSetting, match=ITS_OWN[name]):
            trained_here(tmp_path, *own, *words)
        assert not list(tmp_path.glob("*.safetensors*"))
    output = trained_here(tmp_path, *own, "recipe=predify", "feedback.batch_size=8")
    assert metadata(output)["pcsweep.training"]["extensions"] == ["toy_images"]


def test_only_active_pcoders_take_part_and_learn(tmp_path):
    output = trained_here(tmp_path, *QUICK, "pcoder.active=[2]", "pcoder.beta=0.6")
    learned = metadata(output)["pcsweep.coefficients"]
    assert learned["beta"] == [1.0, pytest.approx(0.6, abs=0.01), 1.0, 1.0]
    assert learned["lambda"] == [0.0, pytest.approx(0.1, abs=0.01), 0.0, 0.0]
    assert {step: round(value, 2) for step, value in recorded(tmp_path, "beta/2")} == {2: 0.6}


def test_an_output_that_no_model_could_read_is_refused(tmp_path):
    with pytest.raises(BadSetting, match="Expected `output` to be a .safetensors file, but got 'w.pth'"):
        trained_here(tmp_path, *QUICK, "output=w.pth")


def test_a_training_that_diverges_ends_before_it_spoils_anything():
    diverging = training(feedback=replace(RECONSTRUCTION, optimizer="sgd", schedule="constant", learning_rate=1e30))
    with pytest.raises(BadSetting, match="Expected `feedback.learning_rate` to be one at which the loss stays finite"):
        diverging.run(discard, discard)


def test_layers_that_draw_at_random_resume_exactly_and_leave_the_global_generator_alone():
    def dropping(seed=0):
        made = training(replace(ADAM, epochs=2), replace(RECONSTRUCTION, epochs=0), weights="random", seed=seed)
        made.model.network.stages[0] = torch.nn.Sequential(torch.nn.Dropout(0.5), made.model.network.stages[0])
        return made

    whole, states, before = dropping(), [], torch.random.get_rng_state()
    losses = whole.run(lambda state: states.append(copied(state)), discard)
    assert torch.random.get_rng_state().equal(before)
    torch.manual_seed(5)
    assert dropping(seed=9).run(discard, discard, states[0]) == losses


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
