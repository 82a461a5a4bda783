"""Training: each loss falls, the seed fixes the result, an interruption changes nothing, the command's file fits the model."""

import json
import logging
import re
import signal
import sys
from dataclasses import replace

import image_trees
import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from trainings import metadata, recorded, stopped_later, train

from pcsweep.config.errors import BadSetting
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.entry import conf_folder, plain_of
from pcsweep.model.pminivgg import pminivgg
from pcsweep.network import Coefficients
from pcsweep.train.checkpoint import Checkpoint
from pcsweep.train.fitting import Fitting
from pcsweep.train.images import Changes, Stream
from pcsweep.train.learned import Learned, Streams
from pcsweep.train.losses import feedback_losses, reconstruction_errors
from pcsweep.train.order import Order
from pcsweep.train.recipe import FeedbackRecipe, Recipe, TrainingOptions
from pcsweep.train.run import train as command
from pcsweep.train.simplex import LearnedCoefficients

SHAPES = Shapes(split="train", count=96)
ADAM = Recipe(2, 16, "adamw", 3e-3, noise=0.1)
NONE = replace(ADAM, epochs=0)
RECONSTRUCTION = FeedbackRecipe(2, 16, "adamw", 3e-3)
NO_FEEDBACK = replace(RECONSTRUCTION, epochs=0)
SUPERVISED = FeedbackRecipe(
    1, 16, "adamw", 1e-3, noise=0.3, reconstruction=0.0, classification=1.0, timesteps=2, learn_coefficients=True
)


def fitting(folder, backbone=NONE, feedback=RECONSTRUCTION, weights="published", seed=0, **options):
    """A training on 96 shapes, the last 16 of which are held out if `held_out`."""
    held_out = options.pop("held_out", False)
    count = 80 if held_out else 96
    learned = Learned(
        pminivgg(weights, "random" if weights == "published" else None, seed=seed),
        LearnedCoefficients(Coefficients(0.6, 0.3, 0.01), 4),
        backbone,
        feedback,
    )
    streams = {}
    for name, recipe in (("backbone", backbone), ("feedback", feedback)):
        changes = Changes(seed, recipe.noise)
        measured = Stream(SHAPES, range(80, 96), changes) if held_out else None
        order = Order(count, recipe.batch_size, seed=seed, name=name, accumulate=options.get("accumulate", 1))
        streams[name] = Streams(Stream(SHAPES, range(count), changes), measured, order, 0)
    chosen = TrainingOptions(seed, "cpu", options.pop("precision", "fp32"), **options)
    checkpoint = Checkpoint(folder / f"{len(list(folder.iterdir()))}.checkpoint", {})
    return Fitting(learned, streams, chosen, checkpoint, folder / "tensorboard/w")


def fingerprint(made):
    return made.learned.model.fingerprint


def test_the_backbone_then_the_predictors_learn_and_the_seed_fixes_them(tmp_path):
    first = fitting(tmp_path, ADAM, weights="random")
    backbone, feedback = first.run()
    assert (backbone.epoch, backbone.step, backbone.total, feedback.total) == (2, 0, 12, 24)
    assert sum(feedback.last[-4:]) < 0.8 * sum(feedback.last[:4])
    assert not first.learned.model.network.training
    again, other = fitting(tmp_path, ADAM, weights="random"), fitting(tmp_path, ADAM, weights="random", seed=1)
    assert again.run()[1].last == feedback.last
    other.run()
    assert fingerprint(again) == fingerprint(first) != fingerprint(other)
    assert set(first.learned.weights()) == set(first.learned.model.network.state_dict())


def test_a_backbone_without_epochs_stays_as_it_is(tmp_path):
    kept = fitting(tmp_path)
    before = {name: tensor.clone() for name, tensor in kept.learned.model.network.state_dict().items()}
    kept.run()
    after = kept.learned.model.network.state_dict()
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == set(kept.learned.weights()) == {name for name in after if name.startswith("predictors.")}


def test_supervision_learns_predictors_and_coefficients(tmp_path):
    supervised = fitting(tmp_path, feedback=SUPERVISED)
    before = supervised.learned.coefficients.coefficients()
    (standing,) = supervised.run()
    assert supervised.learned.coefficients.coefficients() != before
    assert [step for step, _ in recorded(tmp_path, "feedback/loss")] == list(range(1, 7))
    assert [loss for _, loss in recorded(tmp_path, "feedback/loss")] == pytest.approx(standing.last)
    for name in ("beta/4", "lambda/1", "alpha/2"):
        assert [step for step, _ in recorded(tmp_path, name)] == [6]
    for name in ("feedback/cross_entropy_t1", "feedback/cross_entropy_t2", "feedback/learning_rate"):
        assert len(recorded(tmp_path, name)) == 6


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


