"""Weights from a hub: fetched once, found in the cache without asking, and refused at once where nothing can be reached."""

import time

import pytest
import timm
import torch
from commands import run
from hydra import compose, initialize_config_dir
from safetensors.torch import save_file

from pcsweep.config.errors import BadSetting
from pcsweep.fetch import fetch
from pcsweep.grid.entry import conf_folder
from pcsweep.model.build import hub
from pcsweep.model.build.pretrained import timm_backbone

NAME = "test_convnext"


def config(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("fetch", list(words))


def test_a_cached_file_is_used_without_a_network(monkeypatch, tmp_path):
    torch.manual_seed(1)
    written = timm.create_model(NAME).state_dict()
    save_file(written, tmp_path / "model.safetensors")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda repository, file, revision: str(tmp_path / file))
    monkeypatch.setattr(hub, "_ask", lambda address: pytest.fail("asked for the network"))
    filled = timm_backbone(NAME, "default").state_dict()
    assert all(filled[name].equal(tensor) for name, tensor in written.items())


def test_without_a_network_the_refusal_is_quick_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(
        ValueError, match=r"timm's weights of test_convnext in the cache.*cannot be reached.*python -m pcsweep.fetch"
    ):
        timm_backbone(NAME, "default")
    monkeypatch.setattr(hub, "is_offline_mode", lambda: True)
    with pytest.raises(ValueError, match="not in the cache, and HF_HUB_OFFLINE forbids"):
        timm_backbone(NAME, "default")
    assert time.monotonic() - start < 6


def test_fetch_asks_for_the_networks_weights_alone(monkeypatch, caplog):
    asked = []
    monkeypatch.setattr("pcsweep.model.timm.timm_backbone", lambda *given: asked.append(given) or torch.nn.Identity())
    caplog.set_level("INFO")
    fetch(config("model=timm", "model.name=convnext_nano"))
    assert asked == [("convnext_nano", "default")]
    assert "name=convnext_nano" in caplog.text
    fetch(config("model=pminivgg"))
    assert "Nothing to fetch" in caplog.text
    monkeypatch.undo()
    with pytest.raises(BadSetting, match="Expected a network of timm, but got 'resnet_18'"):
        fetch(config("model=timm", "model.name=resnet_18"))


def test_a_model_of_the_users_own_brings_its_weights(tmp_path):
    """Where its module has a function for that."""
    (tmp_path / "my_models.py").write_text(
        "from pathlib import Path\n"
        "def mine(*, name: str, seed: int = 0):\n    raise AssertionError('the model itself is not made')\n"
        "def backbone_of(name):\n    Path(f'{name}.txt').write_text('fetched')\n"
    )
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "mine.yaml").write_text("_target_: my_models.mine\nname: net\n")
    words = ["--config-dir", "mine", "model=mine"]
    unnamed = run(*words, module="pcsweep.fetch", folder=tmp_path)
    assert (unnamed.returncode, (tmp_path / "net.txt").exists()) == (2, False)
    assert "For a module of your own add extensions=[my_models]" in unnamed.stderr
    done = run(*words, "extensions=[my_models]", module="pcsweep.fetch", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "net.txt").read_text() == "fetched"
