"""The published weights do what their card says, on fresh images, and are of the training that the card names."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors import safe_open

from pcsweep.config.errors import BadSetting
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.entry import conf_folder, plain_of
from pcsweep.model import pminivgg as module
from pcsweep.model.pminivgg import pminivgg
from pcsweep.noise import corrupt, generator_for
from pcsweep.noise.gaussian import gaussian
from pcsweep.train.run import train

FRESH = Shapes(split="test", count=200, seed=77)
PUBLISHED = Path(module.__file__).with_suffix(".safetensors")
COMMAND = ("model=pminivgg", "dataset=shapes", "recipe=pminivgg")


def accuracy(sigma):
    model = pminivgg()
    noisy = [
        corrupt(s.image, lambda i, g: gaussian(i, g, sigma=sigma), generator_for(s.image_id, 0), model, space="pixel")
        for s in (FRESH[n] for n in range(len(FRESH)))
    ]
    with torch.no_grad():
        predicted = model.network(torch.stack(noisy)).argmax(1)
    return (predicted == torch.arange(len(FRESH)) % 10).float().mean().item()


def test_clean_accuracy_and_a_graceful_fall():
    clean, some, much = (accuracy(sigma) for sigma in (0.0, 0.2, 0.4))
    assert clean >= 0.95
    assert clean >= some > much > 0.15


def test_the_weights_are_small_and_the_normalisation_inverts():
    assert PUBLISHED.stat().st_size <= 3_000_000
    model, image = pminivgg(), FRESH[0].image
    torch.testing.assert_close(model.denormalize(model.normalize(image)), image)


def test_the_update_rule_is_part_of_the_fingerprint():
    assert pminivgg().network.sqrt_cs == pytest.approx([(3 * 25) ** 0.5, (16 * 36) ** 0.5, (32 * 36) ** 0.5, (48 * 36) ** 0.5])
    assert pminivgg(gradient_scaling=False).network.sqrt_cs == (None,) * 4
    assert pminivgg(gradient_scaling=False).fingerprint != pminivgg().fingerprint
    assert pminivgg("random", seed=1).fingerprint != pminivgg("random", seed=2).fingerprint


def settings_of(*words):
    """What the card's command composes to."""
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return plain_of(compose("train", overrides=[*COMMAND, *words]))


def test_the_weights_are_of_the_training_that_the_command_is_today(tmp_path, caplog):
    output = tmp_path / "pminivgg.safetensors"
    output.write_bytes(PUBLISHED.read_bytes())
    plain = settings_of(f"output={output}")
    with caplog.at_level("INFO"):
        train(plain)  # refuses the file of any other training
    assert f"Already trained: {output}" in caplog.text
    assert output.read_bytes() == PUBLISHED.read_bytes()
    with pytest.raises(BadSetting, match=r"is there, and `backbone.noise` was 0.2 and is 0.3. Choose another"):
        train(settings_of(f"output={output}", "backbone.noise=0.3"))
    steps = plain["backbone"]["epochs"] * (plain["dataset"]["count"] // plain["backbone"]["batch_size"])
    seen = {int(tensor) for name, tensor in pminivgg().network.state_dict().items() if name.endswith("num_batches_tracked")}
    assert seen == {steps}


def test_nothing_but_the_training_is_told_in_the_file_and_no_path():
    with safe_open(PUBLISHED, "pt") as file:
        told = file.metadata()
    assert set(told) == {"pcsweep.training"}
    assert "/" not in told["pcsweep.training"]
    assert "\\" not in told["pcsweep.training"]
