"""What travels in the wheel, and that every experiment and group can be composed."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from pcsweep.grid.entry import conf_folder

ROOT = Path(__file__).parents[1]
GROUPS = ["model", "dataset", "noise", "pcoder", "hyperparameter", "attribution", "experiment", "recipe"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    words = ["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", folder, ROOT]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_runs_from_another_folder(wheel, tmp_path):
    """Unpacked before everything else on the path, away from the checkout."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
        names = archive.namelist()
    assert "pcsweep/conf/config.yaml" in names
    sets = ("reconstruction", "denoising", "supervised")
    assert {
        "pcsweep/model/pminivgg.safetensors",
        *(f"pcsweep/model/pefficientnet_lite0_{name}.safetensors" for name in sets),
    } <= set(names)
    assert "hydra_plugins/__init__.py" not in names
    assert {"hydra_plugins/pcsweep_launcher/grid.py", "hydra_plugins/pcsweep_launcher/presets/hydra/launcher/grid.yaml"} <= set(
        names
    )
    code = "import pcsweep.__main__ as entry; print(entry.__file__); entry.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "dataset.limit=2", "timesteps=1"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout
    assert len(list((tmp_path / "outputs/default/shards").glob("*.parquet"))) == 1


@pytest.mark.parametrize("path", sorted(ROOT.glob("conf/hydra/launcher/*.yaml")), ids=lambda path: path.stem)
def test_every_preset_of_the_launcher_composes_and_is_commented(path):
    trains = path.stem.startswith("train_")
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        primary = "train" if trains else "config"
        config = compose(primary, overrides=[f"hydra/launcher={path.stem}"], return_hydra_config=True)
    assert config.hydra.launcher._target_.endswith(".SlurmLauncher" if trains else ".pcsweep_launcher.grid.GridLauncher")
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#")
    assert sum(bool(re.match(r"[a-z_]+: .", line)) for line in lines) > 0


@pytest.mark.parametrize("path", sorted(ROOT.glob("conf/*/*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_choice_composes_and_is_commented(path):
    assert path.parent.name in GROUPS
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        primary = "train" if path.parent.name == "recipe" else "config"
        config = compose(primary, overrides=[f"{path.parent.name}={path.stem}"], return_hydra_config=False)
    assert config.model._target_
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#")
    if path.parent.name == "experiment":
        assert lines[:2] == ["# @package _global_", f"# python -m pcsweep experiment={path.stem}"]  # Hydra wants its header first


def test_no_group_folder_is_without_a_test():
    assert {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()} == {*GROUPS, "hydra"}
