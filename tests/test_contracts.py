"""What may import what: the contracts of pyproject.toml hold, and no exception beside the ones they were made with."""

import tomllib
from pathlib import Path

from importlinter.application.use_cases import create_report, read_user_options
from importlinter.configuration import configure

ROOT = Path(__file__).parent.parent
# Where each library may be used: the only imports that contracts leave out. This list may get shorter.
LEFT_OUT = {
    "pcsweep.attribution.* -> captum",
    "pcsweep.figures -> matplotlib",
    "pcsweep.figures.* -> matplotlib",
    "pcsweep.report.page -> jinja2",
    "pcsweep.report.page -> plotly",
    "pcsweep.sweep.job -> submitit",
    "pcsweep.sweep.submission -> submitit",
    "pcsweep.sweep.task -> submitit",
}


def test_every_contract_is_kept():
    configure()
    report = create_report(read_user_options(str(ROOT / "pyproject.toml")), cache_dir=None)
    assert {contract.name: check.kept for contract, check in report.get_contracts_and_checks()} == {
        contract["name"]: True for contract in contracts()
    }
    assert report.contains_failures is False


def test_no_exception_has_been_added():
    assert {each for contract in contracts() for each in contract.get("ignore_imports", [])} <= LEFT_OUT


def contracts():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
