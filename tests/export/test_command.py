"""The words of `pcsweep export`: what is refused, and how."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pcsweep.export.__main__ import main
from pcsweep.export.words import TO

Export = Callable[[Sequence[str]], int]


def test_places() -> None:
    assert set(TO) >= {"csv", "duckdb"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Expected `to` to be one of csv, duckdb"),
        (["to=excel"], "but got 'excel'"),
        (["to=csv", "gzip=perhaps"], "Expected `gzip` to be true or false, but got 'perhaps'"),
        (["to=duckdb", "gzip=true"], "Expected `gzip` with `to=csv` alone, but got `to=duckdb`"),
        (["to=csv", "resamples=1"], "Expected `resamples` to be a whole number of at least 2, but got '1'"),
        (["to=csv", "colour=red"], "but got 'colour'"),
        (["to=csv", "timesteps=99"], "Expected `timesteps` to be 3, as in the shards, but got 99"),
    ],
)
def test_a_wrong_word(words: list[str], said: str, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study=toy", f"output_root={study.parent}", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(study.rglob("export/*.*"))


def test_no_such_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["study=none", f"output_root={tmp_path}", "to=csv"]) == 2
    assert "Expected `study` to name a study" in capsys.readouterr().err


def test_a_place_that_cannot_be(study: Path, export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    (study / "file").touch()
    assert export(["to=csv", f"into={study}/file"]) == 2
    assert "Expected `into` to be a folder that can be written" in capsys.readouterr().err
    assert export(["to=duckdb", f"into={study}"]) == 2
    assert f"but {study} is a folder; try {study}/toy.duckdb" in capsys.readouterr().err
    (study / "file").write_text("a text of somebody's")
    for to in ("duckdb", "mlflow"):
        assert export([f"to={to}", f"into={study}/file"]) == 2
        assert f"Expected `into` to be a new file or one of {to}, but {study}/file is another" in capsys.readouterr().err
    assert (study / "file").read_text() == "a text of somebody's"


def test_a_package_that_is_not_installed(
    study: Path, export: Export, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Nothing:
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            if name == "duckdb":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.delitem(sys.modules, "pcsweep.export.to.duckdb", raising=False)
    monkeypatch.delitem(sys.modules, "duckdb", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Nothing(), *sys.meta_path])
    assert export(["to=duckdb"]) == 2
    assert (
        "Expected the package duckdb for `to=duckdb`, but it is not installed: pip install 'pcsweep[duckdb]'."
        in capsys.readouterr().err
    )
    monkeypatch.delitem(sys.modules, "pcsweep.export.to.duckdb", raising=False)
