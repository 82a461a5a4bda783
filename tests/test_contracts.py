"""What may import what: the contracts of pyproject.toml hold, and no exception beside the ones they were made with."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Where each library may be used: the only imports that contracts leave out. This list may get shorter.
LEFT_OUT = {
    "pcsweep.attribution.* -> captum",
    "pcsweep.export.to.duckdb -> duckdb",
    "pcsweep.export.to.mlflow -> mlflow",
    "pcsweep.export.to.wandb -> wandb",
    "pcsweep.figures -> matplotlib",
    "pcsweep.figures.* -> matplotlib",
    "pcsweep.report.page -> jinja2",
    "pcsweep.report.page -> plotly",
    "pcsweep.search.* -> cmaes",
    "pcsweep.search.* -> optuna",
    "pcsweep.sweep.job -> submitit",
    "pcsweep.sweep.executor.slurm.submission -> submitit",
    "pcsweep.sweep.task -> submitit",
    "pcsweep.train.* -> lightning_fabric",
    "pcsweep.train.* -> pytorch_lightning",
}


def test_every_contract_is_kept():
    """In a process of its own, since import-linter sets up logging."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(contracts())} kept, 0 broken." in done.stdout


def test_no_exception_has_been_added():
    assert {each for contract in contracts() for each in contract.get("ignore_imports", [])} <= LEFT_OUT


def contracts():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