def test_layers_that_draw_at_random_leave_the_global_generator_alone_and_the_seed_fixes_them(tmp_path):
    def dropping():
        made = fitting(tmp_path, ADAM, NO_FEEDBACK, weights="random")
        made.learned.model.network.stages[0] = torch.nn.Sequential(torch.nn.Dropout(0.5), made.learned.model.network.stages[0])
        return made

    before = torch.random.get_rng_state()
    first = dropping().run()
    assert torch.random.get_rng_state().equal(before)
    torch.manual_seed(5)
    assert dropping().run()[0].last == first[0].last


def test_accumulated_batches_make_the_steps_of_one_large_batch(tmp_path):
    whole = fitting(tmp_path, feedback=replace(RECONSTRUCTION, batch_size=32, noise=0.2, drop_last=False))
    parted = fitting(tmp_path, feedback=replace(RECONSTRUCTION, batch_size=8, noise=0.2, drop_last=False), accumulate=4)
    one, other = whole.run()[0], parted.run()[0]
    assert other.last == pytest.approx(one.last, rel=1e-5)
    assert len(one.last) == 6


def test_the_weights_with_the_lowest_held_out_loss_are_kept(tmp_path):
    rising = replace(RECONSTRUCTION, epochs=3, optimizer="sgd", schedule="constant", learning_rate=1.0)
    made = fitting(tmp_path, feedback=rising, held_out=True, patience=1, validation=0.1)
    (standing,) = made.run()
    held_out = [loss for _, loss in recorded(tmp_path, "feedback/held_out/loss")]
    assert standing.best.loss == pytest.approx(min(held_out))
    assert standing.best.epoch == held_out.index(min(held_out)) + 1
    kept = {name.removeprefix("network."): tensor for name, tensor in standing.best.tensors.items()}
    assert all(kept[name].equal(tensor) for name, tensor in made.learned.weights().items())
    assert standing.stopped == (len(held_out) < 3)
    network, images = (
        made.learned.model.network.requires_grad_(False),
        torch.stack([SHAPES[index].image for index in range(80, 96)]),
    )
    errors = [float(error) for error in reconstruction_errors(network, made.learned.model.normalize(images))]
    assert [error for error, _ in standing.best.explained] == pytest.approx(errors, rel=1e-4)
    assert standing.best.loss == pytest.approx(sum(errors), rel=1e-4)


WORDS = [
    "recipe=supervised",
    "dataset.count=96",
    "feedback.batch_size=8",
    "feedback.epochs=2",
    "feedback.timesteps=1",
    "validation=0.34",
    "output=w.safetensors",
]


