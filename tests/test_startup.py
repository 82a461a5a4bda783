"""What a command imports that a person types and waits for: nothing heavy that it does not need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcsweep.study import shards

ROOT = Path(__file__).parent.parent
# Each takes from a fifth of a second to several to import.
HEAVY = (
    "captum",
    "cmaes",
    "duckdb",
    "jinja2",
    "lightning_fabric",
    "matplotlib",
    "mlflow",
    "optuna",
    "pandas",
    "plotly",
    "pyarrow.dataset",
    "pytorch_lightning",
    "scipy",
    "sklearn",
    "submitit",
    "timm",
    "torch",
    "torchvision",
    "wandb",
)
HYDRA = ("hydra", "omegaconf")
# One after the other, as a person would in one process each: what is heavy in the first of them is what that one imports.
LOOK = """
import contextlib, io, json, runpy, sys
found = {}
for words in json.loads(sys.argv[1]):
    sys.argv[:] = words
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        except SystemExit as end:
            assert not end.code, words
    found[" ".join(words)] = sorted(sys.modules)
    for name in [name for name in sys.modules if name.startswith("pcsweep")]:
        del sys.modules[name]
print(json.dumps(found))
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """One point, which is done."""
    settings = {
        "model": {"name": "m"},
        "dataset": {"name": "d"},
        "noise": {"name": "none"},
        "pcoder": {"beta": [0.5], "lambda": [0.0], "alpha": [0.0]},
    }
    columns = {"image_id": ["a"], "timestep": [0], "class_index": [0], "iou": [0.5]}
    path = shards.write(tmp_path / "outputs" / "mine" / "shards", settings, columns, {})
    (tmp_path / "outputs" / "mine" / "planned").mkdir()
    point = {"identity": path.stem, "label": "β=0.5", "settings": settings, "skipped": False}
    plan = {"command": "pcsweep", "schema_version": shards.SCHEMA_VERSION, "points": [point]}
    (tmp_path / "outputs" / "mine" / "planned" / "1.json").write_text(json.dumps(plan))
    return tmp_path


def heavy(folder: Path, commands: list[list[str]], names: tuple[str, ...], **environment: str) -> dict[str, list[str]]:
    """Which of these modules are there after each command, of those that have any."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, json.dumps(commands)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "launchers"))), **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    there = {command: [name for name in names if name in found] for command, found in json.loads(done.stdout).items()}
    assert len(there) == len(commands)
    return {command: found for command, found in there.items() if found}


def test_commands_of_words_import_nothing_heavy_and_no_hydra(study: Path):
    commands = [
        ["pcsweep.status", "study=mine"],
        ["pcsweep.cancel", "study=mine"],
        ["pcsweep.studies"],
        *([f"pcsweep.{name}", "--help"] for name in ("status", "cancel", "studies", "aggregate", "report", "compare", "export")),
    ]
    assert heavy(study, commands, (*HEAVY, *HYDRA)) == {}


def test_help_and_completion_of_configurations_import_nothing_heavy(study: Path):
    names = ("pcsweep", "pcsweep.plan", "pcsweep.show", "pcsweep.fetch", "pcsweep.train")
    assert heavy(study, [[name, "--help"] for name in names], HEAVY) == {}
    completion = [["pcsweep", "-sc", "query=bash"]]
    assert heavy(study, completion, HEAVY, COMP_LINE="pcsweep noise=", COMP_POINT="14") == {}


def test_networks_and_datasets_of_the_package_import_no_library_of_others(study: Path):
    modules = (
        "model.pvgg16",
        "model.pminivgg",
        "model.pefficientnet_lite0",
        "dataset.imagenet_s",
        "dataset.voc",
        "dataset.shapes",
    )
    commands = [[f"pcsweep.{name}"] for name in modules]
    assert heavy(study, commands, ("timm", "torchvision", "torch._dynamo", "sympy")) == {}


def test_what_is_heavy_is_seen(study: Path):
    """Where a command does import it."""
    assert heavy(study, [["pcsweep.figures.curves"]], HEAVY)["pcsweep.figures.curves"] == ["matplotlib"]