def test_a_killed_training_resumes_to_the_same_file(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    done = train(*WORDS, folder=tmp_path / "whole")
    assert done.returncode == 0, done.stderr
    code, _ = stopped_later(tmp_path / "killed", signal.SIGKILL, [*WORDS, "checkpoint_every=1"], 2)
    assert code == -signal.SIGKILL
    assert not (tmp_path / "killed/w.safetensors").exists()
    refused = train(*WORDS, "feedback.learning_rate=0.1", folder=tmp_path / "killed")
    assert refused.returncode == 2
    assert "`feedback.learning_rate` was 0.001 and is 0.1" in refused.stderr
    stop = {signal.SIGINT: (130, "Interrupted."), signal.SIGTERM: (1, "Stopped by SIGTERM after step")}
    for number, (code, message) in stop.items():
        found = stopped_later(tmp_path / "killed", number, [*WORDS, "checkpoint_every=1"])
        assert found[0] == code, found
        assert message in found[1]
        assert "Traceback" not in found[1]
    resumed = train(*WORDS, folder=tmp_path / "killed")
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after step" in resumed.stdout  # of 7 in an epoch; three have been seen
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
    # With as many threads: sums of floating-point numbers depend on them in their last bits.
    single = train(*words, "feedback.learning_rate=0.002", "output=alone.safetensors", folder=tmp_path)
    assert single.returncode == 0, single.stderr
    alone = tmp_path / "alone.safetensors"
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
    save_file(load_file(output), output)
    with pytest.raises(BadSetting, match="it does not say how it was made"):
        trained_here(tmp_path, *QUICK)


def test_a_training_that_ended_at_a_damaged_image_goes_on_without_it(tmp_path, caplog):
    for image in range(8):
        image_trees.save_photograph(tmp_path / f"in/train/n01440764/{image}.JPEG", seed=image)
    last = int(Order(8, 2, name="feedback").shuffled(0)[-1])
    damaged = tmp_path / f"in/train/n01440764/{last}.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    words = ["dataset=imagenet_folder", f"dataset.root={tmp_path / 'in'}", "dataset.resize=16", "dataset.crop=16", "workers=0"]
    words += ["feedback.batch_size=2", "feedback.epochs=1", "checkpoint_every=1"]
    with pytest.raises(BadSetting, match=rf"Expected {damaged} to be a whole image.* With damaged=replace the next image"):
        trained_here(tmp_path, *words)
    with caplog.at_level(logging.INFO):
        output = trained_here(tmp_path, *words, "damaged=replace")
    assert "Resuming after step 3 of 4 of epoch 1" in caplog.text
    assert f"The next image is taken in the place of one that is damaged. Expected {damaged} to be" in caplog.text
    assert trained_here(tmp_path, *words) == output  # is there


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


def test_a_training_that_diverges_ends_before_it_spoils_anything(tmp_path):
    rate = replace(RECONSTRUCTION, optimizer="sgd", schedule="constant", learning_rate=1e30)
    with pytest.raises(BadSetting, match="Expected `feedback.learning_rate` to be one at which the loss stays finite"):
        fitting(tmp_path, feedback=rate).run()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("feedback.epochs=-1", "Expected `feedback.epochs` to be greater than or equal to 0, but got -1"),
        ("feedback.optimizer=lbfgs", "Expected `feedback.optimizer` to be 'sgd' or 'adamw'"),
        ("feedback.reconstruction=0", "Expected `feedback.reconstruction` or `feedback.classification` to be positive"),
        ("feedback.learn_coefficients=true", "Expected `feedback.classification` to be positive with"),
        ("precision=tf32", "Expected `precision` to be fp32 or bf16 on a CPU"),
        ("device=cuda:9", "Expected `device` to be auto or cpu"),
        ("validation=1.5", "Expected `validation` to be less than 1"),
        ("validation=0.0001", "Expected `validation` to leave images on both sides, but a share of 0.0001 of 500 is 0"),
        ("validation=train", "Expected `validation` to be other images than those of the training, but got 'train'"),
        ("patience=2", "Expected `validation` to be a share such as 0.05, or a split, with `patience=2`, but got null"),
        ("nodes=2", "Expected `nodes=2` under srun or torchrun"),
        ("workers=-1", "Expected `workers` to be 'auto' or greater than or equal to 0, but got -1"),
        ("random_resized_crop=2", "Expected `random_resized_crop` to be"),
        ("compile=sometimes", "Expected `compile` to be"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path, word, message):
    with pytest.raises(BadSetting, match=re.escape(message)):
        trained_here(tmp_path, word)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["feedback.epochs=0", "recipe=supervised", "recipe=least_squares"])
def test_compiling_is_refused_where_there_is_nothing_to_compile(tmp_path, word):
    with pytest.raises(BadSetting, match="`compile` to be false where `feedback.epochs` or `feedback.reconstruction` is 0"):
        trained_here(tmp_path, word, "compile=true")


def test_a_key_that_is_none_is_refused_before_anything_is_imported(tmp_path):
    refused = train("feedback.speed=1", folder=tmp_path)
    assert refused.returncode == 2
    assert "feedback.speed" in refused.stderr
    assert not list(tmp_path.glob("*.safetensors*"))


def test_weights_of_another_network_are_refused(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="to be a file of tensors alone, but it is not"):
        pminivgg(str(tmp_path / "bad.safetensors"))


def test_mixed_precision_learns_with_parameters_in_fp32(tmp_path):
    mixed = fitting(tmp_path, feedback=replace(RECONSTRUCTION, epochs=1), precision="bf16")
    losses = mixed.run()[0].last
    assert losses[-1] < losses[0]
    assert all(parameter.dtype is torch.float32 for parameter in mixed.learned.model.network.parameters())
